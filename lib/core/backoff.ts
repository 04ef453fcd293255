/** @internal */
export interface BackoffSettings {
  /** Ceiling of the first delay, in milliseconds. */
  readonly initial: number;
  /** Ceiling of every delay, in milliseconds. */
  readonly max: number;
}

/** No server may silence us for longer than this, in milliseconds. */
const MAX_RETRY_AFTER = 3_600_000;

/**
 * A delay before attempt `attempt` (from 1), doubling, with full jitter: spreads a fleet's attempts
 * over the whole interval.
 *
 * @internal
 */
export function backoffDelay(settings: BackoffSettings, attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(settings.max, settings.initial * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling * random());
}

/**
 * Milliseconds of a `Retry-After` header: seconds or an HTTP date (RFC 9110 section 10.2.3), at
 * most an hour; `undefined` for junk and for what lies in the past.
 *
 * @internal
 */
export function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  if (!value) return undefined;
  const text = value.trim();
  const delay = /^\d{1,15}$/.test(text)
    ? Number(text) * 1000
    : /^[A-Z][a-z]{2},/.test(text)
      ? Date.parse(text) - now
      : Number.NaN;
  return delay > 0 ? Math.min(delay, MAX_RETRY_AFTER) : undefined;
}
