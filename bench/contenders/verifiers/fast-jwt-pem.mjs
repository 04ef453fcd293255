import { createPublicKey } from 'node:crypto';
import { createVerifier } from 'fast-jwt';

/**
 * One key in hand for ever: no key set, no rotation, no promise. The least that its cache can cost.
 */
export async function verifier({ issuers: [{ issuer, jwksUri }], audience, algorithms }) {
  const { keys } = await (await fetch(jwksUri)).json();
  const key = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  return createVerifier({ key, algorithms, allowedIss: issuer, allowedAud: audience, cache: 10_000 });
}
