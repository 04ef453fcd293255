import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';

/** @internal */
export interface RefetchBudgetSettings {
  /** How many refetches the full bucket holds. 0: none at all. */
  readonly burst: number;
  /** How long it takes until one more refetch is in the bucket, in milliseconds. */
  readonly every: number;
}

/** How many absent kids are remembered. */
const MAX_ABSENT = 1_000;
/** After how long the source is asked for an absent kid again: doubling, in milliseconds. */
const ASK_AGAIN = { first: 1_000, max: 30_000 };

interface Absence {
  readonly delay: number;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * A token bucket that limits how often access tokens may cause a fetch. Senders choose the kids of
 * their tokens, so all kids share the bucket. Kids that a refetch did not bring are remembered.
 *
 * @internal
 */
export class RefetchBudget {
  private lacking: object | undefined;
  private absent: LRUCache<string, Absence> | undefined;
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

  /** Gives back a refetch that the source did not answer. */
  giveBack(): void {
    this.fullAt -= this.settings.every;
  }

  /** How long until the bucket holds a refetch, in milliseconds. */
  get timeLeft(): number {
    const { burst, every } = this.settings;
    return Math.max(0, this.fullAt - this.clock.monotonic() - Math.max(0, burst - 1) * every);
  }

  /** Whether the source has answered lately that it has no such key: it is not asked again yet. */
  isAbsent(set: object, kid: string | undefined, alg: string | undefined): boolean {
    const absence = this.absenceOf(set, kid, alg);
    return absence !== undefined && this.clock.monotonic() < absence.until;
  }

  /** Whether the source has ever answered that it has no such key, as long as it has this set. */
  wasAbsent(set: object, kid: string | undefined, alg: string | undefined): boolean {
    return this.absenceOf(set, kid, alg) !== undefined;
  }

  /**
   * Remembers that the source has no such key. The next set may have it, and even the same set may be
   * that of one slow edge of the provider: the source is asked again after 1 s, 2 s, 4 s, up to 30 s.
   */
  rememberAbsent(set: object, kid: string | undefined, alg: string | undefined): void {
    // Made when the first kid is absent: it takes its memory at once, and there may be many issuers.
    if (this.lacking !== set || !this.absent) this.absent = new LRUCache({ max: MAX_ABSENT });
    this.lacking = set;
    const id = absentId(kid, alg);
    const before = this.absent.get(id);
    const delay = before ? Math.min(before.delay * 2, ASK_AGAIN.max) : ASK_AGAIN.first;
    this.absent.set(id, { delay, until: this.clock.monotonic() + delay });
  }

  private absenceOf(set: object, kid: string | undefined, alg: string | undefined): Absence | undefined {
    return this.lacking === set ? this.absent?.get(absentId(kid, alg)) : undefined;
  }
}

function absentId(kid: string | undefined, alg: string | undefined): string {
  return JSON.stringify([kid ?? null, alg ?? null]);
}
