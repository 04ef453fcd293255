import type { JSONWebKeySet, JWTPayload } from 'jose';
import type { Duration } from '../core/clock.js';
import type { JwksHttpOptions } from './http-options.js';
import type { JwkSetSource } from '../sources/jwk-set-source.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { ClaimRules } from '../tokens/claim-rules.js';

/**
 * Rules for tokens. Beside `issuers` they are the default of each issuer, which may override them
 * one by one.
 *
 * @publicApi
 */
export interface JwksTokenOptions {
  /**
   * The accepted signature algorithms: a fixed list, never derived from a token or a key.
   * `'ML-DSA-44'`, `'ML-DSA-65'` and `'ML-DSA-87'` can be named if the runtime has them. `'HS256'`,
   * its relatives and `'none'` are configuration errors (RFC 8725 section 3.1).
   *
   * @default ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512',
   * 'EdDSA', 'Ed25519']
   */
  algorithms?: readonly string[];
  /**
   * The required `typ` of the header, such as `'at+jwt'` (RFC 9068 section 4, RFC 8725 section
   * 3.11). It distinguishes access tokens from the ID tokens of the same issuer. `application/` may
   * be omitted on either side.
   *
   * @default not checked
   */
  tokenType?: string | false;
  /**
   * `'rfc9068'`: tokens must have the profile of RFC 9068, which identity providers call "RFC 9068
   * access tokens" or `at+jwt`: the type `at+jwt`, and the claims `iss`, `exp`, `aud`, `sub`,
   * `client_id`, `iat` and `jti`, besides those of `requiredClaims`. It cannot be combined with
   * `tokenType`.
   *
   * @default not checked
   */
  profile?: 'rfc9068';
  /**
   * The tolerated clock difference when `exp`, `nbf`, `iat` and `maxTokenAge` are checked.
   * Milliseconds or `'5s'`; `0` means none. Other numbers under 1,000 are an error, since seconds are
   * meant.
   *
   * @default '5s'
   */
  clockTolerance?: Duration;
  /**
   * The maximum age of a token by its `iat`, whatever `exp` says. A token without `iat` is then
   * rejected. Milliseconds or `'1h'`, longer than 0; a number under 1,000 is an error, since seconds are
   * meant.
   *
   * @default not checked
   */
  maxTokenAge?: Duration | false;
  /**
   * The claims that a token must have. A list replaces the default, so include `exp` unless you
   * want tokens that never expire. `[]` requires none.
   *
   * @default ['exp']
   */
  requiredClaims?: readonly string[];
  /**
   * Whether `sub` may be a whole number, as some issuers send it against RFC 7519 section 4.1.2. It
   * reaches the application as the number that it is.
   *
   * @default false
   */
  allowNumericSubject?: boolean;
  /**
   * Claims that every token must have, by name or path, each with its value, a list of values of which
   * one is enough, or a predicate: `{ token_use: 'access', client_id: ['web', 'mobile'] }`. For an
   * issuer of `issuers` its own take the place of the module's. A token without them is rejected with
   * 401 `claim_invalid`; what only some routes ask for goes into `@Authenticated({ claims })`.
   *
   * @default none
   */
  claims?: ClaimRules;
  /**
   * A check of the application for tokens that pass every other check, for revocation and for
   * users. Its result becomes `request.user`; `undefined` leaves the `VerifiedToken` there. `null`,
   * `false` and a throw reject the token. It runs for each request. `context.request` is the request
   * of the guard or of Passport, of a WebSocket the handshake, of a message its context; `undefined`
   * for `verify()`.
   *
   * @default none (`request.user` is the `VerifiedToken`)
   */
  validate?(token: VerifiedToken, context: { readonly request: unknown }): unknown;
  /**
   * Where the scopes are that `@Authenticated({ scopes, anyOfScopes })` requires: names or paths of
   * claims, all of which count, or a function of the claims. A claim that is a string is split at
   * spaces (RFC 6749 section 3.3), one that is a list is used as it is. If the function throws or
   * does not return a list, the token has no scopes.
   *
   * @default `scope` and `scp`, each a string or a list, and `permissions`, a list
   */
  scopesFrom?: readonly string[] | ((claims: Readonly<JWTPayload>) => readonly string[]);
  /**
   * Whether `issuer`, `jwksUri`, `failover` and a discovered `jwks_uri` may use plain http outside
   * of loopback. An attacker on the network path can then replace the keys.
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
 * discovered from `discoveryUri` or `issuer` (OpenID Connect Discovery, then RFC 8414).
 *
 * @publicApi
 */
export interface JwksSourceOptions {
  /**
   * The URL of the JWK Set: https, or http on loopback (see `allowInsecure`), without credentials
   * or fragment. If neither `jwksUri`, `jwks` nor `source` is given, it is discovered from
   * `issuer`, by OpenID Connect Discovery and then by RFC 8414.
   *
   * @default discovered from `issuer`
   */
  jwksUri?: string;
  /**
   * The URL of the issuer's metadata, where it is not at a well-known place below `issuer`, as with
   * the user flows of Entra External ID (Azure AD B2C). The keys are at the `jwks_uri` that it names.
   * Its `issuer`, or the `access_token_issuer` of AD FS, must be `issuer` exactly. The same rules as
   * for `jwksUri`, which it cannot be combined with.
   *
   * @default the well-known places below `issuer`
   */
  discoveryUri?: string;
  /**
   * A static JWK Set, which needs no discovery and no network. Next to `jwksUri` or `source` it is
   * the backup, used after `failover`.
   *
   * @default none
   */
  jwks?: JSONWebKeySet;
  /**
   * A custom source in place of `jwksUri`. It is closed with the module.
   *
   * @default none
   */
  source?: JwkSetSource;
  /**
   * Further places to load the set from, tried in order when the first has no set to offer: JWKS
   * URIs, `{ jwks }` or `{ source }`. Each load starts with the first place again.
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
   * The exact `iss` of the tokens; nothing is normalized, not even a trailing slash. It must be an
   * https URL if keys are discovered from it. With `jwksUri`, `jwks` or `source` it may be any text
   * that the issuer uses, but an http URL outside of loopback needs `allowInsecure`. `false`
   * accepts tokens of any issuer, and tokens without `iss`, if the keys verify them: use it for key
   * look-ups. `undefined` is an error.
   */
  issuer: string | false;
  /**
   * The value, or one of the values, that `aud` must contain. `false` switches the check off
   * explicitly; `undefined` is an error.
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
  /**
   * How the keys of this issuer are fetched. What is absent is as in `http` of the module, except
   * `headers` and `tls`, which are secrets between the application and one provider.
   *
   * @default `http` of the module, without `headers` and `tls`
   */
  http?: JwksHttpOptions;
}

/**
 * Finds the options of an issuer that a token names, before its signature is verified: decide by a
 * list of your own, never by the looks of `issuer`. With `undefined` or `null` it is not trusted,
 * which is remembered for 30 seconds. Otherwise its `issuer` must be the one asked for, and the
 * result is used for `issuersTtl`. A function that throws, returns unusable options or does not
 * return within `http.deadline` makes tokens of the issuer fail with 503.
 *
 * Tokens that are not verified cause at most 50 calls, and another one every 1.2 seconds; beyond
 * that, tokens of new issuers fail with 503. A call that leads to a verified token does not count.
 *
 * @publicApi
 */
export type JwksIssuerResolver = (
  issuer: string,
) => JwksIssuerConfig | null | undefined | Promise<JwksIssuerConfig | null | undefined>;
