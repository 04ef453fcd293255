import type { JWTPayload } from 'jose';
import {
  InvalidClaimError,
  MalformedTokenError,
  TokenExpiredError,
  TokenNotActiveError,
  UntrustedIssuerError,
} from '../core/errors.js';
import { isJsonObject, getOwn, deepFreeze, type JsonObject } from './json-object.js';

/** What a token must be, beyond its signature. Times in milliseconds. @internal */
export interface TokenRules {
  /** Exact `iss`; `false`: any or none. */
  readonly issuer: string | false;
  /** `aud` must name one of them; `false`: any or none. */
  readonly audience: readonly string[] | false;
  readonly algorithms: ReadonlySet<string>;
  /** What the header's `typ` must say. */
  readonly tokenType?: string | undefined;
  readonly clockTolerance: number;
  /** How long ago `iat` may be. */
  readonly maxTokenAge?: number | undefined;
  readonly requiredClaims: readonly string[];
  /** Whether `sub` may be a number. */
  readonly allowNumericSubject?: boolean | undefined;
}

/**
 * Turns the payload of a verified token into claims, or throws the TokenError that says why not.
 * `now` is the wall clock in milliseconds. The payload is taken over: what comes back is that
 * object, frozen all the way down.
 *
 * @internal
 */
export function validateClaims(payload: JsonObject, rules: TokenRules, now: number): Readonly<JWTPayload> {
  if (!isJsonObject(payload)) throw new MalformedTokenError();
  // Frozen claims were validated before, by other rules.
  const claims = Object.isFrozen(payload) ? payload : deepFreeze(payload);
  validateClaimTypes(claims, rules);
  for (const name of rules.requiredClaims)
    if ((getOwn(claims, name) ?? null) === null) throw new InvalidClaimError(name);
  validateTimestamps(claims, rules, now);
  validateIssuer(getOwn(claims, 'iss'), rules);
  validateAudience(getOwn(claims, 'aud'), rules);
  return claims;
}

/**
 * The part of the judgement that time changes; claims are of the right types already.
 *
 * @internal
 */
export function validateTimestamps(claims: JsonObject, rules: TokenRules, now: number): void {
  const tolerance = rules.clockTolerance;
  const exp = milliseconds(claims, 'exp');
  // RFC 7519 section 4.1.4: "on or after".
  if (exp !== undefined && now >= exp + tolerance) throw new TokenExpiredError();
  const nbf = milliseconds(claims, 'nbf');
  if (nbf !== undefined && nbf > now + tolerance) throw new TokenNotActiveError();
  const iat = milliseconds(claims, 'iat');
  if (iat !== undefined && iat > now + tolerance)
    throw new TokenNotActiveError('The access token was issued in the future');
  if (rules.maxTokenAge === undefined) return;
  if (iat === undefined) throw new InvalidClaimError('iat');
  if (now - iat > rules.maxTokenAge + tolerance) throw new TokenExpiredError('The access token is too old');
}

/** Exact, without normalisation (RFC 8725 section 3.8): asked before any network call. @internal */
export function validateIssuer(issuer: unknown, rules: TokenRules): void {
  if (rules.issuer !== false && issuer !== rules.issuer) throw new UntrustedIssuerError();
}

/**
 * `typ` is a media type whose `application/` may be left out (RFC 7515 section 4.1.9, RFC 8725
 * section 3.11).
 *
 * @internal
 */
export function validateType(header: JsonObject, rules: TokenRules): void {
  if (rules.tokenType === undefined) return;
  const typ = getOwn(header, 'typ');
  if (typeof typ !== 'string' || mediaType(typ) !== mediaType(rules.tokenType)) {
    throw new InvalidClaimError('typ', 'The type ("typ") of the access token is missing or not acceptable');
  }
}

/** In lower case, ASCII alone: a Kelvin sign is no k. */
function mediaType(typ: string): string {
  return typ.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/^application\/(?=[^/]+$)/, '');
}

/** RFC 7519 section 4.1; wrong types are refused also where no rule asks for the claim. */
function validateClaimTypes(claims: JsonObject, rules: TokenRules): void {
  for (const name of ['exp', 'nbf', 'iat'] as const) {
    // 1e400 is Infinity, and would never expire.
    if (Object.hasOwn(claims, name) && !Number.isFinite(claims[name])) throw new InvalidClaimError(name);
  }
  for (const name of ['iss', 'sub'] as const) {
    const isNumericSubject = name === 'sub' && rules.allowNumericSubject && Number.isSafeInteger(claims[name]);
    if (Object.hasOwn(claims, name) && typeof claims[name] !== 'string' && !isNumericSubject)
      throw new InvalidClaimError(name);
  }
  if (!Object.hasOwn(claims, 'aud') || typeof claims.aud === 'string') return;
  if (!Array.isArray(claims.aud) || !claims.aud.every(isString)) throw new InvalidClaimError('aud');
}

function validateAudience(audience: unknown, rules: TokenRules): void {
  const ours = rules.audience;
  if (ours === false) return;
  const fits = Array.isArray(audience)
    ? audience.some((member: unknown) => isString(member) && ours.includes(member))
    : isString(audience) && ours.includes(audience);
  if (!fits) throw new InvalidClaimError('aud');
}

function milliseconds(claims: JsonObject, name: string): number | undefined {
  const seconds = getOwn(claims, name);
  return typeof seconds === 'number' ? seconds * 1000 : undefined;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
