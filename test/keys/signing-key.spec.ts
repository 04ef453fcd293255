import { createPublicKey, KeyObject, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { compactVerify, generateKeyPair, exportJWK, type JWK } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import { signToken, testKey } from '../support/keys.js';

const ALGS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

const keyOf = (jwk: unknown) => [...JwkSet.parse({ keys: [jwk] })][0] as SigningKey;

async function keyFor(alg: string, changes: Record<string, unknown> = {}): Promise<SigningKey> {
  return keyOf({ ...(await testKey(alg)).jwk, ...changes });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('SigningKey', () => {
  it.each(ALGS)('says what it is and verifies %s', async (alg) => {
    const { jwk } = await testKey(alg);
    const key = await keyFor(alg);
    expect({ ...key }).toEqual({ kid: `${alg}-1`, alg, kty: jwk.kty, use: 'sig', crv: jwk.crv, jwk });
    const token = await signToken(await testKey(alg), { sub: 'alice' });
    await expect(compactVerify(token, await key.toCryptoKey())).resolves.toHaveProperty('protectedHeader.alg', alg);
  });

  it.each(ALGS)(
    'verifies %s without naming an algorithm, with operations that WebCrypto would trip over',
    async (alg) => {
      const key = await keyFor(alg, {
        alg: undefined,
        use: undefined,
        ext: false,
        key_ops: ['sign', 'verify', 'wrapKey'],
      });
      const token = await signToken(await testKey(alg), { sub: 'alice' });
      await expect(compactVerify(token, await key.toCryptoKey(alg))).resolves.toBeDefined();
    },
  );

  it('is a value: nothing of it can be changed', async () => {
    const key = await keyFor('RS256');
    expect(Object.isFrozen(key)).toBe(true);
    expect(Object.isFrozen(key.jwk)).toBe(true);
    expect(() => Object.assign(key, { alg: 'none' })).toThrow(TypeError);
    expect(() => Object.assign(key.jwk, { kty: 'oct' })).toThrow(TypeError);
  });

  it('shows its public members only, to inspect and to JSON', async () => {
    const key = await keyFor('ES256');
    await key.toCryptoKey();
    expect(JSON.parse(JSON.stringify(key))).toEqual({
      kid: 'ES256-1',
      alg: 'ES256',
      kty: 'EC',
      use: 'sig',
      crv: 'P-256',
      jwk: key.jwk,
    });
    expect(inspect(key, { depth: 9 })).not.toContain('material');
  });
});

describe('SigningKey.supports', () => {
  const NONE = ['HS256', 'none', 'RSA-OAEP', 'rs256', '__proto__', 'constructor', ''];
  it.each([
    ['RS256', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['ES256', ['ES256']],
    ['ES384', ['ES384']],
    ['ES512', ['ES512']],
    ['EdDSA', ['EdDSA', 'Ed25519']],
  ])('takes what fits type and curve where the JWK of %s names no algorithm', async (alg, supported) => {
    const key = await keyFor(alg, { alg: undefined });
    expect([...ALGS, 'ML-DSA-44', 'ES256K', ...NONE].filter((name) => key.supports(name))).toEqual(supported);
  });

  it.each(ALGS)('takes %s alone where the JWK names it', async (alg) => {
    const key = await keyFor(alg);
    expect([...ALGS, ...NONE].filter((name) => key.supports(name))).toEqual([alg]);
  });
});

describe('SigningKey.toCryptoKey', () => {
  it('imports once for each algorithm, then hands out the same object', async () => {
    const key = await keyFor('RS256', { alg: undefined });
    const [first, second] = await Promise.all([key.toCryptoKey(), key.toCryptoKey('RS256')]);
    expect(second).toBe(first);
    expect(await key.toCryptoKey('PS256')).not.toBe(first);
    expect((await key.toCryptoKey('PS256')).algorithm.name).toBe('RSA-PSS');
  });

  it('is synchronous on the hot path once imported', async () => {
    const key = await keyFor('ES256');
    const importing = key.cryptoKey('ES256');
    expect(importing).toBeInstanceOf(Promise);
    expect(key.cryptoKey('ES256')).toBe(importing);
    const imported = await importing;
    expect(key.cryptoKey('ES256')).toBe(imported);
  });

  it.each([
    ['RS256', {}, 'RSASSA-PKCS1-v1_5'],
    ['PS384', {}, 'RSA-PSS'],
    ['RS512', { alg: undefined }, 'RSASSA-PKCS1-v1_5'],
    ['ES384', { alg: undefined }, 'ECDSA'],
    ['Ed25519', { alg: undefined }, 'Ed25519'],
  ])('means the algorithm of the JWK, else the usual one: %s %j', async (alg, changes, name) => {
    const { algorithm, usages, type } = await (await keyFor(alg, changes)).toCryptoKey();
    expect({ name: algorithm.name, usages, type }).toEqual({ name, usages: ['verify'], type: 'public' });
  });

  it('tries again after an import that failed', async () => {
    const key = await keyFor('ES256');
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValueOnce(new Error('no memory'));
    await expect(key.toCryptoKey()).rejects.toThrow('no memory');
    await expect(key.toCryptoKey()).resolves.toHaveProperty('type', 'public');
  });

  it('rejects an algorithm that the key does not support, and keeps nothing of it', async () => {
    const key = await keyFor('RS256');
    for (const alg of ['PS256', 'HS256', 'ES256', '__proto__', 'x\n']) {
      await expect(key.toCryptoKey(alg)).rejects.toThrow(TypeError);
    }
    await expect(key.toCryptoKey('x\n')).rejects.toThrow('The key does not support "x\\u000a"');
    await expect(key.toCryptoKey()).resolves.toBeDefined();
  });
});

describe('SigningKey.toKeyObject and toPem', () => {
  it.each(['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])('give the key of %s, made once', async (alg) => {
    const key = await keyFor(alg);
    const { publicKey } = await testKey(alg);
    expect(key.toKeyObject()).toBe(key.toKeyObject());
    expect(key.toKeyObject().equals(KeyObject.from(publicKey))).toBe(true);
    expect(key.toPem()).toMatch(/^-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n$/);
    expect(createPublicKey(key.toPem()).equals(key.toKeyObject())).toBe(true);
  });
});

describe('ML-DSA (RFC 9964)', () => {
  const OCTETS = { 'ML-DSA-44': 1_312, 'ML-DSA-65': 1_952, 'ML-DSA-87': 2_592 };

  it.each(Object.entries(OCTETS))('is accepted where the runtime has %s, and else dropped', async (alg, octets) => {
    const pair = await generateKeyPair(alg, { extractable: true }).catch(() => undefined);
    const pub = Buffer.alloc(octets, 1).toString('base64url');
    const jwk: JWK = { ...(pair ? await exportJWK(pair.publicKey) : { kty: 'AKP', alg, pub }), kid: 'pq' };
    const wanted = pair
      ? { kty: 'AKP', crv: undefined, jwk: { ...jwk, alg }, others: [], byWebCrypto: true, byPem: true }
      : `The JWK Set has no usable key: "pq" has the algorithm ${alg}, which this runtime does not have`;
    expect(await outcomeOf({ ...jwk, alg }, pair)).toEqual(wanted);
  });

  it('is dropped with its private member, whatever the runtime has', () => {
    expect(() => keyOf({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA', priv: 'AA' })).toThrow('has private members (priv)');
  });

  /** The refusal, or what the key says and whether it verifies a signature of its pair. */
  async function outcomeOf(jwk: JWK, pair: Awaited<ReturnType<typeof generateKeyPair>> | undefined): Promise<unknown> {
    try {
      const key = keyOf(jwk);
      if (!pair) return 'accepted';
      const signer = { kid: 'pq', alg: jwk.alg as string, jwk, privateJwk: jwk, ...pair };
      const token = await signToken(signer, { sub: 'alice' });
      const [header, payload, signature] = token.split('.') as [string, string, string];
      const octets = Buffer.from(signature, 'base64url');
      return {
        kty: key.kty,
        crv: key.crv,
        jwk: key.jwk,
        others: ALGS.filter((name) => key.supports(name)),
        byWebCrypto: await compactVerify(token, await key.toCryptoKey()).then(() => true),
        byPem: verify(null, Buffer.from(`${header}.${payload}`), key.toPem(), octets),
      };
    } catch (error) {
      return (error as Error).message;
    }
  }
});
