import { setTimeout as pause } from 'node:timers/promises';

/** Requests one after the other, all the time, and what became of them. */
export class Traffic implements AsyncDisposable {
  /** What those were rejected with that failed. */
  readonly failures: unknown[] = [];
  answered = 0;
  /** Milliseconds that the slowest one took. */
  slowest = 0;
  private isOver = false;
  private end: Promise<void> = Promise.resolve();

  private constructor(
    private readonly request: () => Promise<unknown>,
    private readonly every: number,
  ) {}

  /** `every`: milliseconds between an answer and the next request. */
  static start(request: () => Promise<unknown>, every = 5): Traffic {
    const traffic = new Traffic(request, every);
    traffic.end = traffic.flow();
    return traffic;
  }

  /** Lets it flow for a while. */
  async during(milliseconds: number): Promise<void> {
    await pause(milliseconds);
  }

  async stop(): Promise<this> {
    this.isOver = true;
    await this.end;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async flow(): Promise<void> {
    while (!this.isOver) {
      const startedAt = performance.now();
      await this.request().then(
        () => (this.answered += 1),
        (error: unknown) => this.failures.push(error),
      );
      this.slowest = Math.max(this.slowest, performance.now() - startedAt);
      await pause(this.every);
    }
  }
}
