import type { Clock } from '../core/clock.js';
import type { RefreshCause } from '../core/events.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { FailureBackoff } from './failure-backoff.js';
import type { SetHolder } from './held-set.js';
import type { RefetchBudget } from './refetch-budget.js';
import type { Flight, Refresher } from './refresher.js';
import type { SetEvents } from './set-events.js';

/** @internal */
export interface RefetcherSettings {
  /** How long a caller waits in all, in milliseconds. */
  readonly deadline: number;
  readonly unknownKid: { readonly per: number };
}

/** @internal */
export interface RefetcherParts {
  readonly refresher: Refresher;
  readonly holder: SetHolder;
  readonly budget: RefetchBudget;
  readonly backoff: FailureBackoff;
  readonly told: SetEvents;
  readonly clock: Clock;
}

/** What a token asked that the held set could not answer. @internal */
export interface Question {
  readonly because: RefreshCause;
  /** When the caller began to wait, on the monotonic clock. */
  readonly since: number;
  /** Number of the last flight that had been started then. */
  readonly asked: number;
  /** Whether a set answers it. */
  readonly satisfies: (set: JwkSet) => boolean;
}

/** Less is not worth an attempt, in milliseconds. */
const MIN_WAIT = 1_000;

/**
 * The refetches that tokens cause: shared, within budget and backoff.
 *
 * @internal
 */
export class Refetcher {
  constructor(
    private readonly settings: RefetcherSettings,
    private readonly parts: RefetcherParts,
  ) {}

  /**
   * Waits until the held set answers the question, or the source has answered a reload that began after it was asked: a flight already under
   * way may bring what was published before. False where that could not be had. Never rejects.
   */
  async refetch(question: Question): Promise<boolean> {
    const { refresher, holder } = this.parts;
    while (refresher.answered <= question.asked) {
      const flight = refresher.flight ?? this.launch(question);
      if (!flight || !(await flight.settled)) return false;
      const held = holder.current;
      if (held && question.satisfies(held.set)) return true;
    }
    return true;
  }

  private launch({ because, since, satisfies }: Question): Flight | undefined {
    const { backoff, budget, clock, refresher } = this.parts;
    const within = this.settings.deadline - (clock.monotonic() - since);
    if (within < Math.min(MIN_WAIT, this.settings.deadline / 2)) return undefined;
    if (backoff.timeLeft > 0) return this.skip(because, 'backoff', backoff.timeLeft);
    if (!budget.take()) return this.skip(because, 'budget', this.settings.unknownKid.per);
    return refresher.start({ because, reload: true, satisfies, within });
  }

  private skip(because: RefreshCause, reason: 'budget' | 'backoff', duration: number): undefined {
    const { clock, told } = this.parts;
    const now = clock.monotonic();
    told.counters.refetchesSkipped += 1;
    told.skipped(because, reason, { now, until: now + duration });
    return undefined;
  }
}
