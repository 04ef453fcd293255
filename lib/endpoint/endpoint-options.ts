import type { Duration } from '../core/clock.js';
import type { KeyRingStore } from './key-ring-store.js';
import type { PublishableKey } from './publishable-key.js';

/**
 * Keys that the application signs with, and that follow one another by themselves.
 *
 * @publicApi
 */
export interface JwksKeyRingOptions {
  /**
   * `'ES256'`, `'ES384'`, `'ES512'`, `'EdDSA'`, `'Ed25519'`, `'RS256'`, `'PS256'`, and
   * `'ML-DSA-44'`, `'ML-DSA-65'` and `'ML-DSA-87'` where the runtime has them. Another one than
   * before takes effect with the next key.
   *
   * @default 'ES256'
   */
  algorithm?: string;
  /** Bits of an RSA key: 2,048 to 8,192. @default 2048 */
  modulusLength?: number;
  /** How long a key signs. @default '30d' */
  rotateEvery?: Duration;
  /**
   * How long a key is published before it signs: at least `maxAge`, at most `rotateEvery`. @default
   * '1d'
   */
  publishAhead?: Duration;
  /**
   * How long a key stays published after it signed last, and the longest that a token may live: at
   * least a minute.
   *
   * @default '1d'
   */
  keepFor?: Duration;
  /**
   * Where the ring lives: `fileKeyRingStore`, `redisKeyRingStore`, or one of your own. @default
   * memoryKeyRingStore()
   */
  store?: KeyRingStore;
}

/** Origins that may read the set from a browser: exact ones, or `'*'` for all. @publicApi */
export type JwksEndpointCors = '*' | readonly string[];

/**
 * What is published, and how. Exactly one of `keys` and `mirror`.
 *
 * @publicApi
 */
export interface JwksEndpointOptions {
  /**
   * The `iss` of the tokens that are signed here: an absolute URL without query and fragment. With
   * it the endpoint also serves `/.well-known/oauth-authorization-server` (RFC 8414), from which
   * consumers find the set.
   *
   * @default none: no metadata, and `JwksSigner` cannot sign
   */
  issuer?: string;
  /** Path of the set. A global prefix is not put before it. @default '.well-known/jwks.json' */
  path?: string;
  /**
   * A key ring; fixed keys; or a function that gives them, asked again every `maxAge`, whose last
   * good keys serve while it fails.
   */
  keys?: JwksKeyRingOptions | readonly PublishableKey[] | (() => Promise<readonly PublishableKey[]>);
  /**
   * Publishes the set that the `JwksModule` of this application keeps for an issuer, also while
   * that issuer is down. `true`: of its only issuer.
   */
  mirror?: true | string;
  /**
   * How long others may keep the set, from 1 second on; the most that a change that was not planned
   * takes to reach them.
   *
   * @default '10m'; for a mirror what is left of the freshness of the set
   */
  maxAge?: Duration;
  /** @default no CORS headers */
  cors?: JwksEndpointCors;
}

/** For `JwksEndpointModule.forRootAsync({ useClass })`. @publicApi */
export interface JwksEndpointOptionsFactory {
  createJwksEndpointOptions(): JwksEndpointOptions | Promise<JwksEndpointOptions>;
}
