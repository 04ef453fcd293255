import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';

/** @internal */
export interface RefetchBudgetSettings {
  /** The most refetches within any span of `per` milliseconds; 0: none at all. */
  readonly refetches: number;
  readonly per: number;
}

/** How many absent kids are remembered, and for how long (milliseconds). */
const MAX_ABSENT = 1_000;
const ABSENT_FOR = 30_000;

/**
 * How often tokens may cause a fetch. Whoever sends tokens chooses their kids, so it counts all of them together, and remembers what a
 * refetch did not bring.
 *
 * @internal
 */
export class RefetchBudget {
  private lacking: object | undefined;
  private absent: LRUCache<string, true> | undefined;
  private taken: number[] = [];

  constructor(
    private readonly settings: RefetchBudgetSettings,
    private readonly clock: Clock,
  ) {}

  /** Takes one refetch, if there is one left in this span. */
  take(): boolean {
    const now = this.clock.monotonic();
    this.taken = this.taken.filter((moment) => now - moment < this.settings.per);
    if (this.taken.length >= this.settings.refetches) return false;
    this.taken.push(now);
    return true;
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

/** Made when the first kid is found absent: it takes its room at once, and there may be a thousand tenants. */
function absentKids(clock: Clock): LRUCache<string, true> {
  // One more than the clock says: a start of 0 counts as none. No resolution: with one it reads the time by a timer of its own.
  const perf = { now: () => clock.monotonic() + 1 };
  return new LRUCache({ max: MAX_ABSENT, ttl: ABSENT_FOR, ttlResolution: 0, perf });
}

function absentId(kid: string | undefined, alg: string | undefined): string {
  return JSON.stringify([kid ?? null, alg ?? null]);
}
