import { setTimeout as pause } from 'node:timers/promises';

/** One caller after the other, about a hundred requests a second, from start to stop. */
export class Traffic {
  requests = 0;
  failures = 0;
  private slowest = 0;
  /** The token of the requests from now on. */
  token = '';
  private readonly pending = new Set<Promise<void>>();
  private isOver = false;

  constructor(private readonly url: string) {}

  async flow(): Promise<void> {
    while (!this.isOver) {
      const request = this.send().finally(() => this.pending.delete(request));
      this.pending.add(request);
      await pause(10);
    }
  }

  /** Milliseconds that the slowest request took since this was last asked. */
  takeSlowest(): number {
    const { slowest } = this;
    this.slowest = 0;
    return slowest;
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.pending);
  }

  private async send(): Promise<void> {
    const startedAt = performance.now();
    const status = await fetch(`${this.url}/orders`, { headers: { authorization: `Bearer ${this.token}` } }).then(
      async (response) => response.text().then(() => response.status),
      () => 0,
    );
    this.requests += 1;
    this.slowest = Math.max(this.slowest, performance.now() - startedAt);
    if (status === 200) return;
    this.failures += 1;
    console.log(`          ✗ answered with ${status || 'nothing'}`);
  }
}
