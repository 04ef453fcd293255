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
import type { Authentication } from './authentication.js';
import {
  TokenAuthentication,
  type AuthenticationAttempt,
  type TokenAuthenticationParts,
} from './token-authentication.js';

/** @internal */
export interface AuthenticatorParts extends TokenAuthenticationParts {
  readonly channels: EventChannels;
  readonly telemetry: ModuleTelemetry;
  readonly issuers: IssuerRegistry;
  /** Counts tokens of no trusted issuer. */
  readonly untrusted: TokenTally;
}

/** What may be reported of a token that was rejected. */
type Progress = Partial<Pick<AuthenticationAttempt, 'token' | 'options' | 'startedAt' | 'jwt' | 'trustedIssuer'>>;

/**
 * Authenticates tokens, and counts and reports the outcome.
 *
 * @internal
 */
export class Authenticator {
  private readonly tokens: TokenAuthentication;

  constructor(private readonly parts: AuthenticatorParts) {
    this.tokens = new TokenAuthentication(parts);
  }

  /**
   * Verifies a token and runs `validate`. Synchronous, throwing too, for most tokens that were
   * verified before.
   */
  authenticate(token: string, options?: JwksVerifyOptions): MaybePromise<Authentication> {
    const { channels, clock, telemetry } = this.parts;
    // Listeners of accepted tokens get the duration of each; the log of rejected ones needs none.
    const isWatched = channels.verified.observed;
    const isTimed = isWatched || telemetry.isRecording;
    const startedAt = isWatched || (isTimed && telemetry.isTurn) ? clock.monotonic() : undefined;
    const given: AuthenticationAttempt = {
      token,
      options,
      isTimed,
      startedAt,
      isKnown: false,
      jwt: undefined,
      trustedIssuer: undefined,
    };
    try {
      const made = this.tokens.authenticate(given);
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

  private async awaited(judging: Promise<Authentication>, given: AuthenticationAttempt): Promise<Authentication> {
    let made: Authentication;
    try {
      made = await judging;
    } catch (error) {
      throw this.rejected(error, given);
    }
    return this.admitted(made, given);
  }

  private admitted(made: Authentication, given: AuthenticationAttempt): Authentication {
    const { channels, telemetry } = this.parts;
    const { trustedIssuer, isKnown, startedAt } = given;
    if (!trustedIssuer) return made;
    if (this.parts.issuers.isDynamic) this.parts.issuers.confirmed?.(trustedIssuer);
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

  private rejected(error: unknown, given: AuthenticationAttempt): unknown {
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
