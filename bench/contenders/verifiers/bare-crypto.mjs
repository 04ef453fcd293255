import { createPublicKey, verify } from 'node:crypto';

/**
 * The signature and nothing else, under a key in hand: no claims, no key set. What everybody has to
 * pay.
 */
export async function verifier({ issuers: [{ jwksUri }], algorithms: [algorithm] }) {
  const { keys } = await (await fetch(jwksUri)).json();
  const key = { key: createPublicKey({ key: keys[0], format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  const digest = algorithm === 'EdDSA' ? null : 'sha256';
  return (token) => {
    const dot = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(dot + 1), 'base64url');
    if (!verify(digest, Buffer.from(token.slice(0, dot)), key, signature)) throw new Error('bad signature');
  };
}
