import type { JwksStore } from '../cache/jwk-set-store.js';
import { parseDuration } from '../core/clock.js';
import type { JwksCacheOptions, JwksRefetchLimitOptions } from './cache-options.js';
import { DEFAULTS, RESOLVER_DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';

/** Durations in milliseconds. @internal */
export interface ResolvedCache {
  /** `undefined`: an in-memory cache of the module's own. */
  readonly store: JwksStore | false | undefined;
  readonly ttl: number;
  readonly minTtl: number;
  readonly maxTtl: number;
  readonly respectHeaders: boolean;
  readonly refreshAhead: number;
  readonly staleIfError: number;
  readonly maxKeys: number;
  readonly prefix: string;
  readonly integrityKeys: readonly string[];
}

/** @internal */
export interface ResolvedRefetchLimit {
  readonly burst: number;
  readonly every: number;
}

const NAMES: readonly (keyof JwksCacheOptions)[] = [
  'store',
  'ttl',
  'minTtl',
  'maxTtl',
  'respectHeaders',
  'refreshAhead',
  'staleIfError',
  'maxKeys',
  'prefix',
  'integrityKey',
];

/** @internal */
export function resolveCache(parent: OptionReader, isDynamic: boolean): ResolvedCache {
  const cache = parent.section('cache', NAMES);
  return {
    store: readStore(cache),
    ttl: cache.duration('ttl', parseDuration(DEFAULTS.cache.ttl)),
    ...readBounds(cache),
    respectHeaders: cache.boolean('respectHeaders', DEFAULTS.cache.respectHeaders),
    refreshAhead: readRefreshAhead(cache),
    staleIfError: cache.duration('staleIfError', parseDuration(DEFAULTS.cache.staleIfError), { orZero: true }),
    maxKeys: cache.integer('maxKeys', isDynamic ? RESOLVER_DEFAULTS.maxKeys : DEFAULTS.cache.maxKeys, 1, 1_000),
    prefix: cache.text('prefix', DEFAULTS.cache.prefix, /^[^\p{Cc}]{0,128}$/u, 'text of at most 128 characters'),
    integrityKeys: readIntegrityKeys(cache),
  };
}

/** @internal */
export function resolveRefetchLimit(parent: OptionReader): ResolvedRefetchLimit {
  const refetchLimit = parent.section('refetchLimit', ['burst', 'every'] satisfies (keyof JwksRefetchLimitOptions)[]);
  return {
    burst: refetchLimit.integer('burst', DEFAULTS.refetchLimit.burst, 0),
    every: refetchLimit.duration('every', parseDuration(DEFAULTS.refetchLimit.every)),
  };
}

/** A bound that is not given yields to one that is; two that are given must agree. */
function readBounds(cache: OptionReader): { minTtl: number; maxTtl: number } {
  const givenMin = cache.duration('minTtl', undefined);
  const givenMax = cache.duration('maxTtl', undefined);
  if (givenMin !== undefined && givenMax !== undefined && givenMin > givenMax) {
    throw cache.fault('minTtl', `(${givenMin} ms) is longer than "cache.maxTtl" (${givenMax} ms)`);
  }
  const [min, max] = [parseDuration(DEFAULTS.cache.minTtl), parseDuration(DEFAULTS.cache.maxTtl)];
  return {
    minTtl: givenMin ?? Math.min(min, givenMax ?? min),
    maxTtl: givenMax ?? Math.max(max, givenMin ?? max),
  };
}

function readRefreshAhead(cache: OptionReader): number {
  const value = cache.get('refreshAhead');
  if (value === undefined) return DEFAULTS.cache.refreshAhead;
  if (typeof value === 'number' && value > 0 && value <= 1) return value;
  throw cache.invalid('refreshAhead', 'a number above 0 and up to 1');
}

function readStore(cache: OptionReader): JwksStore | false | undefined {
  const store = cache.get('store');
  if (store === undefined || store === false) return store;
  const { get, set } = (store ?? {}) as Partial<JwksStore>;
  if (typeof get === 'function' && typeof set === 'function') return store as JwksStore;
  throw cache.invalid('store', 'a cache-manager Cache (something with the functions get and set), or false');
}

/** Secrets: no message repeats them. */
function readIntegrityKeys(cache: OptionReader): readonly string[] {
  const value = cache.get('integrityKey');
  if (value === undefined || value === false) return [];
  const keys: readonly unknown[] = Array.isArray(value) ? [...(value as unknown[])] : [value];
  if (keys.length > 0 && keys.every(isSecret)) return keys;
  throw cache.invalid('integrityKey', 'a secret of at least 16 characters, a list of them, or false', true);
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 16;
}
