import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import { CompactSign, type CompactJWSHeaderParameters, type CryptoKey, type JWK } from 'jose';
import { parseDuration, type Duration } from '../core/clock.js';
import type { TestCertificate } from './certificate.js';
import type { TestDpopKey } from './dpop-key.js';

/** Header, lifetime and key of a token that a `TestIssuer` signs. @publicApi */
export interface SignOptions {
  /**
   * Signature algorithm. By default the issuer's current one; another one takes the newest
   * published key of that algorithm. `'none'` makes an unsecured token (RFC 7519 section 6), which
   * an API must reject.
   */
  alg?: string;
  /**
   * Signs with the key of this kid, also with one that was revoked. With `key`: only what the
   * header says.
   */
  kid?: string;
  /** Added to `{ alg, kid, typ: 'at+jwt' }`; a member that is `undefined` is taken away. */
  header?: Record<string, unknown>;
  /**
   * From `iat` to `exp`; a negative one makes an expired token. Milliseconds or text as `ms` reads
   * it. @default '5m'
   */
  expiresIn?: Duration;
  /** Binds the token to the key of a DPoP client: `cnf.jkt` (RFC 9449 section 6.1). */
  dpop?: TestDpopKey;
  /**
   * Binds the token to a client certificate: one of `createCertificate()`, PEM or DER. It becomes
   * `cnf["x5t#S256"]` (RFC 8705 section 3.1).
   */
  certificate?: TestCertificate | string | Uint8Array;
  /** A key that is not the issuer's, for forged tokens: a private key, or a secret for HS256. */
  key?: CryptoKey | KeyObject | JWK | Uint8Array;
}

/**
 * Claims of a token: each adds to or replaces a default one; `undefined` takes it away.
 *
 * @publicApi
 */
export type TestClaims = Record<string, unknown>;

/** @internal */
export interface TokenParts {
  readonly alg: string;
  readonly kid: string;
  readonly key: CryptoKey | KeyObject | JWK | Uint8Array;
  readonly header: Record<string, unknown> | undefined;
}

/** The claims in full: `exp` counts from `iat`. @internal */
export function completeClaims(
  defaults: TestClaims & { iat: number },
  claims: TestClaims,
  expiresIn: Duration = '5m',
): TestClaims {
  const lifetime = parseDuration(expiresIn) / 1000;
  if (Number.isNaN(lifetime))
    throw new TypeError(`expiresIn takes milliseconds or text such as '5m', not ${String(expiresIn)}`);
  const iat = typeof claims['iat'] === 'number' ? claims['iat'] : defaults.iat;
  return { ...defaults, exp: Math.floor(iat + lifetime), ...claims };
}

/** What binds a token, as a claim; nothing where it is not bound. @internal */
export function confirmation({ dpop, certificate }: SignOptions): TestClaims {
  if (!dpop && certificate === undefined) return {};
  const x5t = certificate !== undefined && thumbprintOf(certificate);
  return { cnf: { ...(dpop && { jkt: dpop.thumbprint }), ...(x5t && { 'x5t#S256': x5t }) } };
}

function thumbprintOf(certificate: TestCertificate | string | Uint8Array): string {
  if (typeof certificate === 'object' && 'thumbprint' in certificate) return certificate.thumbprint;
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
}

/** @internal */
export async function signToken(claims: TestClaims, parts: TokenParts): Promise<string> {
  const header = { alg: parts.alg, kid: parts.kid, typ: 'at+jwt', ...parts.header };
  if (header.alg === 'none') return unsecuredToken(header, claims);
  const crit = Array.isArray(parts.header?.['crit'])
    ? { crit: Object.fromEntries(parts.header['crit'].map((name) => [name, true])) }
    : {};
  const payload = new TextEncoder().encode(JSON.stringify(claims));
  return new CompactSign(payload).setProtectedHeader(header as CompactJWSHeaderParameters).sign(parts.key, crit);
}

/** RFC 7519 section 6. @internal */
export function unsecuredToken(header: object, claims: TestClaims): string {
  return `${encode(header)}.${encode(claims)}.`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
