// A process that runs specs with one mutant awake, replaced by a new one where a mutant hangs it or
// ends it.
import { fork } from 'node:child_process';
import { join } from 'node:path';

/**
 * For one spec: a mutant may turn a loop into an endless one. More where the spec itself takes
 * long, or nobody knows yet how long.
 */
const MAX_WAIT_WHILE_STALE = 60_000;
const SLOWER = 10;
const PATIENCE_AT_FIRST = 600_000;

/** Whether that is what became of time or process, not what a test found. */
export function isOutOfTime(failure) {
  return /timed out|^the process ended/.test(failure);
}

export class MutationRunner {
  #child;

  constructor(folder) {
    this.folder = folder;
  }

  /**
   * `milliseconds` are those of each spec where no mutant was awake, or nothing; `onPassed` hears
   * of each spec that passes. Answers with the name of the test that fails, or what became of the
   * process; '' where every spec passes.
   */
  async failureOf(id, specs, { milliseconds = new Map(), onPassed = () => {} } = {}) {
    const task = { id, specs, milliseconds, onPassed };
    const answer = await this.#run(task);
    // A machine that was busy, or asleep, is no kill. Twice is no accident.
    return isOutOfTime(answer) ? this.#run(task) : answer;
  }

  stop() {
    this.#child?.kill();
    this.#child = undefined;
  }

  #run({ id, specs, milliseconds, onPassed }) {
    const child = (this.#child ??= this.#start());
    return new Promise((resolve) => {
      let timer;
      const settle = (answer, isOver) => {
        clearTimeout(timer);
        child.removeAllListeners();
        if (isOver) {
          child.kill('SIGKILL');
          this.#child = undefined;
        }
        resolve(answer);
      };
      const watch = (spec) => {
        clearTimeout(timer);
        const patience = Math.max(MAX_WAIT_WHILE_STALE, SLOWER * milliseconds.get(spec) || PATIENCE_AT_FIRST);
        timer = setTimeout(() => settle(`${spec}: timed out: it hangs`, true), patience);
      };
      child.once('exit', () => settle('the process ended', true));
      child.on('message', (message) => {
        if (message.begun) watch(message.begun);
        else if (message.passed) onPassed(message.passed, message.milliseconds);
        else settle(message.failure, false);
      });
      child.send({ id, specs });
    });
  }

  #start() {
    return fork(join(this.folder, 'tools', 'mutation-worker.mjs'), {
      cwd: this.folder,
      env: { ...process.env, NODE_PATH: undefined },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }
}
