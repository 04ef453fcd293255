import type { Clock } from '../core/clock.js';
import { isJwksError, TokenRefusedError, UnsupportedAlgorithmError, type TokenError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwksTokenOptions } from '../options/issuer-options.js';
import type { VerifyOptions } from '../options/verify-options.js';
import { parseCompactJwt, type CompactJwt } from '../tokens/compact-jwt.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { EventChannels } from './event-channels.js';
import type { IssuerChain } from './issuer-chain.js';

/** A good token, and who the application says that it belongs to. @internal */
export interface Authentication {
  readonly token: VerifiedToken;
  /** What `validate` answered; without it, the token. */
  readonly user: unknown;
  /** Where its issuer puts scopes. */
  readonly scopesFrom?: JwksTokenOptions['scopesFrom'];
}

/** @internal */
export interface AuthenticatorParts {
  /** The chain for a token that names `iss`. */
  readonly trusted: (iss: string | undefined) => IssuerChain | Promise<IssuerChain>;
  readonly channels: EventChannels;
  readonly clock: Clock;
}

/** How far a token has come: what may be told of it when it goes no further. */
interface Progress {
  readonly startedAt: number | undefined;
  jwt?: CompactJwt;
  issuer?: string | undefined;
}

/**
 * From a string to a user: canonical form, trusted issuer, signature and claims, the application's `validate`; and what is told of it.
 *
 * @internal
 */
export class Authenticator {
  constructor(private readonly parts: AuthenticatorParts) {}

  async authenticate(token: string, options?: VerifyOptions): Promise<Authentication> {
    const { verified, rejected } = this.parts.channels;
    const isWatched = verified.observed || rejected.observed;
    const progress: Progress = { startedAt: isWatched ? this.parts.clock.monotonic() : undefined };
    try {
      const authentication = await this.judge(token, options, progress);
      if (verified.observed) {
        verified.emit({ type: 'token.verified', issuer: progress.issuer, duration: this.elapsed(progress) });
      }
      return authentication;
    } catch (error) {
      if (rejected.observed && isJwksError(error)) this.tell(error, progress);
      throw error;
    }
  }

  /** The key that a token names; its signature and claims are not looked at. */
  async keyOf(token: string): Promise<SigningKey> {
    const jwt = parseCompactJwt(token);
    const chain = await this.parts.trusted(jwt.issuer);
    chain.enter();
    try {
      if (!chain.settings.rules.algorithms.has(jwt.header.alg)) throw new UnsupportedAlgorithmError();
      return await chain.keys.find(jwt.header);
    } finally {
      chain.leave();
    }
  }

  /** A refusal that somebody else decided upon. */
  report(error: TokenError): void {
    if (this.parts.channels.rejected.observed) this.tell(error, { startedAt: undefined });
  }

  private async judge(token: string, options: VerifyOptions | undefined, progress: Progress): Promise<Authentication> {
    const jwt = (progress.jwt = parseCompactJwt(token));
    const found = this.parts.trusted(jwt.issuer);
    const chain = found instanceof Promise ? await found : found;
    progress.issuer = chain.issuer;
    chain.enter();
    try {
      const verified = await chain.verifier.verify(jwt, chain.rulesFor(jwt.issuer, options));
      const { validate, scopesFrom } = chain.settings;
      return { token: verified, user: await userOf(verified, validate), scopesFrom };
    } finally {
      chain.leave();
    }
  }

  private tell(error: Pick<TokenError, 'code' | 'message'>, progress: Progress): void {
    const { code, message } = error;
    const reason = message + describe(progress.jwt);
    const duration = this.elapsed(progress);
    this.parts.channels.rejected.emit({ type: 'token.rejected', issuer: progress.issuer, duration, code, reason });
  }

  private elapsed({ startedAt }: Progress): number {
    return startedAt === undefined ? 0 : this.parts.clock.monotonic() - startedAt;
  }
}

/** What a developer needs to find the token's issuer and key; nobody has verified it. */
function describe(jwt: CompactJwt | undefined): string {
  if (!jwt) return '';
  const { kid, alg } = jwt.header;
  const parts = { iss: jwt.issuer, kid, alg };
  const told = Object.entries(parts).flatMap(([name, text]) =>
    text === undefined ? [] : `${name} "${safeText(text)}"`,
  );
  return ` (${told.join(', ')})`;
}

/** Passport's meaning of what `validate` answers, but for `undefined`, which is a check without a word about the user. */
async function userOf(token: VerifiedToken, validate: JwksTokenOptions['validate']): Promise<unknown> {
  if (!validate) return token;
  const user = await asked(token, validate);
  if (user === undefined) return token;
  if (!user) throw new TokenRefusedError();
  return user;
}

async function asked(token: VerifiedToken, validate: NonNullable<JwksTokenOptions['validate']>): Promise<unknown> {
  try {
    return await validate(token);
  } catch (cause) {
    if (isJwksError(cause)) throw cause;
    throw new TokenRefusedError(undefined, { cause });
  }
}
