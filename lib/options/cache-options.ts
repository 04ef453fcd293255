import type { JwksStore } from '../cache/jwk-set-store.js';
import type { Duration } from '../core/clock.js';

/**
 * How long a JWK Set is kept, and where.
 *
 * @publicApi
 */
export interface JwksCacheOptions {
  /**
   * A cache-manager `Cache` that keeps the sets. One on Redis (`@keyv/redis`) can be shared by
   * several processes: together they fetch a set about once, and a process that starts during an
   * outage finds the keys there. A store that fails or hangs makes no request fail. With `false`
   * nothing is kept: each look-up fetches, and concurrent look-ups share a fetch.
   *
   * @default an in-memory cache-manager cache owned by the module
   */
  store?: JwksStore | false;
  /**
   * How long a set stays fresh if the response does not say. Milliseconds or `'10m'`, longer than
   * 0. If the response does say, see `minTtl` and `maxTtl`.
   *
   * @default '10m'
   */
  ttl?: Duration;
  /**
   * The shortest freshness that Cache-Control, Expires and Age of a response can give; `no-store`
   * and `no-cache` mean this one. Milliseconds or `'1m'`, longer than 0, at most `maxTtl`. If only
   * a shorter `maxTtl` is given, `minTtl` is lowered to it.
   *
   * @default '1m'
   */
  minTtl?: Duration;
  /**
   * The longest freshness that Cache-Control, Expires and Age of a response can give. It bounds how
   * long a removed key stays trusted while the provider is up. Milliseconds or `'1h'`, longer than
   * 0. If only a longer `minTtl` is given, `maxTtl` is raised to it.
   *
   * @default '1h'
   */
  maxTtl?: Duration;
  /**
   * Whether Cache-Control, Expires and Age of a response are used. With `false` only `ttl` counts.
   * ETag and Last-Modified are used either way.
   *
   * @default true
   */
  respectHeaders?: boolean;
  /**
   * The part of its freshness after which a set in use is refreshed in the background, so that no
   * request waits for it. A random part of up to 10 % is subtracted. More than 0, at most 1; `1`
   * refreshes only at the end of the freshness.
   *
   * @default 0.8
   */
  refreshAhead?: number;
  /**
   * How long a set is served past its freshness while every source fails. It begins when the lifetime
   * ends that the provider gave the set, of which a day counts at most, even if `maxTtl` made the set
   * stale before. Milliseconds or `'24h'`; `0` means not at all. It does not cover a provider that publishes a set without any usable key.
   *
   * @default '24h'
   */
  staleIfError?: Duration;
  /**
   * The largest number of keys in a set; one with more is rejected. A whole number from 1 to 1,000.
   * For issuers that a function returned (`issuers`) the default is 100.
   *
   * @default 1_000
   */
  maxKeys?: number;
  /**
   * The beginning of the keys in `store`. A hash of issuer and URI follows, so sets of different
   * issuers never share an entry. Change it only to separate environments that share a store.
   *
   * @default 'jwks:'
   */
  prefix?: string;
  /**
   * A secret that authenticates entries in `store` with an HMAC over entry, issuer and URI. At
   * least 16 characters, the same in all processes. An entry with a missing or wrong HMAC counts as
   * not found and is reported, so a client that can write to the store cannot plant keys. To change
   * it, give a list: the first secret signs, and all are accepted.
   *
   * @default none (everything in the store is trusted)
   */
  integrityKey?: string | readonly string[] | false;
}

/**
 * How often access tokens can cause a fetch of the JWK Set. A token bucket for each set: unknown
 * kids and bad signatures take from it.
 *
 * @publicApi
 */
export interface JwksRefetchLimitOptions {
  /**
   * How many refetches unknown kids and bad signatures can cause at once, for each set. A whole
   * number; `0` means none, so that a rotated key is found by the next refresh only.
   *
   * @default 3
   */
  burst?: number;
  /**
   * The time after which one more refetch is allowed, up to `burst`. Milliseconds or `'5s'`, longer
   * than 0.
   *
   * @default '5s'
   */
  every?: Duration;
}
