import type { Clock } from '../core/clock.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import { parseCompactJwt, type CompactJwt } from '../tokens/compact-jwt.js';
import type { TokenCache, SeenToken } from '../tokens/token-cache.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { TrustedIssuer } from './issuer-chain.js';
import type { Authentication } from './authentication.js';
import { userOf } from './user-of.js';

/** @internal */
export interface TokenAuthenticationParts {
  /** The trusted issuer for a token that names `iss`. */
  readonly trusted: (iss: string | undefined) => MaybePromise<TrustedIssuer>;
  /** Absent: every token is verified anew. */
  readonly cache: TokenCache | undefined;
  readonly clock: Clock;
}

/**
 * A token, the rules of the call, and how far its authentication has come: what may be reported when
 * it fails.
 *
 * @internal
 */
export interface AuthenticationAttempt {
  readonly token: string;
  readonly options: JwksVerifyOptions | undefined;
  /** Whether a token that is not known is timed. */
  readonly isTimed: boolean;
  startedAt: number | undefined;
  /** Whether it was verified before. */
  isKnown: boolean;
  jwt: (Pick<VerifiedToken, 'header' | 'issuer'> & Pick<CompactJwt, 'claims'>) | undefined;
  /** The issuer that is trusted to have made it. */
  trustedIssuer: TrustedIssuer | undefined;
}

/**
 * From a string to a user: canonical form, trusted issuer, signature and claims, the application's
 * `validate`. A token that was verified before goes the same way with less work.
 *
 * @internal
 */
export class TokenAuthentication {
  constructor(private readonly parts: TokenAuthenticationParts) {}

  /** Synchronous, throwing too, for a token that was verified before and needs no new keys. */
  authenticate(given: AuthenticationAttempt): MaybePromise<Authentication> {
    const { cache, trusted } = this.parts;
    const { token } = given;
    const digest = cache?.digest(token);
    const seen = digest === undefined ? undefined : cache?.get(digest);
    if (seen && digest !== undefined) return this.verifyKnown(given, seen, digest);
    if (given.isTimed) given.startedAt ??= this.parts.clock.monotonic();
    const jwt = parseCompactJwt(token);
    given.jwt = jwt;
    const found = trusted(jwt.issuer);
    return isPromise(found)
      ? found.then((trustedIssuer) => this.verifyFirstSeen(trustedIssuer, given, jwt, digest))
      : this.verifyFirstSeen(found, given, jwt, digest);
  }

  private verifyKnown(given: AuthenticationAttempt, seen: SeenToken, digest: string): MaybePromise<Authentication> {
    given.isKnown = true;
    given.jwt = seen.verified;
    const found = this.parts.trusted(seen.verified.issuer);
    return isPromise(found)
      ? found.then((trustedIssuer) => this.verifyKnownBy(trustedIssuer, given, seen, digest))
      : this.verifyKnownBy(found, given, seen, digest);
  }

  private verifyKnownBy(
    trustedIssuer: TrustedIssuer,
    given: AuthenticationAttempt,
    seen: SeenToken,
    digest: string,
  ): MaybePromise<Authentication> {
    given.trustedIssuer = trustedIssuer;
    const rules = trustedIssuer.rulesFor(seen.verified.issuer, given.options);
    const verified = trustedIssuer.verifier.verifyAgain(given.token, seen, rules);
    if (isPromise(verified))
      return this.conclude(trustedIssuer, given.token, verified, { digest, selector: seen.selector, rules });
    const authentication = authenticationOf(given.token, verified, trustedIssuer.settings);
    return isPromise(authentication) ? during(trustedIssuer, authentication) : authentication;
  }

  private verifyFirstSeen(
    trustedIssuer: TrustedIssuer,
    given: AuthenticationAttempt,
    jwt: CompactJwt,
    digest: string | undefined,
  ): Promise<Authentication> {
    given.trustedIssuer = trustedIssuer;
    const rules = trustedIssuer.rulesFor(jwt.issuer, given.options);
    return this.conclude(trustedIssuer, given.token, trustedIssuer.verifier.verify(given.token, jwt, rules), {
      digest,
      selector: jwt.selector,
      rules,
    });
  }

  private async conclude(
    trustedIssuer: TrustedIssuer,
    token: string,
    verifying: Promise<VerifiedToken>,
    { digest, selector, rules }: Pick<SeenToken, 'selector' | 'rules'> & { readonly digest: string | undefined },
  ): Promise<Authentication> {
    trustedIssuer.enter();
    try {
      const verified = await verifying;
      if (digest !== undefined) this.parts.cache?.set(digest, { selector, verified, rules });
      const authentication = authenticationOf(token, verified, trustedIssuer.settings);
      return isPromise(authentication) ? await authentication : authentication;
    } finally {
      trustedIssuer.leave();
    }
  }
}

/** Nothing of the issuer is closed before `work` is done. */
async function during<T>(trustedIssuer: TrustedIssuer, work: Promise<T>): Promise<T> {
  trustedIssuer.enter();
  try {
    return await work;
  } finally {
    trustedIssuer.leave();
  }
}

function authenticationOf(
  accessToken: string,
  token: VerifiedToken,
  settings: ResolvedIssuer,
): MaybePromise<Authentication> {
  const { validate, scopesFrom } = settings;
  const found = userOf(token, validate);
  return isPromise(found)
    ? found.then((user) => ({ token, accessToken, user, scopesFrom }))
    : { token, accessToken, user: found, scopesFrom };
}
