import { createHash, randomUUID } from 'node:crypto';
import { CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';

export const URL_OF_REQUEST = 'https://api.example.com/orders';
export const ACCESS_TOKEN = 'access.token.x';
export const NOW = Date.UTC(2026, 0, 1);

export interface ProofSigner {
  readonly alg: string;
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;
}

export async function newSigner(alg = 'ES256'): Promise<ProofSigner> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, jwk: await exportJWK(publicKey), privateKey };
}

/** `undefined` takes a member away. */
export interface ProofChanges {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
}

const athOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** A good proof, but for the changes. */
export function proofOf(signer: ProofSigner, { header, claims }: ProofChanges = {}): Promise<string> {
  const payload = {
    jti: randomUUID(),
    htm: 'GET',
    htu: URL_OF_REQUEST,
    iat: NOW / 1000,
    ath: athOf(ACCESS_TOKEN),
    ...claims,
  };
  return signedText(signer, { typ: 'dpop+jwt', alg: signer.alg, jwk: signer.jwk, ...header }, JSON.stringify(payload));
}

export function signedText(signer: ProofSigner, header: Record<string, unknown>, payload: string): Promise<string> {
  const crit = Array.isArray(header['crit'])
    ? { crit: Object.fromEntries(header['crit'].map((name) => [name, true])) }
    : {};
  return new CompactSign(new TextEncoder().encode(payload))
    .setProtectedHeader({ alg: signer.alg, ...header })
    .sign(signer.privateKey, crit);
}
