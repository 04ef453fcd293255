import type { Clock } from '../core/clock.js';
import type { Diagnosis } from '../core/diagnosis.js';
import {
  InvalidClaimError,
  isJwksError,
  SigningKeyNotFoundError,
  TokenError,
  TokenRefusedError,
  UnsupportedAlgorithmError,
  type AnyJwksError,
} from '../core/errors.js';
import type { JwksEvents } from '../core/events.js';
import { andThen, isPromise, type MaybePromise } from '../core/maybe-promise.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwksTokenOptions } from '../options/issuer-options.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import type { SenderConstraint, SentToken } from '../proof/sender-constraint.js';
import { checkClaims } from '../tokens/claim-rules.js';
import { parseCompactJwt, type CompactJwt } from '../tokens/compact-jwt.js';
import { diagnose } from '../tokens/diagnosis.js';
import type { JsonObject } from '../tokens/json-object.js';
import type { SeenToken, TokenCache } from '../tokens/token-cache.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { Authentication } from './authentication.js';
import type { IssuerRegistry } from './issuer-registry.js';
import type { ModuleTelemetry } from './module-telemetry.js';
import { TokenRejectedEvent } from './token-rejected-event.js';
import type { TokenTally } from './token-tally.js';
import type { TrustedIssuer } from './trusted-issuer.js';

/** A token, how it came, and what is asked of it. @internal */
export interface AuthenticationRequest extends SentToken {
  readonly options?: JwksVerifyOptions | undefined;
  /** The request that the token came with, for `validate`. */
  readonly request?: unknown;
}

/** @internal */
export interface AuthenticatorParts {
  /** The issuer of a token that names `iss`. */
  readonly trusted: (iss: string | undefined) => MaybePromise<TrustedIssuer>;
  readonly issuers: IssuerRegistry;
  /** Absent: every token is verified anew. */
  readonly cache: TokenCache | undefined;
  /** In characters. */
  readonly maxTokenLength: number;
  readonly events: JwksEvents;
  readonly clock: Clock;
  readonly telemetry: ModuleTelemetry;
  /** Counts tokens of no trusted issuer. */
  readonly untrusted: TokenTally;
  readonly sender: SenderConstraint;
}

/** How far a token has come; what is known of it explains its rejection. */
interface Attempt {
  readonly request: AuthenticationRequest;
  /** Where it was verified before. */
  seen: SeenToken | undefined;
  startedAt: number | undefined;
  jwt: (Pick<VerifiedToken, 'header' | 'issuer'> & Pick<CompactJwt, 'claims'>) | undefined;
  trustedIssuer: TrustedIssuer | undefined;
}

/**
 * From a token to a user: token cache, compact form, trusted issuer, key, signature, claims, sender
 * constraint, `validate`, event.
 *
 * @internal
 */
export class Authenticator {
  constructor(private readonly parts: AuthenticatorParts) {}

  /** Returns or throws at once where nothing has to be waited for, as for most known tokens. */
  authenticate(request: AuthenticationRequest): MaybePromise<Authentication> {
    const { events, clock, telemetry } = this.parts;
    const isTimed = events.wants('token.verified') || (telemetry.isRecording && telemetry.isTurn);
    const attempt: Attempt = {
      request,
      seen: undefined,
      startedAt: isTimed ? clock.monotonic() : undefined,
      jwt: undefined,
      trustedIssuer: undefined,
    };
    try {
      const made = this.run(attempt);
      return isPromise(made) ? this.settle(made, attempt) : this.accept(made, attempt);
    } catch (error) {
      throw this.reject(error, attempt);
    }
  }

  /** The key that a token names; its signature and claims are not looked at. */
  async keyOf(token: string): Promise<SigningKey> {
    const { header, issuer } = parseCompactJwt(token, this.parts.maxTokenLength);
    const trustedIssuer = await this.parts.trusted(issuer);
    return trustedIssuer.use(async () => {
      const { keys, settings } = trustedIssuer;
      if (!settings.rules.algorithms.has(header.alg)) throw new UnsupportedAlgorithmError();
      const key = await keys.find(header);
      // Only a verification can try several keys.
      if (header.kid === undefined && !(await keys.get()).select(header)) throw new SigningKeyNotFoundError();
      return key;
    });
  }

