import type { Clock } from '../core/clock.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { PreviousAnswer } from '../sources/jwk-set-source.js';
import { withoutStaleness, type Lifetime, type Moment } from './lifetime.js';
import type { SetEvents } from './set-events.js';

/** @internal */
export interface HeldSet extends PreviousAnswer {
  /** On the monotonic clock. */
  readonly lifetime: Lifetime;
  /** When its load began, on the wall clock of the process that fetched it: the order of sets among processes. */
  readonly stamp: number;
}

/**
 * Holds one set until another is accepted in its place.
 *
 * @internal
 */
export class SetHolder {
  current: HeldSet | undefined;

  constructor(
    /** False: sets are handed out and not held. */
    private readonly keep: boolean,
    private readonly clock: Clock,
    private readonly told: SetEvents,
  ) {}

  /** Accepts a set whole. A key that it shares with the one before keeps its object. */
  accept(next: HeldSet, from: 'source' | 'store', startedAt: number): JwkSet {
    const previous = this.current?.set;
    const set = previous ? next.set.reusing(previous) : next.set;
    if (this.keep) this.current = { ...next, set };
    this.told.accepted({ from, set, previous, duration: this.clock.monotonic() - startedAt });
    return set;
  }

  /** The set serves to the end of its freshness only; so it stays until another one is accepted. */
  endStaleness(): void {
    if (this.current) this.current = { ...this.current, lifetime: withoutStaleness(this.current.lifetime) };
  }
}

/** @internal */
export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
