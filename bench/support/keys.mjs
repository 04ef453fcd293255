import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';

/**
 * As PEM, not as a KeyObject: to export that as a JWK locks what the end of its generation locks too, and where a garbage collection falls in
 * between Node 20 waits for itself for ever.
 */
const PEM = {
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
};

const MAKE = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048, ...PEM }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256', ...PEM }),
  EdDSA: () => generateKeyPairSync('ed25519', PEM),
};

export const ALGORITHMS = Object.keys(MAKE);

/** A key that signs, its private half as a JWK so that it can be sent to another process. */
export function signingKey(alg, kid = `${alg}-signs`) {
  const privateKey = createPrivateKey(MAKE[alg]().privateKey);
  const jwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid, alg, use: 'sig' };
  return { kid, alg, jwk, private: privateKey.export({ format: 'jwk' }) };
}

/** A set of `count` RSA keys, the given one in the middle. The others are random moduli: nobody has their private half, or ever needs it. */
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
