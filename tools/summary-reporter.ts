import { writeSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Ends the output with `N passed, N failed`, after everything else that vitest prints (the coverage
 * table too). What keeps tests from running at all counts as failed: a file that cannot be loaded,
 * a hook that throws, an uncaught error, a test that never ended.
 */
export default class SummaryReporter implements Reporter {
  private counts: Counts = { passed: 0, failed: 0, skipped: 0 };

  onInit(): void {
    process.once('exit', (code) => {
      // A run that failed without a failed test (no test found, say) must not read as a success.
      if (code !== 0 && this.counts.failed === 0) this.counts.failed = 1;
      writeSync(1, `${sentence(this.counts)}\n`);
    });
  }

  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<SerializedError>,
    reason: TestRunEndReason,
  ): void {
    this.counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) this.add(module);
    if (reason !== 'passed' && this.counts.failed === 0) this.counts.failed = 1;
  }

  private add(module: TestModule): void {
    this.counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) this.counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      this.counts[state === 'pending' ? 'failed' : state] += 1;
    }
  }
}

function sentence({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
