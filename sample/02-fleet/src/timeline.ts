import { setTimeout as pause } from 'node:timers/promises';

/** What is counted from the start on; the slowest request is that since the line before. */
export interface Figures {
  readonly requests: number;
  readonly failures: number;
  /** Milliseconds. */
  readonly slowest: number;
  readonly fetches: number;
}

const SECOND = 1_000;
const EVERY = 2;

/** Prints what happens, and what has been counted by then. */
export class Timeline {
  private readonly startedAt = performance.now();

  constructor(private readonly count: () => Figures) {}

  heading(): void {
    console.log('\n  time   requests  failures   slowest  fetches of the key set');
    this.row();
  }

  happens(what: string): void {
    console.log(`${this.time}  * ${what}`);
  }

  /** Lets time pass. */
  async pass(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= EVERY) {
      await pause(Math.min(left, EVERY) * SECOND);
      this.row();
    }
  }

  private row(): void {
    const { requests, failures, slowest, fetches } = this.count();
    const columns = [`${requests}`.padStart(9), `${failures}`.padStart(8), `${Math.round(slowest)} ms`.padStart(8)];
    console.log(`${this.time}  ${columns.join('  ')}  ${fetches}`);
  }

  private get time(): string {
    return `${Math.round((performance.now() - this.startedAt) / SECOND)} s`.padStart(6);
  }
}
