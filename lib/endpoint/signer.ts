import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { SignJWT } from 'jose/jwt/sign';
import { parseDuration, type Clock, type Duration } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';
import type { JwksKeyRing } from './key-ring.js';

/** What a token is for, beside its claims. @publicApi */
export interface JwksSignOptions {
  /**
   * `aud` of the token. `undefined` is an error: leave it out for a token without one. @default
   * none
   */
  audience?: string | readonly string[];
  /**
   * From now to `exp`: from 1 second to `keepFor`. @default '5m', or `keepFor` where that is
   * shorter
   */
  expiresIn?: Duration;
  /** `typ` of the header, such as `'at+jwt'` (RFC 9068). @default 'JWT' */
  type?: string;
}

/** @internal */
export interface SignerParts {
  readonly ring: JwksKeyRing | undefined;
  readonly issuer: string | undefined;
  readonly clock: Clock;
}

const SECOND = 1_000;
const DEFAULT_LIFETIME = 300_000;
/** RFC 6838 section 4.2, without `application/` or with it. */
const MEDIA_TYPE = /^[\w.+!#$&^-]{1,64}(?:\/[\w.+!#$&^-]{1,64})?$/;

/**
 * Signs tokens with the current key of the ring.
 *
 * ```ts
 * await signer.sign({ sub: 'invoice-worker', scope: 'orders:read' }, { audience: 'orders-api', type: 'at+jwt' });
 * ```
 *
 * @publicApi
 */
export class JwksSigner {
  readonly #parts: SignerParts;

  /** Made by the module. @internal */
  constructor(parts: SignerParts) {
    this.#parts = parts;
  }

  /**
   * A signed token: `claims` with `iss`, `iat`, `exp` and, unless given, `jti`. Rejects with
   * `JwksConfigurationError`, and signs nothing, where the claims would replace one of these, or
   * where the token would outlive its key in the set: an `exp` or `expiresIn` beyond `keepFor`.
   */
  async sign(claims: JWTPayload, options: JwksSignOptions = {}): Promise<string> {
    const { ring, issuer, clock } = this.#parts;
    if (!ring) throw fault('keys', 'is not a key ring, which JwksSigner needs');
    if (issuer === undefined) throw fault('issuer', 'is missing, which JwksSigner writes into tokens as "iss"');
    const iat = Math.floor(clock.now() / SECOND);
    const payload = payloadOf(claims, options, { issuer, iat, longest: Math.floor(ring.keepFor / SECOND) });
    const typ = typeOf(options);
    const { kid, alg, key } = await ring.signingKey();
    const token = await new SignJWT(payload).setProtectedHeader({ alg, kid, typ }).sign(key);
    ring.signed(kid, payload.exp * SECOND);
    return token;
  }
}

interface Frame {
  readonly issuer: string;
  readonly iat: number;
  /** Seconds. */
  readonly longest: number;
}

function payloadOf(claims: unknown, options: JwksSignOptions, frame: Frame): JWTPayload & { exp: number } {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw fault('claims', 'are not an object');
  }
  // Read once: what is checked is what is signed.
  const own: JWTPayload = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  if ('iss' in own && own.iss !== frame.issuer)
    throw fault('claims.iss', `is another one than the issuer, ${frame.issuer}`);
  if ('iat' in own) throw fault('claims.iat', 'is the time of signing, and not for claims to say');
  if ('nbf' in own && !Number.isFinite(own.nbf)) throw fault('claims.nbf', 'is not a number');
  if ('jti' in own && typeof own.jti !== 'string') throw fault('claims.jti', 'is not text');
  return {
    ...own,
    ...audienceOf(own, options),
    iss: frame.issuer,
    iat: frame.iat,
    exp: expiryOf(own, options, frame),
    jti: own.jti ?? randomUUID(),
  };
}

function expiryOf({ exp }: JWTPayload, { expiresIn }: JwksSignOptions, { iat, longest }: Frame): number {
  if (exp !== undefined && expiresIn !== undefined)
    throw fault('claims.exp', 'stands beside "expiresIn": give one of them');
  if (exp !== undefined) {
    if (!Number.isFinite(exp)) throw fault('claims.exp', 'is not a number');
    if (exp > iat + longest) throw fault('claims.exp', `is further away than "keepFor", ${longest} s`);
    return exp;
  }
  const lifetime = Math.floor(lifetimeOf(expiresIn, longest * SECOND) / SECOND);
  if (!(lifetime >= 1)) throw fault('expiresIn', "takes a duration of a second or more, such as 300000 or '5m'");
  if (lifetime > longest)
    throw fault('expiresIn', `is longer than "keepFor", ${longest} s: the token would outlive its key`);
  return iat + lifetime;
}

function lifetimeOf(expiresIn: Duration | undefined, longest: number): number {
  return expiresIn === undefined ? Math.min(DEFAULT_LIFETIME, longest) : parseDuration(expiresIn);
}

function audienceOf({ aud }: JWTPayload, options: JwksSignOptions): { aud?: string | string[] } {
  const { audience } = options;
  if (audience === undefined) {
    if ('audience' in options) throw fault('audience', 'is undefined (an environment variable that is not set?)');
    if (aud !== undefined && !isAudience(aud)) throw fault('claims.aud', 'is not text or a list of texts');
    return {};
  }
  if (aud !== undefined) throw fault('claims.aud', 'stands beside "audience": give one of them');
  if (!isAudience(audience)) throw fault('audience', 'takes text or a list of texts');
  return { aud: typeof audience === 'string' ? audience : [...audience] };
}

function isAudience(value: unknown): value is string | readonly string[] {
  const members: unknown[] = Array.isArray(value) ? value : [value];
  return members.length > 0 && members.every((member) => typeof member === 'string' && member !== '');
}

function typeOf({ type = 'JWT' }: JwksSignOptions): string {
  if (typeof type === 'string' && MEDIA_TYPE.test(type)) return type;
  throw fault('type', "takes a media type, such as 'at+jwt'");
}

function fault(option: string, sentence: string): JwksConfigurationError {
  return new JwksConfigurationError(`No token was signed: "${option}" ${sentence}`, option);
}
