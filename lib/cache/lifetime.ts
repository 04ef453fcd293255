import type { FreshnessHints } from '../sources/jwk-set-source.js';

/**
 * `fresh`: served. `refresh-due`: served, and refreshed in the background. `stale`: past its
 * freshness, serves while no source answers. `expired`: serves no more. `empty`: none was ever
 * held.
 *
 * @publicApi
 */
export type JwkSetState = 'fresh' | 'refresh-due' | 'stale' | 'expired' | 'empty';

/** All durations in milliseconds. @internal */
export interface LifetimePolicy {
  /** Freshness of an answer that says nothing about it. */
  readonly ttl: number;
  /** Bounds of what an answer says. */
  readonly minTtl: number;
  readonly maxTtl: number;
  /** False: what an answer says about its freshness is ignored. */
  readonly respectHeaders: boolean;
  /** The part of its freshness after which a set is refreshed in the background; 1: never. */
  readonly refreshAhead: number;
  /** The most that a set serves past its freshness. */
  readonly staleIfError: number;
}

/**
 * When a set was had and what it is good for, on one clock. A set that never ages has infinite
 * times.
 *
 * @internal
 */
export interface Lifetime {
  readonly fetchedAt: number;
  readonly refreshAt: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
}

/** @internal */
export interface Arrival {
  /** When the load began: the set is at least as old as that. */
  readonly startedAt: number;
  /** When the answer came, on the same clock. */
  readonly now: number;
  /** 0 to 1: which part of the jitter applies. */
  readonly jitter: number;
}

/**
 * The most that the refresh-ahead point is brought forward, as a part of it: keeps a fleet from
 * refreshing all at once.
 */
const JITTER = 0.1;

/** How much of its own lifetime counts for a set past `maxTtl`, in milliseconds. */
const MAX_OWN_LIFETIME = 86_400_000;

/** @internal */
export function lifetimeOf(hints: FreshnessHints | undefined, policy: LifetimePolicy, arrival: Arrival): Lifetime {
  const said = policy.respectHeaders || hints?.isLocal ? (hints ?? {}) : staticHints(hints);
  const fresh = freshness(said, policy);
  const freshUntil = arrival.now + fresh;
  const bridged = staleness(said, policy);
  return {
    fetchedAt: arrival.startedAt,
    refreshAt: arrival.now + fresh * refreshPoint(policy, arrival.jitter),
    freshUntil,
    staleUntil: bridged === 0 ? freshUntil : arrival.now + Math.max(fresh, ownLifetime(said)) + bridged,
  };
}

/** A set that needs no fetching stays so, whatever is said about headers. */
function staticHints(hints: FreshnessHints | undefined): FreshnessHints {
  return hints?.maxAge === Number.POSITIVE_INFINITY ? { maxAge: hints.maxAge } : {};
}

/** What the provider calls fresh it must not be cut off from in an outage, because of `maxTtl`. */
function ownLifetime({ maxAge = 0 }: FreshnessHints): number {
  return maxAge > 0 ? Math.min(maxAge, MAX_OWN_LIFETIME) : 0;
}

function freshness({ maxAge, isLocal }: FreshnessHints, policy: LifetimePolicy): number {
  if (maxAge === Number.POSITIVE_INFINITY || (isLocal && maxAge !== undefined && maxAge >= 0)) return maxAge;
  if (maxAge === undefined || Number.isNaN(maxAge)) return policy.ttl;
  return Math.min(policy.maxTtl, Math.max(policy.minTtl, maxAge));
}

/**
 * RFC 5861 section 4: the answer may shorten what the operator allows, never lengthen it. RFC 9111
 * section 5.2.2.2 forbids to serve stale with `must-revalidate`; the operator's `staleIfError` is a
 * decision about outages that wins.
 */
function staleness({ staleIfError }: FreshnessHints, policy: LifetimePolicy): number {
  if (staleIfError === undefined || Number.isNaN(staleIfError)) return policy.staleIfError;
  return Math.min(policy.staleIfError, Math.max(0, staleIfError));
}

function refreshPoint({ refreshAhead }: LifetimePolicy, jitter: number): number {
  return refreshAhead >= 1 ? 1 : refreshAhead * (1 - JITTER * jitter);
}

/** Wall-clock times of a set, as processes share them. @internal */
export interface WallTimes {
  readonly fetchedAt: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
}

/** One moment on both clocks. @internal */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

/**
 * The lifetime of a set that comes from the shared store, on the monotonic clock: never longer than
 * this process would have allowed itself, whatever the entry says. `undefined` where nothing is
 * left of it.
 *
 * @internal
 */
export function restoredLifetime(
  times: WallTimes,
  policy: LifetimePolicy,
  moment: Moment,
  jitter: number,
): Lifetime | undefined {
  const longest = policy.respectHeaders ? Math.max(policy.ttl, policy.maxTtl) : policy.ttl;
  const fetchedAt = Math.min(times.fetchedAt, moment.wall);
  const freshUntil = Math.min(times.freshUntil, fetchedAt + longest);
  const own =
    policy.respectHeaders && policy.staleIfError > 0 ? Math.max(freshUntil, fetchedAt + MAX_OWN_LIFETIME) : freshUntil;
  const staleUntil = Math.min(times.staleUntil, own + policy.staleIfError);
  if (!(moment.wall < staleUntil)) return undefined;
  const shift = moment.monotonic - moment.wall;
  return {
    fetchedAt: fetchedAt + shift,
    refreshAt: fetchedAt + (freshUntil - fetchedAt) * refreshPoint(policy, jitter) + shift,
    freshUntil: freshUntil + shift,
    staleUntil: staleUntil + shift,
  };
}

/** The times on the wall clock, for what leaves the process. @internal */
export function wallTimes(lifetime: Lifetime, moment: Moment): WallTimes {
  const shift = moment.wall - moment.monotonic;
  return {
    fetchedAt: Math.round(lifetime.fetchedAt + shift),
    freshUntil: Math.round(lifetime.freshUntil + shift),
    staleUntil: Math.round(lifetime.staleUntil + shift),
  };
}

/** The same set, good to the end of its freshness only. @internal */
export function withoutStaleness(lifetime: Lifetime): Lifetime {
  return { ...lifetime, staleUntil: lifetime.freshUntil };
}

/** Each time is the first moment of the next state. @internal */
export function stateAt(lifetime: Lifetime | undefined, now: number): JwkSetState {
  if (!lifetime) return 'empty';
  if (now < lifetime.refreshAt) return 'fresh';
  if (now < lifetime.freshUntil) return 'refresh-due';
  return now < lifetime.staleUntil ? 'stale' : 'expired';
}
