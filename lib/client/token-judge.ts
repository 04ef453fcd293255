import type { Clock } from '../core/clock.js';
import type { JwksTokenOptions } from '../options/issuer-options.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import { parseCompactJwt, type CompactJwt } from '../tokens/compact-jwt.js';
import { TokenCache, type SeenToken } from '../tokens/token-cache.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { TrustedIssuer } from './issuer-chain.js';
import { userOf } from './user-of.js';

/** A good token, and who the application says that it belongs to. @internal */
export interface Authentication {
  /** As it came. */
  readonly accessToken: string;
  readonly token: VerifiedToken;
  /** What `validate` answered; without it, the token. */
  readonly user: unknown;
  /** Where its issuer puts scopes. */
  readonly scopesFrom: JwksTokenOptions['scopesFrom'];
}

/** @internal */
export interface TokenJudgeParts {
  /** The chain for a token that names `iss`. */
  readonly trusted: (iss: string | undefined) => MaybePromise<TrustedIssuer>;
  /** Absent: every token is verified anew. */
  readonly cache: TokenCache | undefined;
  readonly clock: Clock;
}

/**
 * A token, what is asked of it, and how far it has come: what may be told of it when it goes no
 * further.
 *
 * @internal
 */
export interface TokenCase {
  readonly token: string;
  readonly options: JwksVerifyOptions | undefined;
  /** What brought it. */
  readonly connection: object | undefined;
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
export class TokenJudge {
  constructor(private readonly parts: TokenJudgeParts) {}

  /**
   * Answers, or throws, at once where nothing has to be waited for: of a token that was verified
   * before.
   */
  judge(given: TokenCase): MaybePromise<Authentication> {
    const { cache, trusted } = this.parts;
    const { token, connection } = given;
    const digest = cache && TokenCache.digest(token, connection);
    const seen = digest === undefined ? undefined : cache?.get(digest);
    if (seen && digest !== undefined) {
      if (connection) TokenCache.remember(token, digest, connection);
      return this.judgeSeen(given, seen, digest);
    }
    if (given.isTimed) given.startedAt ??= this.parts.clock.monotonic();
    const jwt = parseCompactJwt(token);
    given.jwt = jwt;
    const found = trusted(jwt.issuer);
    return isPromise(found)
      ? found.then((trustedIssuer) => this.judgeAnew(trustedIssuer, given, jwt, digest))
      : this.judgeAnew(found, given, jwt, digest);
  }

  private judgeSeen(given: TokenCase, seen: SeenToken, digest: string): MaybePromise<Authentication> {
    given.isKnown = true;
    given.jwt = seen.verified;
    const found = this.parts.trusted(seen.verified.issuer);
    return isPromise(found)
      ? found.then((trustedIssuer) => this.judgeAgain(trustedIssuer, given, seen, digest))
      : this.judgeAgain(found, given, seen, digest);
  }

  private judgeAgain(
    trustedIssuer: TrustedIssuer,
    given: TokenCase,
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

  private judgeAnew(
    trustedIssuer: TrustedIssuer,
    given: TokenCase,
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
