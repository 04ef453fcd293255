import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** Public members, with `kid`, `alg` and `use`. */
  readonly jwk: JWK;
  /** Private members too. */
  readonly privateJwk: JWK;
}

const made = new Map<string, Promise<TestKey>>();

/** A key pair, made once per process for each alg and kid. */
export function testKey(alg = 'ES256', kid = `${alg}-1`): Promise<TestKey> {
  const id = JSON.stringify([alg, kid]);
  let key = made.get(id);
  if (!key) made.set(id, (key = makeKey(alg, kid)));
  return key;
}

async function makeKey(alg: string, kid: string): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return { kid, alg, privateKey, publicKey, jwk, privateJwk: { ...(await exportJWK(privateKey)), kid, alg } };
}

/** Signs a token. `header` adds to or, by `undefined`, takes away from `{ alg, kid }`. */
export function signToken(key: TestKey, payload: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}
