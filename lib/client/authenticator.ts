import type { Diagnosis } from '../core/diagnosis.js';
import { isJwksError, TokenError, UnsupportedAlgorithmError, type AnyJwksError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import type { TokenRules } from '../tokens/claims.js';
import { diagnose } from '../tokens/diagnosis.js';
import type { JsonObject } from '../tokens/json-object.js';
import { MAX_TOKEN_LENGTH, parseCompactJwt } from '../tokens/compact-jwt.js';
import type { EventChannels } from './event-channels.js';
import type { TrustedIssuer } from './issuer-chain.js';
import type { IssuerRegistry } from './issuers.js';
import type { ModuleTelemetry } from './module-telemetry.js';
import type { TokenTally } from './token-tally.js';
import { TokenRejectedEvent } from './token-rejected-event.js';
import { TokenJudge, type Authentication, type TokenCase, type TokenJudgeParts } from './token-judge.js';

/** @internal */
export interface AuthenticatorParts extends TokenJudgeParts {
  readonly channels: EventChannels;
  readonly telemetry: ModuleTelemetry;
  readonly issuers: IssuerRegistry;
  /** Counts tokens of no trusted issuer. */
  readonly untrusted: TokenTally;
}

/** What may be told of a token that went no further. */
type Progress = Partial<Pick<TokenCase, 'token' | 'options' | 'startedAt' | 'jwt' | 'trustedIssuer'>>;

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
   * it then rejects is thrown. `connection` is what brought the token.
   */
  authenticate(token: string, options?: JwksVerifyOptions, connection?: object): MaybePromise<Authentication> {
    const { channels, clock, telemetry } = this.parts;
    // Who listens to accepted tokens is told how long each of them took; the log of rejected ones
    // does not need it.
    const isWatched = channels.verified.observed;
    const isTimed = isWatched || telemetry.isRecording;
    const startedAt = isWatched || (isTimed && telemetry.isTurn) ? clock.monotonic() : undefined;
    const given: TokenCase = {
      token,
      options,
      connection,
      isTimed,
      startedAt,
      isKnown: false,
      jwt: undefined,
      trustedIssuer: undefined,
    };
    try {
      const made = this.tokens.judge(given);
      return isPromise(made) ? this.awaited(made, given) : this.admitted(made, given);
    } catch (error) {
      throw this.rejected(error, given);
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

  /** A rejection that was decided upon elsewhere; `issuer`: of the token, where one was verified. */
  report(error: TokenError, issuer?: string): void {
    this.reject(error as AnyJwksError, {
      trustedIssuer: issuer === undefined ? undefined : this.parts.issuers.known(issuer),
    });
  }

  private async awaited(judging: Promise<Authentication>, given: TokenCase): Promise<Authentication> {
    let made: Authentication;
    try {
      made = await judging;
    } catch (error) {
      throw this.rejected(error, given);
    }
    return this.admitted(made, given);
  }

  private admitted(made: Authentication, given: TokenCase): Authentication {
    const { channels, telemetry } = this.parts;
    const { trustedIssuer, isKnown, startedAt } = given;
    if (!trustedIssuer) return made;
    const { tally } = trustedIssuer;
    tally.accepted += 1;
    if (isKnown) tally.untimed += 1;
    if (startedAt === undefined) return made;
    const duration = this.elapsed(given);
    if (isKnown) telemetry.acceptedKnown(trustedIssuer.issuer, tally, duration);
    else telemetry.accepted(trustedIssuer.issuer, duration);
    if (channels.verified.observed)
      channels.verified.emit({ type: 'token.verified', issuer: trustedIssuer.issuer, duration });
    return made;
  }

  private rejected(error: unknown, given: TokenCase): unknown {
    if (isJwksError(error)) this.reject(error, given);
    return error;
  }

  /** Explains, counts and emits. */
  private reject(error: AnyJwksError, progress: Progress): void {
    const { channels, telemetry } = this.parts;
    const { trustedIssuer } = progress;
    const { code } = error;
    if (error instanceof TokenError) error.explain(() => this.diagnose(error, progress));
    (trustedIssuer?.tally ?? this.parts.untrusted).reject(code);
    const duration = this.elapsed(progress);
    telemetry.rejected(trustedIssuer?.issuer, trustedIssuer !== undefined, duration, code);
    if (!channels.rejected.observed) return;
    const event = new TokenRejectedEvent(error, { issuer: trustedIssuer?.issuer, duration, jwt: progress.jwt });
    // The log asks for few explanations; who else listens gets plain data.
    channels.rejected.emit(channels.verified.observed ? event.toPlain() : event);
  }

  private diagnose(error: TokenError, { token, options, jwt, trustedIssuer }: Progress): Diagnosis {
    const { clock, issuers } = this.parts;
    return diagnose(error, {
      token,
      header: jwt?.header as JsonObject | undefined,
      claims: jwt?.claims as JsonObject | undefined,
      rules: jwt && trustedIssuer && rulesOf(trustedIssuer, jwt.issuer, options),
      issuers: issuers.isDynamic ? undefined : issuers.all().flatMap(({ issuer }) => issuer ?? []),
      ...trustedIssuer?.keys.peek(),
      now: clock.now(),
      maxTokenLength: MAX_TOKEN_LENGTH,
    });
  }

  private elapsed({ startedAt }: Progress): number {
    return startedAt === undefined ? 0 : this.parts.clock.monotonic() - startedAt;
  }
}

/** `undefined` where the options leave none for this issuer. */
function rulesOf(
  trustedIssuer: TrustedIssuer,
  iss: string | undefined,
  options: JwksVerifyOptions | undefined,
): TokenRules | undefined {
  try {
    return trustedIssuer.rulesFor(iss, options);
  } catch {
    return undefined;
  }
}
