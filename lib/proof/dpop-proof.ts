import { hash } from 'node:crypto';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import { decodePart } from '../tokens/compact-jwt.js';
import { getOwn } from '../tokens/json-object.js';
import { isSignatureGood } from '../tokens/signature.js';
import { dpopFault } from './dpop-faults.js';
import { parseProofObject } from './proof-object.js';
import type { ProofKey, ProofKeys } from './proof-key.js';
import { normalizeUrl } from './request-url.js';

/** A proof in canonical form (RFC 9449 section 4.2); nothing of it is verified. @internal */
export interface DpopProof {
  /** As it came. */
  readonly text: string;
  /** The first part of it, by which its key is kept. */
  readonly header: string;
  readonly key: ProofKey;
  readonly claims: DpopClaims;
}

interface DpopClaims {
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  /** In seconds. */
  readonly iat: number;
  readonly ath: string;
  readonly nonce: string | undefined;
}

/** The request that a proof must be for. @internal */
export interface ProvenRequest {
  readonly method: string;
  /** As {@link normalizeUrl} writes it. */
  readonly url: string;
  readonly accessToken: string;
}

/** When a proof must have been made, in milliseconds. @internal */
export interface ProofWindow {
  readonly now: number;
  readonly maxAge: number;
  readonly tolerance: number;
}

const MAX_PROOF_LENGTH = 8_192;
const MAX_JTI_LENGTH = 256;

/**
 * Reads the value of the `DPoP` header: RFC 9449 section 4.3, checks 1 to 7 without the signature.
 * Throws a DpopProofError.
 *
 * @internal
 */
export function parseDpopProof(sent: unknown, keys: ProofKeys): DpopProof {
  if (sent === undefined || sent === '') throw dpopFault('missing');
  // Node joins several headers of one name with a comma, which no proof has.
  if (typeof sent !== 'string' || sent.includes(',')) throw dpopFault('several');
  if (sent.length > MAX_PROOF_LENGTH) throw dpopFault('tooLong');
  const headerEnd = sent.indexOf('.');
  const payloadEnd = sent.indexOf('.', headerEnd + 1);
  // A fourth part would be in what stands for the third, and no base64url.
  if (payloadEnd === -1 || !decodePart(sent.slice(payloadEnd + 1))) throw dpopFault('malformed');
  const header = sent.slice(0, headerEnd);
  const key = keys.of(header);
  return { text: sent, header, key, claims: parseClaims(sent.slice(headerEnd + 1, payloadEnd)) };
}

/** Checks 8, 9 and 12: method, URL and access token. Throws a DpopProofError. @internal */
export function assertProves({ claims }: DpopProof, { method, url, accessToken }: ProvenRequest): void {
  if (claims.htm !== method) throw dpopFault('method');
  if (claims.htu !== url) {
    const proven = normalizeUrl(claims.htu);
    if (proven !== url) throw dpopFault(proven === undefined ? 'url' : urlFaultOf(proven, url));
  }
  if (claims.ath !== sha256(accessToken)) throw dpopFault('accessToken');
}

/** In which part they differ: each has a cause of its own. Without values, which may be personal. */
function urlFaultOf(proven: string, requested: string): 'urlProtocol' | 'urlHost' | 'urlPath' {
  const [one = [], other = []] = [proven, requested].map((url) => url.split('/', 3));
  if (one[2] !== other[2]) return 'urlHost';
  return one[0] === other[0] ? 'urlPath' : 'urlProtocol';
}

/** Check 11. Throws a DpopProofError. @internal */
export function assertRecent({ claims }: DpopProof, { now, maxAge, tolerance }: ProofWindow): void {
  const age = now - claims.iat * 1000;
  if (age > maxAge + tolerance) throw dpopFault('tooOld');
  if (age < -tolerance) throw dpopFault('tooNew');
}

/** Check 6. At once where the algorithm is cheap. Throws, or rejects with, a DpopProofError. @internal */
export function assertSigned({ text, key }: DpopProof): MaybePromise<void> {
  let isGood: MaybePromise<boolean>;
  try {
    isGood = isSignatureGood(text, key.alg, key.key);
  } catch {
    // OpenSSL cannot use the key.
    throw dpopFault('signature');
  }
  if (!isPromise(isGood)) return requireGood(isGood);
  return isGood.then(requireGood, () => requireGood(false));
}

/** What the replay store knows a proof by: of constant length, whatever the client chose. @internal */
export function replayKeyOf({ claims, key }: DpopProof): string {
  return sha256(`${key.thumbprint}.${claims.jti}`);
}

function parseClaims(part: string): DpopClaims {
  const claims = parseProofObject(part);
  const [jti, htm, htu, iat, ath, nonce] = ['jti', 'htm', 'htu', 'iat', 'ath', 'nonce'].map((name) =>
    getOwn(claims, name),
  );
  const areTexts = isText(jti) && isText(htm) && isText(htu) && isText(ath) && (nonce === undefined || isText(nonce));
  if (!areTexts || jti.length > MAX_JTI_LENGTH || typeof iat !== 'number' || !Number.isFinite(iat))
    throw dpopFault('claims');
  return { jti, htm, htu, iat, ath, nonce };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function requireGood(isGood: boolean): void {
  if (!isGood) throw dpopFault('signature');
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url');
}
