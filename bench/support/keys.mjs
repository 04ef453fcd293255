import { createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * Not generateKeyPairSync: Node 20 may wait for itself for ever where a garbage collection falls
 * into the export of such a key as a JWK.
 */
const generate = promisify(generateKeyPair);

const MAKE = {
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
};

export const ALGORITHMS = Object.keys(MAKE);

/** A key that signs, its private half as a JWK so that it can be sent to another process. */
export async function signingKey(alg, kid = `${alg}-signs`) {
  const { privateKey } = await MAKE[alg]();
  const jwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid, alg, use: 'sig' };
  return { kid, alg, jwk, private: privateKey.export({ format: 'jwk' }) };
}

/** A public key that nothing here signs with. */
export async function publicKeyOf(alg) {
  const make = alg === 'ES512' ? () => generate('ec', { namedCurve: 'P-521' }) : MAKE[alg];
  const { publicKey } = await make();
  return { ...publicKey.export({ format: 'jwk' }), kid: `${alg}-flooded`, alg, use: 'sig' };
}

/**
 * A set of `count` RSA keys, the given one in the middle. The others are random moduli: no one has
 * their private half, or ever needs it.
 */
export function setOf(count, jwk) {
  const keys = Array.from({ length: count }, (_, index) => fillerKey(`filler-${index}`));
  keys[Math.floor(count / 2)] = jwk;
  return { keys };
}

function fillerKey(kid) {
  const modulus = randomBytes(256);
  modulus[0] |= 0x80;
  modulus[255] |= 1;
  return { kty: 'RSA', e: 'AQAB', n: modulus.toString('base64url'), kid, alg: 'RS256', use: 'sig' };
}
