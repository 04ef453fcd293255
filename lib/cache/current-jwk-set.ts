import type { Clock } from '../core/clock.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { PreviousAnswer } from '../sources/jwk-set-source.js';
import { withoutStaleness, type Lifetime, type Moment } from './lifetime.js';
import type { SetReporter } from './set-events.js';
import { MAX_SKEW } from './store-entry.js';

/** @internal */
export interface CachedJwkSet extends PreviousAnswer {
  /** On the monotonic clock. */
  readonly lifetime: Lifetime;
  /**
   * When its load began, on the wall clock of the process that fetched it: the order of sets among
   * processes.
   */
  readonly stamp: number;
  /** Milliseconds by which the source's clock is ahead, where it said. */
  readonly clockOffset?: number | undefined;
}

/**
 * Holds one set until another is accepted in its place.
 *
 * @internal
 */
export class CurrentJwkSet {
  value: CachedJwkSet | undefined;
  /** Called after each set that is accepted, from wherever it came. */
  onAccepted: (() => void) | undefined;
  private latestStamp = Number.NEGATIVE_INFINITY;

  constructor(
    /** False: sets are handed out and not held. */
    private readonly enabled: boolean,
    private readonly clock: Clock,
    private readonly reporter: SetReporter,
  ) {}

  /**
   * What the stamp of a set in the store has to exceed. That is the latest one that was ever held
   * here, for the wall clock may have been set back since; set back by more than clocks differ,
   * sets of that stamp come from the future and are not used anyway.
   */
  get newerThan(): number | undefined {
    return this.latestStamp <= this.clock.now() + MAX_SKEW ? this.latestStamp : this.value?.stamp;
  }

  /**
   * The stamp of a set whose load begins now: later than those before it, where that keeps it out
   * of the future.
   */
  nextStamp(): number {
    const now = this.clock.now();
    return this.latestStamp <= now + MAX_SKEW ? Math.max(now, this.latestStamp + 1) : now;
  }

  /** Accepts a set whole. A key that it shares with the one before keeps its object. */
  accept(next: CachedJwkSet, from: 'source' | 'store', startedAt: number): JwkSet {
    const previous = this.value?.set;
    const set = previous ? next.set.reusing(previous) : next.set;
    if (this.enabled) this.value = { ...next, set };
    this.latestStamp = Math.max(this.latestStamp, next.stamp);
    this.reporter.accepted({ from, set, previous, duration: this.clock.monotonic() - startedAt });
    this.onAccepted?.();
    return set;
  }

  /** The set serves to the end of its freshness only; so it stays until another one is accepted. */
  endStaleness(): void {
    if (this.value) this.value = { ...this.value, lifetime: withoutStaleness(this.value.lifetime) };
  }
}

/** @internal */
export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
