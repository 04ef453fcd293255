import fc from 'fast-check';
import { compactVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { UnsupportedAlgorithmError } from '../../lib/core/errors.js';
import { isPromise } from '../../lib/core/maybe-promise.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import { isSignatureGood } from '../../lib/tokens/signature.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';

const SYNCHRONOUS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'EdDSA', 'Ed25519'];
const POOLED = ['ES384', 'ES512'];

const signingKeyOf = (key: TestKey): SigningKey => JwkSet.parse({ keys: [key.jwk] }).get(key.kid) as SigningKey;

async function byOurs(token: string, alg: string, key: SigningKey): Promise<boolean> {
  return isSignatureGood(token, alg, key);
}

async function byJose(token: string, alg: string, key: SigningKey): Promise<boolean> {
  const cryptoKey = await key.toCryptoKey(alg);
  return compactVerify(token, cryptoKey, { algorithms: [alg] }).then(
    () => true,
    () => false,
  );
}

/** What happens to a signature on its way. */
const mutation = fc.oneof(
  fc.constant((bytes: Buffer) => bytes),
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, change]) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    const index = at % changed.length;
    changed[index] = (changed[index] as number) ^ change;
    return changed;
  }),
  fc.nat().map((length) => (bytes: Buffer) => bytes.subarray(0, length % bytes.length)),
  fc.uint8Array({ minLength: 1, maxLength: 600 }).map((tail) => (bytes: Buffer) => Buffer.concat([bytes, tail])),
  fc.uint8Array({ minLength: 1, maxLength: 600 }).map((other) => () => Buffer.from(other)),
  fc.constantFrom(0, 1, 0xff).map((fill) => (bytes: Buffer) => Buffer.alloc(bytes.length, fill)),
);

describe.each([...SYNCHRONOUS, ...POOLED])('a signature by %s', (alg) => {
  it('is as good, or as bad, as jose finds it', async () => {
    const [key, other] = await Promise.all([testKey(alg), testKey(alg, 'other')]);
    const [signer, stranger] = [signingKeyOf(key), signingKeyOf(other)];
    const token = await signToken(key, { sub: 'alice' });
    const [header, payload, signature = ''] = token.split('.');
    const verdicts = new Set<boolean>();
    await fc.assert(
      fc.asyncProperty(
        mutation,
        fc.constantFrom(payload as string, payload as string, `${payload}AA`),
        fc.constantFrom(signer, signer, signer, stranger),
        async (mutate, text, used) => {
          const changed = mutate(Buffer.from(signature, 'base64url')).toString('base64url');
          const mutated = `${header}.${text}.${changed}`;
          const verdict = await byOurs(mutated, alg, used);
          expect(verdict).toBe(await byJose(mutated, alg, used));
          verdicts.add(verdict);
        },
      ),
      { numRuns: 60, examples: [[(bytes) => bytes, payload as string, signer]] },
    );
    expect([...verdicts].toSorted()).toEqual([false, true]);
  });

  it('is not checked with a key for another algorithm', async () => {
    const key = await testKey(alg);
    const token = await signToken(key, { sub: 'alice' });
    for (const another of ['HS256', 'none', 'toString', alg === 'RS256' ? 'ES256' : 'RS256'])
      expect(() => isSignatureGood(token, another, signingKeyOf(key))).toThrow(UnsupportedAlgorithmError);
  });
});

describe('a check', () => {
  it.each(SYNCHRONOUS)('by %s is made at once', async (alg) => {
    const key = await testKey(alg);
    expect(isSignatureGood(await signToken(key, {}), alg, signingKeyOf(key))).toBe(true);
  });

  it('with an RSA key over 4,096 bits does not hold up the event loop', async () => {
    const modulus = Buffer.alloc(520, 0xff).toString('base64url');
    const key = JwkSet.parse({ keys: [{ kty: 'RSA', kid: 'long', n: modulus, e: 'AQAB' }] }).get('long') as SigningKey;
    const check = isSignatureGood(`a.b.${Buffer.alloc(520, 1).toString('base64url')}`, 'RS256', key);
    expect(isPromise(check)).toBe(true);
    expect(await check).toBe(false);
  });

  it.each(POOLED)('by %s does not hold up the event loop', async (alg) => {
    const key = await testKey(alg);
    const check = isSignatureGood(await signToken(key, {}), alg, signingKeyOf(key));
    expect(isPromise(check)).toBe(true);
    expect(await check).toBe(true);
  });
});
