import { createHash } from 'node:crypto';
import type { JWK } from 'jose';
import { safeText } from '../core/events.js';
import { JWK_MEMBERS, parseMaterial, type ParsedMaterial, type JwkMembers } from './key-material.js';

/** A public key that can verify signatures. @internal */
export interface UsableJwk extends ParsedMaterial {
  /** Frozen; the members that are known to be public, and no others. */
  readonly jwk: Readonly<JWK>;
  readonly reason?: undefined;
}

/** @internal */
export interface UnusableJwk {
  readonly kid?: string;
  /** Why, so that it reads on after the key's name; holds no key material. */
  readonly reason: string;
}

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2, RFC 9964 section 3. @internal */
export const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const MAX_KID_LENGTH = 256;
const MAX_DEPTH = 32;

/**
 * Parses one entry of a JWK Set, clause by clause. Never throws.
 *
 * @internal
 */
export function parseJwk(entry: unknown): UsableJwk | UnusableJwk {
  try {
    return parseEntry(entry);
  } catch {
    // Getters and proxies, in a set that an application hands in: parsed JSON has none.
    return { reason: 'cannot be read' };
  }
}

function parseEntry(entry: unknown): UsableJwk | UnusableJwk {
  // RFC 7517 section 4: a JWK is a JSON object.
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return { reason: 'is not a JSON object' };
  const jwk = readMembers(entry);
  const fault =
    privateMembersFault(entry) ??
    nestingFault(entry) ??
    useFault(jwk.use) ??
    keyOpsFault(jwk.key_ops, jwk.use) ??
    kidFault(jwk.kid);
  if (fault !== undefined) return unusable(jwk.kid, fault);
  const parsed = parseMaterial(jwk);
  if (typeof parsed === 'string') return unusable(jwk.kid, parsed);
  const misfit = algFault(jwk.alg, parsed.algs);
  if (misfit !== undefined) return unusable(jwk.kid, misfit);
  return { ...parsed, jwk: publicJwk(jwk, parsed, thumbprintsOf(entry)) };
}

/**
 * Own members only, and each read once: what is checked is what is kept. Serializers that write every
 * property write `null` for what is absent.
 */
function readMembers(entry: object): JwkMembers {
  const members: Partial<Record<string, unknown>> = Object.create(null);
  for (const name of JWK_MEMBERS) members[name] = ownMember(entry, name) ?? undefined;
  if (Array.isArray(members.key_ops)) members.key_ops = Array.prototype.slice.call(members.key_ops);
  return members;
}

/**
 * RFC 7517 section 9.2: such members are never published. The key is burnt, whatever else is right
 * about it.
 */
function privateMembersFault(entry: object): string | undefined {
  const found = PRIVATE_MEMBERS.filter((name) => (ownMember(entry, name) ?? undefined) !== undefined);
  if (found.length === 0) return undefined;
  const what = found.includes('k') ? 'secret' : 'private';
  return `has private members (${found.join(', ')}): a ${what} key was published, treat it as compromised`;
}

/**
 * Members that are not known are ignored (RFC 7517 section 4), but not at any depth: code that copies
 * or logs the entry would recurse.
 */
function nestingFault(entry: object): string | undefined {
  let level: object[] = [entry];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
    const next = new Set<object>();
    for (const container of level) {
      for (const member of Object.values(container))
        if (typeof member === 'object' && member !== null) next.add(member);
    }
    level = [...next];
  }
  return undefined;
}

/** RFC 7517 section 4.2: case-sensitive, and a key for encryption verifies nothing. */
function useFault(use: unknown): string | undefined {
  if (use === undefined || use === 'sig') return undefined;
  return typeof use === 'string' ? `has the use "${safeText(use)}", not "sig"` : 'has a "use" that is not a string';
}

/** What RFC 7517 section 4.3 registers for other purposes than signatures. */
const OTHER_OPERATIONS = new Set(['encrypt', 'decrypt', 'wrapKey', 'unwrapKey', 'deriveKey', 'deriveBits']);

