import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import { exportJWK } from 'jose/key/export';
import { generateKeyPair } from 'jose/key/generate/keypair';
import type { NewKey } from './ring-state.js';

/** Which keys a ring makes. @internal */
export interface NewKeySettings {
  readonly algorithm: string;
  /** Bits; RSA alone. */
  readonly modulusLength: number;
}

/**
 * A new private key whose kid is its thumbprint (RFC 7638). Made and exported by WebCrypto, which
 * is asynchronous: Node.js 20 can wait for itself for ever when it exports a key of
 * `generateKeyPairSync`.
 *
 * @internal
 */
export async function newKey({ algorithm, modulusLength }: NewKeySettings): Promise<NewKey> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true, modulusLength });
  const { key_ops: _operations, ext: _extractable, ...material } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(material);
  return { kid, jwk: Object.freeze({ ...material, kid, alg: algorithm }) };
}
