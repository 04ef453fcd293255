import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const SPECS: Record<string, string> = {
  'good.spec.js': `import { it } from 'vitest'; it('passes', () => {}); it.skip('is skipped', () => {});`,
  'bad.spec.js': `import { expect, it } from 'vitest'; it('fails', () => expect(1).toBe(2));`,
  'unloadable.spec.js': `import './missing.js';`,
  'hook.spec.js': `import { beforeAll, describe, it } from 'vitest';
    describe('x', () => { beforeAll(() => { throw new Error('hook'); }); it('never runs', () => {}); });`,
  'loose.spec.js': `import { it } from 'vitest';
    it('passes', () => { Promise.reject(new Error('unhandled')); });`,
};

describe('the last line of a test run', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nestjs-jwks-reporter-'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
    const reporter = JSON.stringify(join(ROOT, 'tools/summary-reporter.ts'));
    writeFileSync(
      join(folder, 'vitest.config.mjs'),
      `export default { test: { pool: 'threads', isolate: false, maxWorkers: 1, reporters: ['default', ${reporter}] } };`,
    );
    for (const [name, text] of Object.entries(SPECS)) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    [['good'], 0, '1 passed, 0 failed, 1 skipped'],
    [['good', 'bad'], 1, '1 passed, 1 failed, 1 skipped'],
    [['unloadable'], 1, '0 passed, 1 failed'],
    [['hook'], 1, '0 passed, 1 failed, 1 skipped'],
    [['loose'], 1, '1 passed, 1 failed'],
    [['no-such-file'], 1, '0 passed, 1 failed'],
  ])(
    'of %j ends with %i and says %j',
    (names, code, line) => {
      const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|FORCE_COLOR)/.test(name));
      const env = { ...Object.fromEntries(inherited), NO_COLOR: '1' };
      const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
      const { status, stdout } = spawnSync(process.execPath, [vitest, 'run', ...names], {
        cwd: folder,
        encoding: 'utf8',
        env,
      });
      expect(stdout.trimEnd().split('\n').at(-1)).toBe(line);
      expect(status).toBe(code);
    },
    30_000,
  );
});
