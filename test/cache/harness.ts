import type { JwkSetCacheSettings } from '../../lib/cache/jwk-set-cache.js';
import { JwkSetCache } from '../../lib/cache/jwk-set-cache.js';
import { JwkSetStore, type JwksStore } from '../../lib/cache/jwk-set-store.js';
import { JwksEvents, type JwksEvent, type JwksEventType } from '../../lib/core/events.js';
import { ManualClock } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** The defaults of the options. */
export const SETTINGS: JwkSetCacheSettings = {
  ttl: 10 * MINUTE,
  minTtl: MINUTE,
  maxTtl: HOUR,
  respectHeaders: true,
  refreshAhead: 0.8,
  staleIfError: 24 * HOUR,
  deadline: 10 * SECOND,
  enabled: true,
  refetchLimit: { burst: 3, every: 5 * SECOND },
  waitsForNextAttempt: true,
  issuer: 'https://id.example.com/',
};

export interface Rig {
  readonly clock: ManualClock;
  readonly source: ScriptedSource;
  readonly cache: JwkSetCache;
  readonly told: JwksEvent[];
  /** The events of one type, without what they were told before. */
  tellings<T extends JwksEventType>(type: T): Extract<JwksEvent, { type: T }>[];
}

export interface RigOptions extends Partial<JwkSetCacheSettings> {
  clock?: ManualClock;
  source?: ScriptedSource;
  store?: JwksStore;
  integrityKey?: string | string[];
  /**
   * 1, unless told otherwise: whole backoff delays, the whole jitter, so a set of 10 minutes ages
   * from 7.2 on.
   */
  random?: () => number;
}

/** A cache on a clock that stands still, with a source that does as it is told. */
export function rig(options: RigOptions = {}): Rig {
  const { clock = new ManualClock(), store, integrityKey, random = () => 1, ...settings } = options;
  const source = options.source ?? new ScriptedSource(clock);
  const events = new JwksEvents();
  const told: JwksEvent[] = [];
  events.subscribe((event) => told.push(event));
  const issuer = settings.issuer ?? SETTINGS.issuer;
  const shared = store && storeOf(store, { clock, events, integrityKey, ...(issuer && { issuer }) });
  const cache = new JwkSetCache({ ...SETTINGS, ...settings }, { source, store: shared, clock, events, random });
  const tellings = <T extends JwksEventType>(type: T) =>
    told.filter((event): event is Extract<JwksEvent, { type: T }> => event.type === type);
  return { clock, source, cache, told, tellings };
}

export function storeOf(
  cache: JwksStore,
  parts: {
    clock: ManualClock;
    events?: JwksEvents;
    integrityKey?: string | string[] | undefined;
    issuer?: string;
    uri?: string;
  },
): JwkSetStore {
  const { clock, events = new JwksEvents(), integrityKey, issuer = 'https://id.example.com/' } = parts;
  const uri = parts.uri ?? 'https://id.example.com/jwks';
  const integrityKeys = integrityKey === undefined ? [] : [integrityKey].flat();
  const limits = { timeout: 250, retryAfter: 5 * SECOND, maxLength: 2_000_000 };
  const settings = { prefix: 'jwks:', issuer, uri, integrityKeys, isShared: true, ...limits };
  return new JwkSetStore(cache, settings, clock, events);
}

/** How a promise stands, without waiting for it. */
export function watch<T>(promise: Promise<T>): { value?: T; error?: unknown; settled: boolean } {
  const state: { value?: T; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(state, { value, settled: true }),
    (error: unknown) => Object.assign(state, { error, settled: true }),
  );
  return state;
}

/** The same numbers each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
