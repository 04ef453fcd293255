import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('child-main.mjs', import.meta.url));

/**
 * A process that runs the functions of one module of `tasks/`, so that contenders share neither
 * heap, nor compiler, nor thread pool.
 */
export class Child {
  #process;
  #waiting = new Map();
  #asked = 0;
  #ended;

  /** @param {string} tasks name of a module in tasks/ */
  static async start(tasks, { execArgv = [], env = {} } = {}) {
    const child = new Child();
    const module = new URL(`../tasks/${tasks}.mjs`, import.meta.url).href;
    await child.#listen(fork(MAIN, [module], { execArgv, env: { ...process.env, NODE_ENV: 'production', ...env } }));
    return child;
  }

  /**
   * Calls a function of the module; rejects with its error, and where the process ends before it
   * has answered.
   */
  call(name, ...args) {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#asked;
    const answer = this.#wait(id);
    this.#process.send({ id, name, args });
    return answer;
  }

  async stop() {
    if (this.#ended) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }

  #listen(process) {
    this.#process = process;
    process.on('message', ({ id, answer, error }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(answer);
      else reject(new Error(error));
    });
    process.once('exit', (code, signal) => {
      this.#ended = new Error(`the process ended with ${signal ?? code}`);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
    });
    return this.#wait(0);
  }

  #wait(id) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}

/** Starts children, works with them, and ends them whatever happens. */
export async function withChildren(work) {
  const children = [];
  try {
    return await work(async (tasks, options) => {
      const child = await Child.start(tasks, options);
      children.push(child);
      return child;
    });
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}
