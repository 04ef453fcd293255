import type { JWK } from 'jose';

/** A JWK Set to send, and for how long others may keep it. Durations in milliseconds. @internal */
export interface Publication {
  readonly keys: readonly Readonly<JWK>[];
  readonly maxAge: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
}

/** Where the endpoint's set comes from. @internal */
export interface Publisher {
  /**
   * Rejects where there is nothing to publish at the moment; with a `retryAfter` in milliseconds
   * where that is known.
   */
  publish(): Promise<Publication>;
  close?(): void;
}

const SECOND = 1_000;
/** @internal */
export const MAX_STALE_WHILE_REVALIDATE = 60 * SECOND;
/** While the endpoint is down, old keys are better than none. @internal */
export const STALE_IF_ERROR = 86_400 * SECOND;

/**
 * Keys that nothing is known to change before `until`, a moment as far from now as that.
 *
 * @internal
 */
export function publication(
  keys: readonly Readonly<JWK>[],
  maxAge: number,
  until = Number.POSITIVE_INFINITY,
): Publication {
  const age = Math.max(0, Math.min(maxAge, until));
  return {
    keys,
    maxAge: age,
    staleWhileRevalidate: Math.min(MAX_STALE_WHILE_REVALIDATE, maxAge / 10, until - age),
    staleIfError: STALE_IF_ERROR,
  };
}

/** Whole seconds, and never one more than allowed. @internal */
export function cacheControl({ maxAge, staleWhileRevalidate, staleIfError }: Publication): string {
  const seconds = (duration: number) => Math.max(0, Math.floor(duration / SECOND));
  const whole = seconds(maxAge);
  return [
    'public',
    `max-age=${whole}`,
    `stale-while-revalidate=${seconds(staleWhileRevalidate)}`,
    `stale-if-error=${seconds(staleIfError)}`,
  ].join(', ');
}
