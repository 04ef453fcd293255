import type { SourceError } from '../core/errors.js';
import { safeText, type JwksEvents, type RefreshCause } from '../core/events.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { SourceAnswer } from '../sources/jwk-set-source.js';
import type { JwkSetCounters } from './key-lookup.js';

/** @internal */
export type MutableCounters = { -readonly [Name in keyof JwkSetCounters]: JwkSetCounters[Name] };

/** A set that was accepted, and the one it replaces. @internal */
export interface Acceptance {
  readonly from: 'source' | 'store';
  readonly set: JwkSet;
  readonly previous: JwkSet | undefined;
  /** Milliseconds that the attempt took. */
  readonly duration: number;
}

/**
 * Counts and tells what happens to one set. What a flood of requests could cause again and again is
 * reported once: more would hide what matters.
 *
 * @internal
 */
export class SetReporter {
  readonly counters: MutableCounters = {
    hits: 0,
    misses: 0,
    fetches: 0,
    failures: 0,
    rotations: 0,
    unknownKids: 0,
    refetchesSkipped: 0,
    staleServed: 0,
    storeReads: 0,
    storeFailures: 0,
  };
  private reportedStale = false;
  private toldExpired = false;
  private dropped = '[]';
  private skipsReportedUntil = { budget: Number.NEGATIVE_INFINITY, backoff: Number.NEGATIVE_INFINITY };

  constructor(
    private readonly events: JwksEvents,
    private readonly issuer: string | undefined,
  ) {}

  accepted({ from, set, previous, duration }: Acceptance): void {
    this.reportedStale = false;
    this.toldExpired = false;
    const changes = previous && previous !== set ? set.changesSince(previous) : undefined;
    const rotated = changes !== undefined && changes.added.length + changes.removed.length > 0;
    if (rotated) this.counters.rotations += 1;
    if (!this.events.observed) return;
    const { issuer } = this;
    if (set === previous && from === 'source') this.events.emit({ type: 'set.unchanged', issuer, duration });
    else this.events.emit({ type: 'set.loaded', issuer, duration, from, keys: set.size });
    if (!rotated) return;
    const added = changes.added.map(safeText);
    const removed = changes.removed.map(safeText);
    this.events.emit({ type: 'set.rotated', issuer, added, removed });
  }

  /**
   * Tells of the entries of the source's set that are not usable, when they are not those of the
   * answer before.
   */
  answered({ dropped }: JwkSet): void {
    if (dropped.length === 0 && this.dropped === '[]') return;
    const text = JSON.stringify(dropped);
    if (text === this.dropped) return;
    this.dropped = text;
    if (!this.events.observed) return;
    for (const { kid, reason } of dropped) {
      const named = kid === undefined ? {} : { kid: safeText(kid) };
      this.events.emit({ type: 'key.dropped', issuer: this.issuer, ...named, reason });
    }
  }

  failed(error: SourceError, attempt: { trigger: RefreshCause; duration: number; retryIn: number }): void {
    this.counters.failures += 1;
    if (!this.events.observed) return;
    const { issuer } = this;
    const { message: reason, code } = error;
    const { trigger, duration, retryIn } = attempt;
    if (code === 'jwks_invalid') this.events.emit({ type: 'set.rejected', issuer, duration, reason });
    this.events.emit({ type: 'refresh.failed', issuer, duration, trigger, code, reason, retryIn });
  }

  /** Once until `until` (monotonic), however many ask. */
  skipped(trigger: RefreshCause, reason: 'budget' | 'backoff', moment: { now: number; until: number }): void {
    if (!this.events.observed || moment.now < this.skipsReportedUntil[reason]) return;
    this.skipsReportedUntil[reason] = moment.until;
    this.events.emit({ type: 'refresh.skipped', issuer: this.issuer, trigger, reason });
  }

  /** Tells once from the end of a set's freshness to the next accepted set. */
  servedStale(timeLeft: number): void {
    this.counters.staleServed += 1;
    if (this.reportedStale || !this.events.observed) return;
    this.reportedStale = true;
    this.events.emit({ type: 'set.stale', issuer: this.issuer, timeLeft });
  }

  /** Emits once from the end of a set's service to the next accepted set. */
  expired(): void {
    if (this.toldExpired || !this.events.observed) return;
    this.toldExpired = true;
    this.events.emit({ type: 'set.expired', issuer: this.issuer });
  }

  /** Runs a load inside a span, where loads are traced. */
  traced(trigger: RefreshCause, load: () => Promise<SourceAnswer>): Promise<SourceAnswer> {
    const { tracer } = this.events;
    if (!tracer) return load();
    return tracer.trace({ issuer: this.issuer, trigger }, load, ({ notModified }) =>
      notModified ? 'unchanged' : 'loaded',
    );
  }
}
