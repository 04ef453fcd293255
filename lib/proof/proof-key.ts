import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseJwk } from '../keys/jwk.js';
import type { KeyMaterial } from '../keys/key-material.js';
import { SigningKey } from '../keys/signing-key.js';
import { getOwn, isJsonObject, type JsonObject } from '../tokens/json-object.js';
import { dpopFault } from './dpop-faults.js';
import { parseProofObject } from './proof-object.js';

/** The public key of a proof, by which its signature is checked. @internal */
export interface ProofKey {
  readonly alg: string;
  readonly key: SigningKey;
  /** RFC 7638 with SHA-256: what `cnf.jkt` of the access token must be. */
  readonly thumbprint: string;
}

const MAX_KEPT = 1_000;

/**
 * Reads keys from the headers of proofs. A client sends the same header with every proof, so a key
 * that a proof was accepted with is kept under it: only holders of bound tokens fill the memory.
 *
 * @internal
 */
export class ProofKeys {
  private readonly kept = new LRUCache<string, ProofKey>({ max: MAX_KEPT });

  constructor(private readonly algorithms: readonly string[]) {}

  /** Throws a DpopProofError. */
  of(header: string): ProofKey {
    return this.kept.get(header) ?? parseProofHeader(header, this.algorithms);
  }

  keep(header: string, key: ProofKey): void {
    if (this.kept.has(header)) return;
    // A copy of the text: a slice would keep its whole proof in memory.
    this.kept.set(Buffer.from(header, 'latin1').toString('latin1'), key);
  }
}

/** RFC 9449 section 4.3, checks 2 and 4 to 7, as far as the header goes. */
function parseProofHeader(part: string, algorithms: readonly string[]): ProofKey {
  const header = parseProofObject(part);
  if (getOwn(header, 'typ') !== 'dpop+jwt') throw dpopFault('typ');
  const alg = getOwn(header, 'alg');
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw dpopFault('algorithm');
  if (Object.hasOwn(header, 'crit')) throw dpopFault('crit');
  const jwk = getOwn(header, 'jwk');
  const usable = isJsonObject(jwk) ? parseJwk(jwk) : undefined;
  if (!isJsonObject(jwk) || !usable || usable.reason !== undefined || !isExact(jwk, usable.material))
    throw dpopFault('key');
  const key = SigningKey.of(usable);
  if (!key.supports(alg)) throw dpopFault('key');
  return { alg, key, thumbprint: hash('sha256', JSON.stringify(usable.material), 'base64url') };
}

/**
 * Published sets are read with liberality; a proof is spelt as RFC 7518 says: without padding or
 * lost zeros, so that one key has one spelling.
 */
function isExact(jwk: JsonObject, material: KeyMaterial): boolean {
  return Object.entries(material).every(([name, value]) => getOwn(jwk, name) === value);
}
