import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';

/** @internal */
export interface RefetchBudgetSettings {
  /** How many refetches the full bucket holds. 0: none at all. */
  readonly burst: number;
  /** How long it takes until one more refetch is in the bucket, in milliseconds. */
  readonly every: number;
}

/** How many absent kids are remembered, and for how long (milliseconds). */
const MAX_ABSENT = 1_000;
const ABSENT_FOR = 30_000;

/**
 * A token bucket that limits how often access tokens may cause a fetch. Senders choose the kids of
 * their tokens, so all kids share the bucket. Kids that a refetch did not bring are remembered.
 *
 * @internal
 */
export class RefetchBudget {
  private lacking: object | undefined;
  private absent: LRUCache<string, true> | undefined;
  /** When the bucket is full again, on the monotonic clock. */
  private fullAt = 0;

  constructor(
    private readonly settings: RefetchBudgetSettings,
    private readonly clock: Clock,
  ) {}

  /** Takes one refetch, if the bucket holds one. */
  take(): boolean {
    if (this.timeLeft > 0 || this.settings.burst === 0) return false;
    this.fullAt = Math.max(this.fullAt, this.clock.monotonic()) + this.settings.every;
    return true;
  }

  /** How long until the bucket holds a refetch, in milliseconds. */
  get timeLeft(): number {
    const { burst, every } = this.settings;
    return Math.max(0, this.fullAt - this.clock.monotonic() - Math.max(0, burst - 1) * every);
  }

  /** Whether a refetch has shown lately that the set lacks the key. */
  isAbsent(set: object, kid: string | undefined, alg: string | undefined): boolean {
    return this.lacking === set && this.absent?.has(absentId(kid, alg)) === true;
  }

  /** Of one set: the next one may have what it lacks. */
  rememberAbsent(set: object, kid: string | undefined, alg: string | undefined): void {
    if (this.lacking !== set) this.absent = absentKids(this.clock);
    this.lacking = set;
    this.absent?.set(absentId(kid, alg), true);
  }
}

/**
 * Made when the first kid is found absent: it takes its room at once, and there may be a thousand
 * tenants.
 */
function absentKids(clock: Clock): LRUCache<string, true> {
  // One more than the clock says: a start of 0 counts as none. No resolution: with one it reads the
  // time by a timer of its own.
  const perf = { now: () => clock.monotonic() + 1 };
  return new LRUCache({ max: MAX_ABSENT, ttl: ABSENT_FOR, ttlResolution: 0, perf });
}

function absentId(kid: string | undefined, alg: string | undefined): string {
  return JSON.stringify([kid ?? null, alg ?? null]);
}
