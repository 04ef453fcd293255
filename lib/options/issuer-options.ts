import type { JSONWebKeySet, JWTPayload } from 'jose';
import type { Duration } from '../core/clock.js';
import type { JwkSetSource } from '../sources/jwk-set-source.js';
import type { VerifiedToken } from '../tokens/verified-token.js';

/**
 * Rules for tokens. Beside `issuers` they are the default of each issuer, which may override them
 * one by one.
 *
 * @publicApi
 */
export interface JwksTokenOptions {
  /**
   * The signature algorithms that are accepted: a fixed list, never derived from a token or a key.
   * `'ML-DSA-44'`, `'ML-DSA-65'` and `'ML-DSA-87'` by name, where the runtime has them. HS256 and
   * its like, and `none`, are configuration errors (RFC 8725 section 3.1).
   *
   * @default ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512',
   * 'EdDSA', 'Ed25519']
   */
  algorithms?: readonly string[];
  /**
   * What the header's `typ` must say, such as `'at+jwt'` (RFC 9068 section 4, RFC 8725 section
   * 3.11); `application/` may be left out on either side. Tells access tokens from the ID tokens of
   * the same issuer.
   *
   * @default not checked
   */
  tokenType?: string;
  /**
   * What clocks may differ by when `exp`, `nbf`, `iat` and `maxTokenAge` are judged. Milliseconds
   * or `'5s'`; `0`: nothing.
   *
   * @default '5s'
   */
  clockTolerance?: Duration;
  /**
   * How long ago `iat` may be, whatever `exp` says; a token without `iat` is refused then.
   * Milliseconds or `'1h'`, longer than 0.
   *
   * @default not checked
   */
  maxTokenAge?: Duration;
  /**
   * Claims that a token must have. A list replaces the default: name `exp` in it, unless tokens
   * that never expire are wanted. `[]`: none.
   *
   * @default ['exp']
   */
  requiredClaims?: readonly string[];
  /**
   * The application's word on a token that is good in every other respect: revocation checks,
   * mapping. Its result is `request.user`; `undefined` leaves the `VerifiedToken` there; `null` and
   * `false` refuse, and so does whatever it throws. Runs for each request.
   *
   * @default none: `request.user` is the `VerifiedToken`
   */
  validate?(token: VerifiedToken): unknown;
  /**
   * Where the scopes are that `@Authenticated({ scopes, anyOfScopes })` asks for: names or paths of
   * claims, all of which count, or a function of the claims. A claim that is a string is divided at
   * its spaces (RFC 6749 section 3.3), one that is a list is taken as it is. A function that
   * throws, or answers with anything but a list, found none.
   *
   * @default `scope` and `scp`, each a string or a list, and `permissions`, a list
   */
  scopesFrom?: readonly string[] | ((claims: Readonly<JWTPayload>) => readonly string[]);
  /**
   * `true`: `issuer`, `jwksUri`, `failover` and a discovered `jwks_uri` may be http anywhere.
   * Without it http is for loopback only. Whoever is on the way can then replace the keys.
   *
   * @default false
   */
  allowInsecure?: boolean;
}

/**
 * A further place to have keys from: a JWKS URI, a static JWK Set, or a source of one's own.
 *
 * @publicApi
 */
export type JwksFailoverSource =
  string | { readonly jwksUri: string } | { readonly jwks: JSONWebKeySet } | { readonly source: JwkSetSource };

/**
 * Where the keys of an issuer come from. With none of `jwksUri`, `jwks` and `source`, `jwks_uri` is
 * discovered from `issuer` (OpenID Connect Discovery, then RFC 8414).
 *
 * @publicApi
 */
export interface JwksSourceOptions {
  /**
   * URL of the JWK Set: https, or http on loopback (else see `allowInsecure`); no credentials, no
   * fragment.
   *
   * @default discovered from `issuer`
   */
  jwksUri?: string;
  /**
   * A static JWK Set: no discovery, no network. Beside `jwksUri` or `source` it is the backup,
   * asked after `failover`.
   *
   * @default none
   */
  jwks?: JSONWebKeySet;
  /**
   * A source of one's own, in place of `jwksUri`. Closed with the module.
   *
   * @default none
   */
  source?: JwkSetSource;
  /**
   * Further members, tried in order when the first has no set to give. Each load starts from the
   * first again, so it comes back by itself.
   *
   * @default []
   */
  failover?: readonly JwksFailoverSource[];
}

/**
 * One issuer that is trusted.
 *
 * @publicApi
 */
export interface JwksIssuerOptions extends JwksTokenOptions, JwksSourceOptions {
  /**
   * The exact `iss` of the tokens: not a letter, not a slash is normalised. An https URL where keys
   * are discovered from it; with `jwksUri`, `jwks` or `source` any text that the issuer uses, but
   * an http URL off loopback only with `allowInsecure`. `false` trusts tokens of any issuer, or of
   * none, that the keys verify: for key look-ups, and for tokens without `iss`. `undefined` is an
   * error.
   */
  issuer: string | false;
  /**
   * `aud` must name one of these. `false` says aloud that any audience will do; `undefined` is an
   * error.
   */
  audience: string | readonly string[] | false;
}

/**
 * An issuer among several; `audience` may stand beside `issuers`, for all.
 *
 * @publicApi
 */
export interface JwksIssuerConfig extends JwksTokenOptions, JwksSourceOptions {
  /** The exact `iss` of the tokens; see {@link JwksIssuerOptions.issuer}. */
  issuer: string;
  /** @default that beside `issuers` */
  audience?: string | readonly string[] | false;
}

/**
 * Finds the options of an issuer that a token names, before its signature is verified: decide by a
 * list of your own, never by the looks of `issuer`. `undefined` or `null`: not trusted, remembered
 * for 30 seconds. What is returned is remembered for as long as the issuer is among the 1,000 used
 * last, its `issuer` must be the one asked for; use `validate` to refuse one that was switched off
 * since. A throw is answered with 503 and not remembered.
 *
 * @publicApi
 */
export type JwksIssuerResolver = (
  issuer: string,
) => JwksIssuerConfig | null | undefined | Promise<JwksIssuerConfig | null | undefined>;
