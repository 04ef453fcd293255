import { setTimeout as pause } from 'node:timers/promises';

/** About a hundred requests a second, from start to stop. */
export class Traffic {
  requests = 0;
  failures = 0;
  private isOver = false;
  private readonly pending = new Set<Promise<void>>();

  constructor(private readonly url: string) {}

  /** Resolves when it was stopped and the last request has its answer. */
  async flow(): Promise<void> {
    while (!this.isOver) {
      const request = this.send().finally(() => this.pending.delete(request));
      this.pending.add(request);
      await pause(10);
    }
    await Promise.all(this.pending);
  }

  stop(): void {
    this.isOver = true;
  }

  private async send(): Promise<void> {
    const failure = await fetch(this.url, { method: 'POST' }).then(
      async (response) => (response.ok ? void (await response.text()) : response.text()),
      String,
    );
    this.requests += 1;
    if (failure === undefined) return;
    this.failures += 1;
    console.log(`  ✗ ${failure}`);
  }
}
