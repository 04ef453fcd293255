import { backoffDelay } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { InvalidJwkSetError, JwksConnectionError, type SourceError } from '../core/errors.js';
import { NotAskedError } from '../sources/source-faults.js';

/** While a set serves: ceilings of the first and of every delay, in milliseconds. */
const WHILE_SERVING = { initial: 1_000, max: 60_000 };
/** While requests wait for keys: the shortest and the longest delay, in milliseconds. */
const WHILE_NEEDED = { min: 1_000, max: 2_000 };

/** @internal */
export interface LastFault {
  readonly error: SourceError;
  /** On the monotonic clock. */
  readonly at: number;
}

/**
 * When the next attempt may start after failed ones: without it, each request during an outage
 * would be one more request to a source that struggles. There are two delays. While a set serves,
 * no request waits, and attempts back off from 1 s to 60 s. While something is asked for that nothing
 * held can answer, the next attempt is at least 1 s and at most 2 s away. `Retry-After` is a hint
 * within these.
 *
 * @internal
 */
export class FailureBackoff {
  /** The last fault, also when a later attempt succeeded. */
  lastFault: LastFault | undefined;
  private failures = 0;
  private servingEndsAt = 0;
  private neededEndsAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  /** Milliseconds until an attempt may start while a set serves; 0: now. */
  get timeLeft(): number {
    return Math.max(0, this.servingEndsAt - this.clock.monotonic());
  }

  /** Milliseconds until an attempt may start for a request that nothing held can answer; 0: now. */
  get timeLeftIfNeeded(): number {
    return Math.max(0, this.neededEndsAt - this.clock.monotonic());
  }

  /** Whether the last attempt failed. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  /** Whether the source was not even asked: no caller waits because of a limit of ours. */
  get isOfLimit(): boolean {
    return this.lastFault?.error instanceof NotAskedError;
  }

  failed(error: SourceError): void {
    const now = this.clock.monotonic();
    this.failures += 1;
    this.lastFault = { error, at: now };
    const hint = hintOf(error);
    const delay = backoffDelay(WHILE_SERVING, this.failures, this.random);
    this.servingEndsAt = now + Math.max(delay, Math.min(hint, WHILE_SERVING.max));
    this.neededEndsAt = now + Math.min(Math.max(WHILE_NEEDED.min, hint), WHILE_NEEDED.max);
  }

  succeeded(): void {
    this.failures = 0;
    this.servingEndsAt = 0;
    this.neededEndsAt = 0;
  }

  /** The error for a caller that waits no longer: of the class of the last fault, which still holds. */
  toError(): SourceError {
    const Fault = this.lastFault?.error.code === 'jwks_invalid' ? InvalidJwkSetError : JwksConnectionError;
    return new Fault('The JWK Set is unavailable: the last attempt failed and no later one has succeeded yet', {
      retryable: false,
      failsOver: this.lastFault?.error.failsOver ?? true,
      allowsStale: this.lastFault?.error.allowsStale ?? true,
      retryAfter: this.timeLeftIfNeeded,
      cause: this.lastFault?.error,
    });
  }
}

/** A custom source may say anything. */
function hintOf({ retryAfter }: SourceError): number {
  return retryAfter !== undefined && retryAfter > 0 ? retryAfter : 0;
}