  /** Counts and emits a rejection made elsewhere; `issuer`: of the token, where one was verified. */
  report(error: TokenError, issuer?: string): void {
    this.reject(error, { trustedIssuer: issuer === undefined ? undefined : this.parts.issuers.known(issuer) });
  }

  private run(attempt: Attempt): MaybePromise<Authentication> {
    const { cache, clock, telemetry, trusted } = this.parts;
    const { token } = attempt.request;
    const digest = cache?.digest(token);
    const seen = digest === undefined ? undefined : cache?.get(digest);
    if (seen) {
      attempt.seen = seen;
      attempt.jwt = seen.verified;
      const issuer = trusted(seen.verified.issuer);
      // Most tokens take this way; a closure would be a measurable part of it.
      if (!isPromise(issuer) && !issuer.watcher) return this.verify(issuer, attempt, seen, digest);
      return andThen(issuer, (found) => found.use(() => this.verify(found, attempt, seen, digest)));
    }
    if (telemetry.isRecording) attempt.startedAt ??= clock.monotonic();
    const jwt = parseCompactJwt(token, this.parts.maxTokenLength);
    attempt.jwt = jwt;
    return andThen(trusted(jwt.issuer), (issuer) => issuer.use(() => this.verify(issuer, attempt, jwt, digest)));
  }

  private verify(
    trustedIssuer: TrustedIssuer,
    attempt: Attempt,
    found: SeenToken | CompactJwt,
    digest: string | undefined,
  ): MaybePromise<Authentication> {
    const { token, options } = attempt.request;
    const { verifier } = trustedIssuer;
    attempt.trustedIssuer = trustedIssuer;
    const rules = trustedIssuer.rulesFor(attempt.jwt?.issuer, options);
    const verified =
      'verified' in found ? verifier.verifyAgain(token, found, rules) : verifier.verify(token, found, rules);
    if (isPromise(verified)) {
      const { selector } = found;
      return verified.then((made) => {
        this.remember(digest, { selector, verified: made, rules });
        return this.conclude(trustedIssuer, attempt.request, made);
      });
    }
    if (verified !== attempt.seen?.verified) this.remember(digest, { selector: found.selector, verified, rules });
    return this.conclude(trustedIssuer, attempt.request, verified);
  }

  private remember(digest: string | undefined, seen: SeenToken): void {
    if (digest !== undefined) this.parts.cache?.set(digest, seen);
  }

  private conclude(
    trustedIssuer: TrustedIssuer,
    request: AuthenticationRequest,
    token: VerifiedToken,
  ): MaybePromise<Authentication> {
    const { clockTolerance } = trustedIssuer.settings.rules;
    // Of every request, also for a token that is remembered.
    const checked = this.parts.sender.check(token.claims, request, clockTolerance);
    if (checked === undefined) return this.checkClaims(trustedIssuer, request, token);
    return andThen(checked, (senderConstrained) => {
      const constrained = senderConstrained && Object.freeze({ ...token, senderConstrained });
      return this.checkClaims(trustedIssuer, request, constrained ?? token);
    });
  }

  private checkClaims(
    trustedIssuer: TrustedIssuer,
    request: AuthenticationRequest,
    token: VerifiedToken,
  ): MaybePromise<Authentication> {
    trustedIssuer.watcher?.verified();
    const { claims } = trustedIssuer.settings;
    const checked = claims && checkClaims(token.claims, claims, invalidClaim);
    if (isPromise(checked)) return checked.then(() => this.finish(trustedIssuer, request, token));
    return this.finish(trustedIssuer, request, token);
  }

