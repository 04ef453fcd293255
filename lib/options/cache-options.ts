import type { JwksStore } from '../cache/jwk-set-store.js';
import type { Duration } from '../core/clock.js';

/**
 * How long a JWK Set is kept, and where.
 *
 * @publicApi
 */
export interface JwksCacheOptions {
  /**
   * A cache-manager `Cache`, with `@keyv/redis` shared by a fleet: processes then fetch about once
   * together, and one that starts during an outage finds the keys there. One that fails or hangs
   * harms no request. `false`: nothing is kept, each look-up fetches; concurrent ones share a
   * fetch.
   *
   * @default an in-memory cache-manager cache of the module's own
   */
  store?: JwksStore | false;
  /**
   * How long a set stays fresh when the response doesn't say. Milliseconds or `'10m'`, longer than
   * 0. See `minTtl` and `maxTtl` for when it does.
   *
   * @default '10m'
   */
  ttl?: Duration;
  /**
   * The least that a response's Cache-Control, Expires and Age can say; `no-store` and `no-cache`
   * mean this. Milliseconds or `'1m'`, longer than 0, at most `maxTtl`. Where only a shorter
   * `maxTtl` is given, it follows.
   *
   * @default '1m'
   */
  minTtl?: Duration;
  /**
   * The most that a response's Cache-Control, Expires and Age can say, so how long a removed key
   * can stay trusted while the identity provider is up. Milliseconds or `'1h'`, longer than 0.
   * Where only a longer `minTtl` is given, it follows.
   *
   * @default '1h'
   */
  maxTtl?: Duration;
  /**
   * `false`: Cache-Control, Expires and Age are not read, `ttl` alone counts. ETag and
   * Last-Modified are used all the same.
   *
   * @default true
   */
  respectHeaders?: boolean;
  /**
   * From this part of its life on (less up to 10 % jitter) a set that is used is refreshed in the
   * background, so that no request waits for it. More than 0, at most 1; `1`: only once it is past
   * its freshness.
   *
   * @default 0.8
   */
  refreshAhead?: number;
  /**
   * How long past its freshness a set serves while every source fails. Milliseconds or `'24h'`;
   * `0`: not at all. Does not cover an identity provider that answers with no usable key.
   *
   * @default '24h'
   */
  staleIfError?: Duration;
  /**
   * What the keys in `store` start with. A hash of issuer and URI follows, so that issuers can't
   * meet; set one of your own only to tell environments apart.
   *
   * @default 'jwks:'
   */
  prefix?: string;
  /**
   * A secret of at least 16 characters, the same in all processes: entries in `store` carry an HMAC
   * over entry, issuer and URI. One without a right HMAC is a miss and an alert, so that whoever
   * can write to the store can't plant keys.
   *
   * @default none: whoever can write to the store is trusted
   */
  integrityKey?: string;
}

/**
 * How often access tokens can cause a fetch of the JWK Set. A token bucket for each set: unknown
 * kids and bad signatures take from it.
 *
 * @publicApi
 */
export interface JwksRefetchLimitOptions {
  /**
   * How many refetches the full bucket holds. A whole number from 0. `0`: tokens cause no refetch,
   * and a rotated key is found by the next refresh only.
   *
   * @default 3
   */
  burst?: number;
  /**
   * How long it takes until one more refetch is in the bucket. Milliseconds or `'5s'`, longer than
   * 0.
   *
   * @default '5s'
   */
  every?: Duration;
}
