import type { Clock } from '../core/clock.js';
import type { RefreshCause } from '../core/events.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { FailureBackoff } from './failure-backoff.js';
import type { CurrentJwkSet } from './current-jwk-set.js';
import type { RefetchBudget } from './refetch-budget.js';
import type { RunningAttempt, Refresher } from './refresher.js';
import type { SetReporter } from './set-events.js';

/** @internal */
export interface MissingKeyRefreshSettings {
  /** How long a caller waits in all, in milliseconds. */
  readonly deadline: number;
  readonly refetchLimit: { readonly every: number };
}

/** @internal */
export interface MissingKeyRefreshParts {
  readonly refresher: Refresher;
  readonly currentSet: CurrentJwkSet;
  readonly budget: RefetchBudget;
  readonly backoff: FailureBackoff;
  readonly reporter: SetReporter;
  readonly clock: Clock;
}

/** What a token asked that the held set could not answer. @internal */
export interface Question {
  readonly trigger: RefreshCause;
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
export class MissingKeyRefresh {
  constructor(
    private readonly settings: MissingKeyRefreshSettings,
    private readonly parts: MissingKeyRefreshParts,
  ) {}

  /**
   * Waits until the held set answers the question, or the source has answered a reload that began
   * after it was asked: a flight already under way may bring what was published before. False where
   * that is unavailable. Never rejects.
   */
  async refetch(question: Question): Promise<boolean> {
    const { refresher, currentSet } = this.parts;
    while (refresher.answered <= question.asked) {
      const running = refresher.running ?? this.start(question);
      if (!running || !(await running.settled)) return false;
      const held = currentSet.value;
      if (held && question.satisfies(held.set)) return true;
    }
    return true;
  }

  private start({ trigger, since, satisfies }: Question): RunningAttempt | undefined {
    const { backoff, budget, clock, refresher } = this.parts;
    if (backoff.timeLeftIfNeeded > 0) return this.skip(trigger, 'backoff', backoff.timeLeftIfNeeded);
    const within = this.settings.deadline - (clock.monotonic() - since);
    if (within < Math.min(MIN_WAIT, this.settings.deadline / 2)) return undefined;
    if (!budget.take()) return this.skip(trigger, 'budget', budget.timeLeft || this.settings.refetchLimit.every);
    const running = refresher.start({ trigger, reload: true, satisfies, within });
    void running.settled.then((isAnswered) => isAnswered || budget.giveBack());
    return running;
  }

  private skip(trigger: RefreshCause, reason: 'budget' | 'backoff', duration: number): undefined {
    const { clock, reporter } = this.parts;
    const now = clock.monotonic();
    reporter.counters.refetchesSkipped += 1;
    reporter.skipped(trigger, reason, { now, until: now + duration });
    return undefined;
  }
}
