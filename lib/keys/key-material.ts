import { createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import { safeText } from '../core/events.js';
import { ed25519PointFault, isOnCurve, P256, P384, P521, type PrimeCurve } from './curves.js';

/** The members of a JWK that are looked at, each read once and not parsed yet. @internal */
export type JwkMembers = Readonly<Partial<Record<(typeof JWK_MEMBERS)[number], unknown>>>;

/** @internal */
export const JWK_MEMBERS = ['kty', 'use', 'key_ops', 'alg', 'kid', 'crv', 'x', 'y', 'n', 'e', 'pub'] as const;

/**
 * A public key and nothing else: the required members in lexicographic order, as RFC 7638 section
 * 3.2 hashes them.
 *
 * @internal
 */
export type KeyMaterial = Readonly<Record<string, string>> & { readonly kty: string };

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  AKP: ['alg', 'kty', 'pub'],
};

/** The material of a JWK that was parsed. @internal */
export function materialOf(jwk: Readonly<JWK>): KeyMaterial {
  const members: Readonly<Record<string, unknown>> = { ...jwk };
  const names = REQUIRED[jwk.kty as string] ?? [];
  return Object.fromEntries(names.map((name) => [name, members[name]])) as KeyMaterial;
}

/** @internal */
export interface ParsedMaterial {
  readonly material: KeyMaterial;
  /** The algorithms that the key can verify; the first is the usual one. */
  readonly algs: ReadonlySet<string>;
}

/** The key itself, without what is said about it; a string: why it is unusable. @internal */
export function parseMaterial(jwk: JwkMembers): ParsedMaterial | string {
  switch (jwk.kty) {
    case 'RSA':
      return parseRsa(jwk);
    case 'EC':
      return parseEc(jwk);
    case 'OKP':
      return parseOkp(jwk);
    case 'AKP':
      return parseAkp(jwk);
    case 'oct':
      return 'is a symmetric key ("oct"): no secret belongs into a JWK Set that others can read';
    default:
      // RFC 7517 section 5: a set may hold key types that are not understood.
      return typeof jwk.kty === 'string'
        ? `has the unknown key type "${safeText(jwk.kty)}"`
        : 'lacks a key type ("kty")';
  }
}

