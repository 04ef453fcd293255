import type { JwksTokenOptions } from '../options/issuer-options.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import type { VerifyOptions } from '../options/verify-options.js';
import type { TokenRules } from '../tokens/claims.js';
import { parseCompactJwt, type CompactJwt } from '../tokens/compact-jwt.js';
import { TokenCache, type SeenToken } from '../tokens/token-cache.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { IssuerChain } from './issuer-chain.js';
import { userOf } from './user-of.js';

/** A good token, and who the application says that it belongs to. @internal */
export interface Authentication {
  readonly token: VerifiedToken;
  /** What `validate` answered; without it, the token. */
  readonly user: unknown;
  /** Where its issuer puts scopes. */
  readonly scopesFrom?: JwksTokenOptions['scopesFrom'];
}

/** @internal */
export interface TokenJudgeParts {
  /** The chain for a token that names `iss`. */
  readonly trusted: (iss: string | undefined) => MaybePromise<IssuerChain>;
  /** Absent: every token is verified anew. */
  readonly cache: TokenCache | undefined;
}

/** A token, what is asked of it, and how far it has come: what may be told of it when it goes no further. @internal */
export interface TokenCase {
  readonly token: string;
  readonly options: VerifyOptions | undefined;
  readonly startedAt: number | undefined;
  jwt: CompactJwt | undefined;
  issuer: string | undefined;
}

/** What is known of a token before anything is verified. */
interface Opened {
  readonly digest: string | undefined;
  readonly seen: SeenToken | undefined;
  readonly jwt: CompactJwt;
}

/**
 * From a string to a user: canonical form, trusted issuer, signature and claims, the application's `validate`. A token that was verified
 * before goes the same way with less work.
 *
 * @internal
 */
export class TokenJudge {
  constructor(private readonly parts: TokenJudgeParts) {}

  /** Answers, or throws, at once where nothing has to be waited for: of a token that was verified before. */
  judge(given: TokenCase): MaybePromise<Authentication> {
    const opened = this.open(given.token);
    given.jwt = opened.jwt;
    const found = this.parts.trusted(opened.jwt.issuer);
    return isPromise(found)
      ? found.then((chain) => this.judgeBy(chain, given, opened))
      : this.judgeBy(found, given, opened);
  }

  private open(token: string): Opened {
    const { cache } = this.parts;
    const digest = cache && TokenCache.digest(token);
    const seen = digest === undefined ? undefined : cache?.get(digest);
    return { digest, seen, jwt: seen ? seen.jwt : parseCompactJwt(token) };
  }

  private judgeBy(chain: IssuerChain, given: TokenCase, opened: Opened): MaybePromise<Authentication> {
    given.issuer = chain.issuer;
    const { settings, verifier } = chain;
    const { jwt, seen } = opened;
    const rules = chain.rulesFor(jwt.issuer, given.options);
    const verified = seen ? verifier.verifyAgain(given.token, seen, rules) : verifier.verify(given.token, jwt, rules);
    if (isPromise(verified)) return during(chain, this.conclude(verified, chain, { ...opened, rules }));
    const made = authenticationOf(verified, settings);
    return isPromise(made) ? during(chain, made) : made;
  }

  private async conclude(
    verifying: Promise<VerifiedToken>,
    { settings }: IssuerChain,
    { digest, jwt, rules }: Opened & { readonly rules: TokenRules },
  ): Promise<Authentication> {
    const verified = await verifying;
    if (digest !== undefined) this.parts.cache?.set(digest, { jwt, verified, rules });
    return authenticationOf(verified, settings);
  }
}

/** Nothing of the issuer is closed before `work` is done. */
async function during<T>(chain: IssuerChain, work: Promise<T>): Promise<T> {
  chain.enter();
  try {
    return await work;
  } finally {
    chain.leave();
  }
}

function authenticationOf(token: VerifiedToken, settings: ResolvedIssuer): MaybePromise<Authentication> {
  const { validate, scopesFrom } = settings;
  const found = userOf(token, validate);
  return isPromise(found) ? found.then((user) => ({ token, user, scopesFrom })) : { token, user: found, scopesFrom };
}
