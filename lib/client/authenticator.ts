import type { Clock } from '../core/clock.js';
import { isJwksError, UnsupportedAlgorithmError, type TokenError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import { parseCompactJwt } from '../tokens/compact-jwt.js';
import type { EventChannels } from './event-channels.js';
import { TokenJudge, type Authentication, type TokenCase, type TokenJudgeParts } from './token-judge.js';

/** @internal */
export interface AuthenticatorParts extends TokenJudgeParts {
  readonly channels: EventChannels;
  readonly clock: Clock;
}

/** What may be told of a token that went no further. */
type Progress = Partial<Pick<TokenCase, 'startedAt' | 'jwt' | 'issuer'>>;

/**
 * Has tokens judged, and tells of it.
 *
 * @internal
 */
export class Authenticator {
  private readonly tokens: TokenJudge;

  constructor(private readonly parts: AuthenticatorParts) {
    this.tokens = new TokenJudge(parts);
  }

  /**
   * At once where nothing has to be waited for, as for most tokens that were verified before; what
   * it then refuses is thrown. `connection` is what brought the token.
   */
  authenticate(token: string, options?: JwksVerifyOptions, connection?: object): MaybePromise<Authentication> {
    const { verified, rejected } = this.parts.channels;
    const isWatched = verified.observed || rejected.observed;
    const startedAt = isWatched ? this.parts.clock.monotonic() : undefined;
    const given: TokenCase = { token, options, connection, startedAt, jwt: undefined, issuer: undefined };
    if (!isWatched) return this.tokens.judge(given);
    try {
      const made = this.tokens.judge(given);
      return isPromise(made) ? this.awaited(made, given) : this.admitted(made, given);
    } catch (error) {
      throw this.refused(error, given);
    }
  }

  /** The key that a token names; its signature and claims are not looked at. */
  async keyOf(token: string): Promise<SigningKey> {
    const jwt = parseCompactJwt(token);
    const trustedIssuer = await this.parts.trusted(jwt.issuer);
    trustedIssuer.enter();
    try {
      if (!trustedIssuer.settings.rules.algorithms.has(jwt.header.alg)) throw new UnsupportedAlgorithmError();
      return await trustedIssuer.keys.find(jwt.header);
    } finally {
      trustedIssuer.leave();
    }
  }

  /** A refusal that somebody else decided upon. */
  report(error: TokenError): void {
    if (this.parts.channels.rejected.observed) this.tell(error, {});
  }

  private async awaited(judging: Promise<Authentication>, given: TokenCase): Promise<Authentication> {
    let made: Authentication;
    try {
      made = await judging;
    } catch (error) {
      throw this.refused(error, given);
    }
    return this.admitted(made, given);
  }

  private admitted(made: Authentication, given: TokenCase): Authentication {
    const { verified } = this.parts.channels;
    if (verified.observed)
      verified.emit({ type: 'token.verified', issuer: given.issuer, duration: this.elapsed(given) });
    return made;
  }

  private refused(error: unknown, given: TokenCase): unknown {
    if (this.parts.channels.rejected.observed && isJwksError(error)) this.tell(error, given);
    return error;
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
function describe(jwt: TokenCase['jwt']): string {
  if (!jwt) return '';
  const { kid, alg } = jwt.header;
  const parts = { iss: jwt.issuer, kid, alg };
  const told = Object.entries(parts).flatMap(([name, text]) =>
    text === undefined ? [] : `${name} "${safeText(text)}"`,
  );
  return ` (${told.join(', ')})`;
}
