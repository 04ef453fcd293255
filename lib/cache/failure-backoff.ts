import { backoffDelay } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { InvalidJwkSetError, JwksConnectionError, type SourceError } from '../core/errors.js';

/** Ceilings of the first and of every delay, in milliseconds. */
const DELAYS = { initial: 1_000, max: 60_000 };

/** No source may silence us for longer than this, in milliseconds. */
const MAX_RETRY_AFTER = 3_600_000;

/** @internal */
export interface LastFault {
  readonly error: SourceError;
  /** On the monotonic clock. */
  readonly at: number;
}

/**
 * When the next attempt may start after failed ones: without it, each request during an outage
 * would be one more request to a source that struggles.
 *
 * @internal
 */
export class FailureBackoff {
  /** The last fault, also when a later attempt succeeded. */
  lastFault: LastFault | undefined;
  private failures = 0;
  private endsAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  /** Milliseconds until an attempt may start; 0: now. */
  get timeLeft(): number {
    return Math.max(0, this.endsAt - this.clock.monotonic());
  }

  /** Whether the last attempt failed. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  failed(error: SourceError): void {
    const now = this.clock.monotonic();
    this.failures += 1;
    this.lastFault = { error, at: now };
    const delay = backoffDelay(DELAYS, this.failures, this.random);
    this.endsAt = now + Math.max(delay, askedFor(error));
  }

  succeeded(): void {
    this.failures = 0;
    this.endsAt = 0;
  }

  /**
   * What a caller gets who would have had to wait for an attempt: of the class of the last fault,
   * which is what still holds.
   */
  toError(): SourceError {
    const Fault = this.lastFault?.error.code === 'jwks_invalid' ? InvalidJwkSetError : JwksConnectionError;
    return new Fault('The JWK Set cannot be had: the last attempt failed and the next one is not due yet', {
      retryable: false,
      retryAfter: this.timeLeft,
      cause: this.lastFault?.error,
    });
  }
}

/** A source of the application's own may say anything. */
function askedFor({ retryAfter }: SourceError): number {
  return retryAfter !== undefined && retryAfter > 0 ? Math.min(retryAfter, MAX_RETRY_AFTER) : 0;
}
