import { constants, verify, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto';
import { UnsupportedAlgorithmError } from '../core/errors.js';
import type { MaybePromise } from '../core/maybe-promise.js';
import type { SigningKey } from '../keys/signing-key.js';

/** How `node:crypto` checks the signatures of one algorithm (RFC 7518 section 3.1, RFC 8037). */
interface Scheme {
  /** `null`: the algorithm brings its own. */
  readonly hash: string | null;
  /**
   * Absent where the defaults of the key's type are right: Node 24 takes 20 µs longer for a key in an
   * object of options.
   */
  readonly input?: Omit<VerifyKeyObjectInput, 'key'>;
  /** The one length that signatures have, in bytes; absent for RSA, where it is that of the key. */
  readonly length?: number;
  /** Whether the thread pool takes them. */
  readonly isPooled: boolean;
}

const rsa = (hash: string): Scheme => ({ hash, isPooled: false });
const pss = (hash: string, saltLength: number): Scheme => ({
  hash,
  input: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
  isPooled: false,
});
const ecdsa = (hash: string, length: number, isPooled: boolean): Scheme => ({
  hash,
  input: { dsaEncoding: 'ieee-p1363' },
  length,
  isPooled,
});
const ed25519: Scheme = { hash: null, length: 64, isPooled: false };
const mlDsa = (length: number): Scheme => ({ hash: null, length, isPooled: true });

/**
 * A trip to the thread pool costs about 70 µs of CPU and a turn of the event loop. What takes less
 * than two of those is checked at once: measured on Node 20, in µs of CPU, RSA with 2,048 bits 40,
 * with 4,096 bits 105, P-256 93, Ed25519 128. The rest would hold up other requests: RSA with 8,192
 * bits 323, P-384 705, P-521 1,440.
 */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['RS256', rsa('sha256')],
  ['RS384', rsa('sha384')],
  ['RS512', rsa('sha512')],
  ['PS256', pss('sha256', 32)],
  ['PS384', pss('sha384', 48)],
  ['PS512', pss('sha512', 64)],
  ['ES256', ecdsa('sha256', 64, false)],
  ['ES384', ecdsa('sha384', 96, true)],
  ['ES512', ecdsa('sha512', 132, true)],
  ['EdDSA', ed25519],
  ['Ed25519', ed25519],
  ['ML-DSA-44', mlDsa(2_420)],
  ['ML-DSA-65', mlDsa(3_309)],
  ['ML-DSA-87', mlDsa(4_627)],
]);
const MAX_SYNCHRONOUS_RSA_BITS = 4_096;

/**
 * Whether the signature of a token in canonical form (RFC 7515 section 5.2) is good under the key;
 * at once where that is cheap. The key must support the algorithm. Throws, or rejects, where OpenSSL
 * cannot use the key.
 *
 * @internal
 */
export function isSignatureGood(token: string, alg: string, signingKey: SigningKey): MaybePromise<boolean> {
  const scheme = SCHEMES.get(alg);
  if (!scheme || !signingKey.supports(alg)) throw new UnsupportedAlgorithmError();
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  if (scheme.length !== undefined && signature.length !== scheme.length) return false;
  const key = signingKey.toKeyObject();
  const signed = Buffer.from(token.slice(0, end), 'latin1');
  const input = scheme.input ? { key, ...scheme.input } : key;
  if (!scheme.isPooled && !isLongRsa(key)) return verify(scheme.hash, signed, input, signature);
  return new Promise((resolve, reject) => {
    verify(scheme.hash, signed, input, signature, (error, isGood) => (error ? reject(error) : resolve(isGood)));
  });
}

function isLongRsa(key: KeyObject): boolean {
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) > MAX_SYNCHRONOUS_RSA_BITS;
}