const RSA_ALGS: ReadonlySet<string> = new Set(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
const MIN_MODULUS_BITS = 2_048;
const MAX_MODULUS_BITS = 8_192;

function parseRsa({ n, e }: JwkMembers): ParsedMaterial | string {
  // RFC 7518 section 6.3.1: both are there, as Base64urlUInt.
  const modulus = toUnsigned(n);
  if (!modulus) return malformed('n', n);
  const exponent = toUnsigned(e);
  if (!exponent) return malformed('e', e);
  // RFC 7518 section 3.3: 2048 bits or more. The upper bound keeps a verification cheap.
  const bits = bitLength(modulus);
  if (bits < MIN_MODULUS_BITS || bits > MAX_MODULUS_BITS) {
    return `has an RSA modulus of ${bits} bits, outside ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS}`;
  }
  if (!isOdd(modulus)) return 'has an RSA modulus that is even';
  // FIPS 186-5 appendix A.1.1: odd, over 2^16, under 2^256. With e = 1 the padded digest is its own
  // signature.
  if (!isOdd(exponent)) return 'has an RSA exponent that is even';
  if (bitLength(exponent) < 17) return 'has an RSA exponent under 65537';
  // OpenSSL verifies nothing with an exponent over 64 bits under a modulus over 3072 bits.
  if (bitLength(exponent) > (bits > 3_072 ? 64 : 256)) return 'has an RSA exponent that is too large';
  const material = { e: exponent.toString('base64url'), kty: 'RSA', n: modulus.toString('base64url') };
  return { material, algs: RSA_ALGS };
}

/** RFC 7518 section 3.4: one algorithm for each curve. */
const EC_CURVES: ReadonlyMap<unknown, PrimeCurve & { readonly algs: ReadonlySet<string> }> = new Map([
  ['P-256', { ...P256, algs: new Set(['ES256']) }],
  ['P-384', { ...P384, algs: new Set(['ES384']) }],
  ['P-521', { ...P521, algs: new Set(['ES512']) }],
]);

function parseEc({ crv, x, y }: JwkMembers): ParsedMaterial | string {
  // RFC 7518 section 6.2.1.1. secp256k1 (RFC 8812) is left out: WebCrypto cannot import it.
  const curve = EC_CURVES.get(crv);
  if (!curve) return unsupportedCurve(crv, 'P-256, P-384, P-521');
  const xOctets = toCoordinate(x, curve.octets);
  if (!xOctets) return malformed('x', x);
  const yOctets = toCoordinate(y, curve.octets);
  if (!yOctets) return malformed('y', y);
  // RFC 8725 section 3.4.
  if (!isOnCurve(curve, xOctets, yOctets)) return 'has a point that is not on its curve';
  const material = {
    crv: crv as string,
    kty: 'EC',
    x: xOctets.toString('base64url'),
    y: yOctets.toString('base64url'),
  };
  return { material, algs: curve.algs };
}

/** RFC 8037 section 3.1; RFC 9864 section 2.2 gives the second name. */
const ED25519_ALGS: ReadonlySet<string> = new Set(['EdDSA', 'Ed25519']);

function parseOkp({ crv, x }: JwkMembers): ParsedMaterial | string {
  // RFC 8037 section 2. X25519 and X448 agree on keys and sign nothing; Ed448 (RFC 9864 section
  // 2.2) is not among jose's algorithms.
  if (crv !== 'Ed25519') return unsupportedCurve(crv, 'Ed25519');
  const octets = toOctets(x);
  if (octets?.length !== 32) return malformed('x', x);
  const fault = ed25519PointFault(octets);
  return fault ?? { material: { crv, kty: 'OKP', x: octets.toString('base64url') }, algs: ED25519_ALGS };
}

/**
 * Octets of a public key (FIPS 204 table 2). Any octets of that length are one: there is no point
 * to check.
 */
const ML_DSA_OCTETS: ReadonlyMap<unknown, number> = new Map([
  ['ML-DSA-44', 1_312],
  ['ML-DSA-65', 1_952],
  ['ML-DSA-87', 2_592],
]);

function parseAkp({ alg, pub }: JwkMembers): ParsedMaterial | string {
  // RFC 9964 section 3: alg and pub are required.
  const octets = ML_DSA_OCTETS.get(alg);
  if (octets === undefined || typeof alg !== 'string') {
    return alg === undefined
      ? 'lacks the member "alg"'
      : 'has an algorithm that is not one of ML-DSA-44, ML-DSA-65, ML-DSA-87';
  }
  const key = toOctets(pub);
  if (key?.length !== octets) return malformed('pub', pub);
  if (!canImport(alg, octets)) return `has the algorithm ${alg}, which this runtime does not have`;
  return { material: { alg, kty: 'AKP', pub: key.toString('base64url') }, algs: new Set([alg]) };
}

const importable = new Map<string, boolean>();

/** Tried once for each algorithm: only trying tells what Node.js and its OpenSSL have. */
function canImport(alg: string, octets: number): boolean {
  let answer = importable.get(alg);
  if (answer === undefined) {
    try {
      createPublicKey({ key: { kty: 'AKP', alg, pub: Buffer.alloc(octets).toString('base64url') }, format: 'jwk' });
      answer = true;
    } catch {
      answer = false;
    }
    importable.set(alg, answer);
  }
  return answer;
}

/** Far more than the longest member of a usable key; leading zeros count. */
const MAX_MEMBER_LENGTH = 8_192;
const BASE64 = /^[\w+/-]+=*$/;
const WHITE_SPACE = /[\t\n\f\r ]+/g;

/**
 * RFC 7515 section 2 asks for base64url without padding. Padding, white space and the other alphabet
 * of RFC 4648 are what some providers publish; each spelling has one meaning.
 */
function toOctets(member: unknown): Buffer | undefined {
  if (typeof member !== 'string' || member.length > MAX_MEMBER_LENGTH) return undefined;
  const text = member.replace(WHITE_SPACE, '');
  if (!BASE64.test(text) || text.replace(/=+$/, '').length % 4 === 1) return undefined;
  return Buffer.from(text, 'base64url');
}

/**
 * RFC 7518 section 6.2.1.2 asks for the full size of a coordinate. Lost octets can only be leading
 * zeros, and added ones are no part of the number.
 */
function toCoordinate(member: unknown, size: number): Buffer | undefined {
  const number = toUnsigned(member);
  if (!number || number.length > size) return undefined;
  return Buffer.concat([Buffer.alloc(size - number.length), number]);
}

/**
 * RFC 7518 section 2, Base64urlUInt. Leading zero octets, which it forbids and some issuers send,
 * do not count.
 */
function toUnsigned(member: unknown): Buffer | undefined {
  const octets = toOctets(member);
  // Where all are zero, -1: the last one stays.
  return octets?.subarray(octets.findIndex((octet) => octet !== 0));
}

function bitLength(unsigned: Buffer): number {
  return unsigned.length * 8 - (Math.clz32(unsigned[0] ?? 0) - 24);
}

function isOdd(unsigned: Buffer): boolean {
  return ((unsigned.at(-1) ?? 0) & 1) === 1;
}

function malformed(name: string, member: unknown): string {
  return member === undefined
    ? `lacks the member "${name}"`
    : `has a member "${name}" of the wrong length or not in base64url`;
}

function unsupportedCurve(crv: unknown, supported: string): string {
  if (crv === undefined) return 'lacks the member "crv"';
  const name = typeof crv === 'string' ? `the curve "${safeText(crv)}"` : 'a curve';
  return `has ${name}, which is not one of ${supported}`;
}
