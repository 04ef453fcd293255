import type { Clock } from '../core/clock.js';
import type { LastFault } from './failure-backoff.js';
import { momentOf, type CachedJwkSet } from './current-jwk-set.js';
import type { JwkSetCounters, KeyLookupStatus } from './key-lookup.js';
import { wallTimes, type JwkSetState } from './lifetime.js';

/** @internal */
export interface DescribedSet {
  readonly held: CachedJwkSet | undefined;
  readonly fault: LastFault | undefined;
  readonly counters: JwkSetCounters;
  readonly clock: Clock;
}

/** What `status()` says: plain data for JSON, times on the wall clock. @internal */
export function describeSet(state: JwkSetState, { held, fault, counters, clock }: DescribedSet): KeyLookupStatus {
  const moment = momentOf(clock);
  const keys = held ? [...held.set] : [];
  return {
    state,
    keys: keys.length,
    kids: keys.flatMap((key) => key.kid ?? []),
    algs: [...new Set(keys.flatMap((key) => key.alg ?? []))],
    ...(held && finite(wallTimes(held.lifetime, moment))),
    ...(fault && {
      lastFault: {
        code: fault.error.code,
        message: fault.error.message,
        at: Math.round(fault.at - moment.monotonic + moment.wall),
      },
    }),
    counters: { ...counters },
  };
}

/** A set that never ages has no end. */
function finite<T extends object>(times: T): Partial<T> {
  return Object.fromEntries(Object.entries(times).filter(([, time]) => Number.isFinite(time))) as Partial<T>;
}
