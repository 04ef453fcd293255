import { createPublicKey, KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { parseJwk, PRIVATE_MEMBERS } from '../keys/jwk.js';
import { SigningKey } from '../keys/signing-key.js';

/**
 * A key to publish: a JWK, a `KeyObject` of `node:crypto`, or PEM (SPKI, PKCS #8, PKCS #1, SEC 1 or
 * a certificate). Of a private key the public half is published.
 *
 * @publicApi
 */
export type PublishableKey = JWK | KeyObject | string;

/**
 * What is read of a JWK. The operations of a private half, `ext` and certificates mean nothing to
 * the published one.
 */
const COPIED_MEMBERS = ['kty', 'use', 'alg', 'kid', 'crv', 'x', 'y', 'n', 'e', 'pub'] as const;

/**
 * The JWK to publish: members by an allowlist, `kid` (default: the RFC 7638 thumbprint), `use` and,
 * where the key can do with one algorithm only, `alg`. A string says why there is none, so that it
 * reads on after the key's name, and holds no key material.
 *
 * @internal
 */
export function publishedJwk(key: unknown): Readonly<JWK> | string {
  try {
    const jwk = toJwk(key);
    return typeof jwk === 'string' ? jwk : checked(jwk);
  } catch {
    // A proxy, a getter that throws, PEM that is none. The error of OpenSSL says no more, and may
    // name what it read.
    return 'cannot be read as a JWK, a KeyObject or PEM';
  }
}

function checked(jwk: object): Readonly<JWK> | string {
  const parsed = parseJwk(jwk);
  if (parsed.reason !== undefined) return parsed.reason;
  const [alg, ...others] = parsed.algs;
  const { kty, kid = SigningKey.of(parsed).displayId, use = 'sig', ...members } = parsed.jwk;
  return Object.freeze({ kty, kid, use, ...(others.length === 0 && { alg }), ...members });
}

function toJwk(key: unknown): object | string {
  if (typeof key === 'string') return exported(createPublicKey(key));
  if (key instanceof KeyObject) return key.type === 'secret' ? SYMMETRIC : exported(key);
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return 'is not a JWK, a KeyObject or PEM';
  const copy: Record<string, unknown> = Object.create(null);
  for (const name of COPIED_MEMBERS) if (Object.hasOwn(key, name)) copy[name] = (key as JWK)[name];
  if (copy['kty'] === 'oct' || Object.hasOwn(key, 'k')) return SYMMETRIC;
  return repeatsSecret(copy, key) ? 'has a private member that a public one repeats' : copy;
}

const SHORTEST_SECRET = 16;

/**
 * A slip in putting the JWK together: as a kid it would be published, as an algorithm be part of an
 * error.
 */
function repeatsSecret(copy: Readonly<Record<string, unknown>>, key: object): boolean {
  const secrets = PRIVATE_MEMBERS.map((name): unknown => (key as Record<string, unknown>)[name]);
  return secrets.some((secret) => {
    if (typeof secret !== 'string' || secret.length < SHORTEST_SECRET) return false;
    return Object.values(copy).some((member) => typeof member === 'string' && member.includes(secret));
  });
}

const SYMMETRIC = 'is symmetric: it would give its secret away';

/**
 * By way of DER: Node.js 20 can wait for itself for ever when it exports a key of
 * `generateKeyPairSync` as JWK.
 */
function exported(key: KeyObject): JWK {
  const der = publicHalf(key).export({ type: 'spki', format: 'der' });
  return createPublicKey({ key: der, type: 'spki', format: 'der' }).export({ format: 'jwk' }) as JWK;
}

function publicHalf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}