function keyOpsFault(operations: unknown, use: unknown): string | undefined {
  if (operations === undefined) return undefined;
  // RFC 7517 section 4.3: an array of strings, without duplicates, consistent with "use" where both
  // are given.
  if (!Array.isArray(operations) || operations.some((operation) => typeof operation !== 'string')) {
    return 'has "key_ops" that are not an array of strings';
  }
  if (new Set(operations).size !== operations.length) return 'has "key_ops" with duplicates';
  if (!operations.includes('verify')) return 'has "key_ops" without "verify"';
  if (use !== undefined && operations.some((operation) => OTHER_OPERATIONS.has(operation))) {
    return 'has "key_ops" that contradict its "use"';
  }
  return undefined;
}

/**
 * RFC 7517 section 4.4, RFC 8725 section 3.1: one algorithm for each key, and here one that signs.
 */
function algFault(alg: unknown, algs: ReadonlySet<string>): string | undefined {
  if (alg === undefined) return undefined;
  if (typeof alg !== 'string') return 'has an "alg" that is not a string';
  return algs.has(alg)
    ? undefined
    : `has the algorithm "${safeText(alg)}", with which such a key cannot verify signatures`;
}

/** RFC 7517 section 4.5: a case-sensitive string. The bound is ours. */
function kidFault(kid: unknown): string | undefined {
  if (kid === undefined) return undefined;
  if (typeof kid !== 'string') return 'has a "kid" that is not a string';
  return kid.length > MAX_KID_LENGTH ? `has a "kid" longer than ${MAX_KID_LENGTH} characters` : undefined;
}

type Thumbprints = Pick<JWK, 'x5t' | 'x5t#S256'>;

/**
 * Of the certificate that the key is published with, as published or from the certificate itself
 * (RFC 7517 sections 4.7 to 4.9). They tell keys apart and prove nothing, so that SHA-1 will do, and
 * what is malformed is as if it were absent.
 */
function thumbprintsOf(entry: object): Thumbprints {
  const certificate = firstCertificate(ownMember(entry, 'x5c'));
  const thumbprint = (name: keyof Thumbprints, hash: string, length: number) => {
    const published = ownMember(entry, name);
    if (typeof published === 'string' && published.length === length && /^[\w-]+$/.test(published)) return published;
    return certificate && createHash(hash).update(certificate).digest('base64url');
  };
  return { x5t: thumbprint('x5t', 'sha1', 27), 'x5t#S256': thumbprint('x5t#S256', 'sha256', 43) } as Thumbprints;
}

const MAX_CERTIFICATE_LENGTH = 16_384;

/** A DER sequence of the length that it says (X.690 section 8.1.3). */
function firstCertificate(chain: unknown): Buffer | undefined {
  const first: unknown = Array.isArray(chain) ? chain[0] : undefined;
  if (typeof first !== 'string' || first.length > MAX_CERTIFICATE_LENGTH) return undefined;
  const der = Buffer.from(first, 'base64');
  const isSequence = der.length > 4 && der[0] === 0x30 && der[1] === 0x82 && der.readUInt16BE(2) === der.length - 4;
  return isSequence ? der : undefined;
}

function publicJwk(
  { kid, use, key_ops: keyOps, alg }: JwkMembers,
  { material }: ParsedMaterial,
  thumbprints: Thumbprints,
): Readonly<JWK> {
  const { kty, ...publicKey } = material;
  const members = { kty, kid, use, key_ops: keyOps, alg, ...publicKey, ...thumbprints };
  // By way of JSON, which leaves out what is undefined: deleting it makes an object of V8's slow kind,
  // which takes three times as much memory, and adding one by one leaves room for more.
  const jwk = JSON.parse(JSON.stringify(members)) as JWK;
  if (jwk.key_ops) Object.freeze(jwk.key_ops);
  return Object.freeze(jwk);
}

function unusable(kid: unknown, reason: string): UnusableJwk {
  const isNameable = typeof kid === 'string' && kid.length <= MAX_KID_LENGTH;
  return isNameable ? { kid, reason } : { reason };
}

function ownMember(entry: object, name: string): unknown {
  return Object.hasOwn(entry, name) ? (entry as Record<string, unknown>)[name] : undefined;
}
