import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { JwksClientOptions } from 'nestjs-jwks';

const WORKER = fileURLToPath(new URL('fleet-worker.mjs', import.meta.url));

export interface FleetSettings {
  /** Compiled, for `import()`. */
  readonly lib: string;
  /** Of each process's client; what JSON can say. */
  readonly options: JwksClientOptions;
  /** The store that they share; without it each process has its own memory. */
  readonly redis?: string;
  /** Milliseconds between two verifications of a process. */
  readonly every: number;
}

/** One verification. */
export interface Outcome {
  readonly ok: boolean;
  readonly reason?: string;
  /** Milliseconds. */
  readonly took: number;
}

/** What a process did since its last report. */
export interface WorkerReport {
  readonly verified: number;
  readonly failed: number;
  /** Codes of the failures. */
  readonly reasons: readonly string[];
  /** Milliseconds that the slowest verification took. */
  readonly slowest: number;
  /** Look-ups that had to wait. */
  readonly misses: number;
  /** How often Redis did not answer in time, or not as it should. */
  readonly storeFailures: number;
}

/** Processes with a client each, which verify tokens all the time. */
export class Fleet implements AsyncDisposable {
  private constructor(readonly workers: readonly FleetWorker[]) {}

  static async start(size: number, settings: FleetSettings): Promise<Fleet> {
    return new Fleet(await Promise.all(Array.from({ length: size }, () => FleetWorker.start(settings))));
  }

  /** The token that they verify from now on. */
  async use(token: string): Promise<void> {
    await this.each((worker) => worker.use(token));
  }

  /** All of them, once, at the same time. */
  verify(token: string): Promise<Outcome[]> {
    return this.each((worker) => worker.verify(token));
  }

  async report(): Promise<Pick<WorkerReport, 'verified' | 'failed' | 'reasons' | 'slowest' | 'storeFailures'>> {
    const reports = await this.each((worker) => worker.report());
    return {
      verified: reports.reduce((sum, { verified }) => sum + verified, 0),
      failed: reports.reduce((sum, { failed }) => sum + failed, 0),
      reasons: [...new Set(reports.flatMap(({ reasons }) => reasons))],
      slowest: Math.max(...reports.map(({ slowest }) => slowest)),
      storeFailures: reports.reduce((sum, { storeFailures }) => sum + storeFailures, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.workers) worker.kill();
  }

  private each<T>(work: (worker: FleetWorker) => Promise<T>): Promise<T[]> {
    return Promise.all(this.workers.map(work));
  }
}

/** One process. A question to one that has ended is rejected: a crash is a failed test. */
export class FleetWorker implements Disposable {
  private readonly waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  private asked = 0;
  private ended: Error | undefined;

  private constructor(private readonly child: ChildProcess) {}

  static async start(settings: FleetSettings): Promise<FleetWorker> {
    const env = { ...process.env, FLEET_WORKER: JSON.stringify(settings) };
    const worker = new FleetWorker(fork(WORKER, { env, execArgv: [] }));
    await worker.listen();
    return worker;
  }

  use(token: string): Promise<void> {
    return this.ask('use', token);
  }

  verify(token: string): Promise<Outcome> {
    return this.ask('verify', token);
  }

  report(): Promise<WorkerReport> {
    return this.ask('report');
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  [Symbol.dispose](): void {
    this.kill();
  }

  /** Resolves when it is ready. */
  private listen(): Promise<unknown> {
    this.child.on('message', ({ id, answer }: { id: number; answer?: unknown }) =>
      this.waiting.get(id)?.resolve(answer),
    );
    this.child.once('exit', (code, signal) => {
      this.ended = new Error(`A process of the fleet ended with ${signal ?? code}`);
      for (const { reject } of this.waiting.values()) reject(this.ended);
    });
    return new Promise((resolve, reject) => this.waiting.set(0, { resolve, reject }));
  }

  private ask<T>(task: string, token?: string): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
    const id = ++this.asked;
    return new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, task, token });
    }).finally(() => this.waiting.delete(id)) as Promise<T>;
  }
}