  private finish(
    trustedIssuer: TrustedIssuer,
    { token: accessToken, request }: AuthenticationRequest,
    token: VerifiedToken,
  ): MaybePromise<Authentication> {
    const { validate, scopesFrom } = trustedIssuer.settings;
    if (!validate) return { token, accessToken, user: token, scopesFrom };
    return andThen(userOf(token, validate, request), (user) => ({ token, accessToken, user, scopesFrom }));
  }

  private async settle(making: Promise<Authentication>, attempt: Attempt): Promise<Authentication> {
    let made: Authentication;
    try {
      made = await making;
    } catch (error) {
      throw this.reject(error, attempt);
    }
    return this.accept(made, attempt);
  }

  private accept(made: Authentication, attempt: Attempt): Authentication {
    const { events, telemetry } = this.parts;
    const { trustedIssuer, seen, startedAt } = attempt;
    if (!trustedIssuer) return made;
    const { tally, issuer } = trustedIssuer;
    tally.accepted += 1;
    if (seen) tally.untimed += 1;
    if (startedAt === undefined) return made;
    const duration = this.elapsed(attempt);
    if (seen) telemetry.acceptedKnown(issuer, tally, duration);
    else telemetry.accepted(issuer, duration);
    if (events.wants('token.verified')) events.emit({ type: 'token.verified', issuer, duration });
    return made;
  }

  /** Explains, counts and emits. Returns the error, to be thrown. */
  private reject(error: unknown, attempt: Partial<Attempt>): unknown {
    if (!isJwksError(error) || attempt.request?.proof?.isReported(error)) return error;
    const { events, telemetry, untrusted } = this.parts;
    const { trustedIssuer, jwt } = attempt;
    const issuer = trustedIssuer?.issuer;
    if (error instanceof TokenError) error.explain(() => this.diagnose(error, attempt));
    (trustedIssuer?.tally ?? untrusted).reject(error.code);
    const duration = this.elapsed(attempt);
    telemetry.rejected(issuer, trustedIssuer !== undefined, duration, error.code);
    if (events.wants('token.rejected')) events.emit(new TokenRejectedEvent(error, { issuer, duration, jwt }));
    return error;
  }

  private diagnose(error: TokenError, { request, jwt, trustedIssuer }: Partial<Attempt>): Diagnosis {
    const { clock, issuers } = this.parts;
    return diagnose(error, {
      token: request?.token,
      header: jwt?.header as JsonObject | undefined,
      claims: jwt?.claims as JsonObject | undefined,
      rules: jwt && trustedIssuer?.rulesIfAny(jwt.issuer, request?.options),
      issuers: issuers.isDynamic ? undefined : issuers.all().flatMap(({ issuer }) => issuer ?? []),
      ...trustedIssuer?.keys.peek(),
      now: clock.now(),
      maxTokenLength: this.parts.maxTokenLength,
    });
  }

  private elapsed({ startedAt }: Partial<Attempt>): number {
    return startedAt === undefined ? 0 : this.parts.clock.monotonic() - startedAt;
  }
}

const invalidClaim = (name: string, options?: { cause?: unknown }) => new InvalidClaimError(name, undefined, options);

/**
 * Passport's meaning of what `validate` returns, but for `undefined`, which is a check that names no
 * user.
 */
function userOf(
  token: VerifiedToken,
  validate: NonNullable<JwksTokenOptions['validate']>,
  request: unknown,
): MaybePromise<unknown> {
  const toUser = (user: unknown) => {
    if (user === undefined) return token;
    if (!user) throw new TokenRefusedError();
    return user;
  };
  let returned: unknown;
  try {
    returned = validate(token, { request });
  } catch (cause) {
    throw toRefusal(cause);
  }
  if (!isPromise(returned)) return toUser(returned);
  return returned.then(toUser, (cause: unknown) => {
    throw toRefusal(cause);
  });
}

function toRefusal(cause: unknown): AnyJwksError {
  return isJwksError(cause) ? cause : new TokenRefusedError(undefined, { cause });
}
