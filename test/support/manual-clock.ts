import type { Clock } from '../../lib/core/clock.js';
import { parseDuration, type Duration } from '../../lib/core/clock.js';

interface Timer {
  at: number;
  callback: () => void;
}

/** A clock that stands still until moved; wall and monotonic time can be moved apart. */
export class ManualClock implements Clock {
  private readonly timers = new Set<Timer>();
  private elapsed = 0;

  /** `rest` gives everybody else their turn. */
  constructor(
    private wall = Date.UTC(2026, 0, 1),
    private readonly rest: () => Promise<void> = settle,
  ) {}

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.elapsed;
  }

  timer(delay: number, callback: () => void): () => void {
    const timer = { at: this.elapsed + Math.max(0, delay), callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** How many timers are set: 0 when nothing waits. */
  get pending(): number {
    return this.timers.size;
  }

  /**
   * Lets time pass; timers due on the way fire in order, and what they start gets its turn before
   * time goes on.
   */
  async pass(duration: Duration): Promise<void> {
    const end = this.elapsed + parseDuration(duration);
    await this.rest();
    for (;;) {
      const next = [...this.timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.advanceTo(next.at);
      this.timers.delete(next);
      next.callback();
      await this.rest();
    }
    this.advanceTo(end);
    await this.rest();
  }

  /** The process stands still: timers that ran out meanwhile fire together at the end. */
  async stall(duration: Duration): Promise<void> {
    this.advanceTo(this.elapsed + parseDuration(duration));
    await this.pass(0);
  }

  /** Sets the wall clock forward (or back, by a negative figure) without any time passing. */
  jump(milliseconds: number): void {
    this.wall += milliseconds;
  }

  /** Timers that are overdue are no way back. */
  private advanceTo(moment: number): void {
    if (moment < this.elapsed) return;
    this.wall += moment - this.elapsed;
    this.elapsed = moment;
  }
}

/** Gives pending promises and I/O callbacks their turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
