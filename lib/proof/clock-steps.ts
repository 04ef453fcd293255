import type { Clock } from '../core/clock.js';

/** By how much the clocks of processes that share a store may differ, in milliseconds. @internal */
export const CLOCK_SPREAD = 5_000;
/** A clock that goes back by more has been wrong for long: what it said is no measure of anything. */
const LARGEST_STEP = 3_600_000;

/**
 * Whether a replay store may have forgotten a proof that is valid by the wall clock. Stores measure
 * how long they keep one: where the wall clock is set back, proofs that have ended begin to be valid
 * again.
 *
 * @internal
 */
export class ClockSteps {
  /** By how much the wall clock was ahead of the monotonic one, at most. */
  private ahead = Number.NEGATIVE_INFINITY;
  /** When the proofs end that were asked about since the last step. */
  private end = Number.NEGATIVE_INFINITY;
  /** The same two, of all that was before a step. */
  private before = { ahead: Number.NEGATIVE_INFINITY, end: Number.NEGATIVE_INFINITY };

  constructor(private readonly clock: Clock) {}

  /** @param end - until when the proof is valid, in milliseconds of the wall clock */
  mayHaveForgotten(end: number): boolean {
    const monotonic = this.clock.monotonic();
    this.look(this.clock.now() - monotonic);
    const { before } = this;
    // Kept until the clock, had it not been set back, would be past its end.
    if (end <= before.end && end <= monotonic + before.ahead - CLOCK_SPREAD) return true;
    this.end = Math.max(this.end, end);
    return false;
  }

  private look(ahead: number): void {
    const step = this.ahead - ahead;
    if (step <= CLOCK_SPREAD) {
      this.ahead = Math.max(this.ahead, ahead);
      return;
    }
    if (step <= LARGEST_STEP)
      this.before = { ahead: Math.max(this.before.ahead, this.ahead), end: Math.max(this.before.end, this.end) };
    this.ahead = ahead;
    this.end = Number.NEGATIVE_INFINITY;
  }
}
