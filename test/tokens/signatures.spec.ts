import { constants, createHash, privateEncrypt, publicDecrypt, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { importJWK, jwtVerify } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidSignatureError,
  SigningKeyNotFoundError,
  TokenError,
  UnsupportedAlgorithmError,
} from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { encode, rawToken } from './raw-token.js';
import { CLAIMS, ISSUER, keyObjectOf, setOf, verifierOf } from './verification.js';

type Parts = [header: string, payload: string, signature: string];

/** A good token, and how tokens with the same text and another signature fare. */
async function forgeryOf(alg: string) {
  const key = await testKey(alg);
  const token = await signToken(key, CLAIMS);
  const [header, payload, signature] = token.split('.') as Parts;
  const signed = Buffer.from(`${header}.${payload}`);
  const { verify } = verifierOf(setOf(key));
  const withSignature = (bytes: Uint8Array) => verify(`${header}.${payload}.${encode(bytes)}`);
  return { key, token, verify, signed, withSignature, signature: Buffer.from(signature, 'base64url') };
}

async function refused(verification: Promise<unknown>, why?: string) {
  await expect(verification, why).rejects.toBeInstanceOf(InvalidSignatureError);
}

describe.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])(
  'a signature by %s',
  (alg) => {
    let forgery: Awaited<ReturnType<typeof forgeryOf>>;
    beforeAll(async () => {
      forgery = await forgeryOf(alg);
    });

    it('is accepted where it is good', async () => {
      expect((await forgery.verify(forgery.token)).claims).toEqual(CLAIMS);
    });

    it('D2, D6: is rejected where it is empty, of another length, all zero or all one', async () => {
      const { signature, withSignature, verify, token } = forgery;
      await expect(verify(token.slice(0, token.lastIndexOf('.') + 1))).rejects.toThrow('compact form');
      for (const length of [1, 2, 32, signature.length - 1])
        await refused(withSignature(signature.subarray(0, length)));
      for (const tail of [[0], [0, 0], [...signature]])
        await refused(withSignature(Buffer.concat([signature, Buffer.from(tail)])));
      await refused(withSignature(Buffer.concat([Buffer.from([0]), signature])));
      for (const byte of [0, 1, 0xff]) await refused(withSignature(Buffer.alloc(signature.length, byte)));
    });

    it('is rejected after the change of any one bit that is tried', async () => {
      const { signature, withSignature } = forgery;
      for (let bit = 0; bit < signature.length * 8; bit += 61) {
        const changed = Buffer.from(signature);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        await refused(withSignature(changed));
      }
    });

    it('is rejected under another key of its kind, and over another text', async () => {
      const other = await testKey(alg, 'other');
      const impostor = { ...other, kid: forgery.key.kid };
      await refused(forgery.verify(await signToken(impostor, CLAIMS)));
      const foreign = await signToken(forgery.key, { ...CLAIMS, sub: 'somebody else' });
      await refused(forgery.withSignature(Buffer.from(foreign.split('.')[2] as string, 'base64url')));
    });
  },
);

describe.each([
  ['ES256', 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'],
  ['ES384', 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'],
  [
    'ES512',
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
  ],
])('an ECDSA signature by %s', (alg, order) => {
  const n = BigInt(`0x${order}`);
  const size = order.length / 2;
  const bytes = (value: bigint) => Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');

  it('D1: is rejected with r or s of 0, 1, n-1 and n', async () => {
    const { withSignature, signature } = await forgeryOf(alg);
    const r = signature.subarray(0, size);
    const s = signature.subarray(size);
    const edges = [0n, 1n, n - 1n, n, n + 1n].map(bytes);
    for (const edge of edges) {
      await refused(withSignature(Buffer.concat([edge, s])));
      await refused(withSignature(Buffer.concat([r, edge])));
      for (const second of edges) await refused(withSignature(Buffer.concat([edge, second])));
    }
    await refused(withSignature(Buffer.concat([s, r])));
  });

  it('D2: is rejected in DER', async () => {
    const { withSignature, signed, key, signature } = await forgeryOf(alg);
    const der = sign(`sha${alg.slice(2)}`, signed, keyObjectOf(key));
    expect(der[0]).toBe(0x30);
    await refused(withSignature(der));
    await refused(withSignature(der.subarray(0, signature.length)));
    const good = sign(`sha${alg.slice(2)}`, signed, { key: keyObjectOf(key), dsaEncoding: 'ieee-p1363' });
    expect((await withSignature(good)).claims.sub).toBe('me');
  });

  it('D3: is good in its other form, (r, n-s), too: a token\u2019s text is no identity', async () => {
    const { withSignature, signature } = await forgeryOf(alg);
    const s = BigInt(`0x${signature.subarray(size).toString('hex')}`);
    expect((await withSignature(Buffer.concat([signature.subarray(0, size), bytes(n - s)]))).claims).toEqual(CLAIMS);
  });
});

describe('an RSA signature', () => {
  /** Signs a block as it is. */
  async function raw(key: TestKey, block: Buffer) {
    return privateEncrypt({ key: keyObjectOf(key), padding: constants.RSA_NO_PADDING }, block);
  }

  it('D4: is rejected with any other padding than that of PKCS #1', async () => {
    const { key, withSignature, signed } = await forgeryOf('RS256');
    const hash = createHash('sha256').update(signed).digest();
    const info = Buffer.from('3031300d060960864801650304020105000420', 'hex');
    // 00, the type, padding, 00, then what is signed; and behind it whatever is left of 256 bytes.
    const block = (signs: Buffer, { type = 1, fill = 0xff, padding = 253 - signs.length } = {}) =>
      Buffer.concat([
        Buffer.from([0, type]),
        Buffer.alloc(padding, fill),
        Buffer.from([0]),
        signs,
        Buffer.alloc(253 - signs.length - padding, 1),
      ]);
    const good = Buffer.concat([info, hash]);
    expect((await withSignature(await raw(key, block(good)))).claims.sub).toBe('me');
    const withoutNull = Buffer.concat([Buffer.from('302f300b0609608648016503040201' + '0420', 'hex'), hash]);
    const sha1 = Buffer.concat([
      Buffer.from('3021300906052b0e03021a05000414', 'hex'),
      createHash('sha1').update(signed).digest(),
    ]);
    const garbled = Buffer.concat([
      Buffer.from('3035300d060960864801650304020105000420', 'hex'),
      hash,
      Buffer.alloc(4),
    ]);
    const forged = [
      block(good, { type: 2 }),
      block(good, { type: 0, fill: 0 }),
      block(good, { fill: 0xfe }),
      block(good, { padding: 194 }),
      block(good, { padding: 8 }),
      block(good, { padding: 0 }),
      block(withoutNull),
      block(sha1),
      block(garbled),
      block(hash),
      block(Buffer.concat([info, hash.subarray(1)])),
    ];
    for (const [index, other] of forged.entries())
      await refused(withSignature(await raw(key, other)), `forgery ${index}`);
  });

  it('D5: is rejected with another salt length, hash or trailer than PSS has in JOSE', async () => {
    const { key, withSignature, signed, signature } = await forgeryOf('PS256');
    const pss = (hash: string, saltLength: number) =>
      sign(hash, signed, { key: keyObjectOf(key), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    expect((await withSignature(pss('sha256', 32))).claims.sub).toBe('me');
    for (const salt of [0, 20, 31, 33, 64, constants.RSA_PSS_SALTLEN_MAX_SIGN])
      await refused(withSignature(pss('sha256', salt)));
    for (const hash of ['sha1', 'sha384', 'sha512']) await refused(withSignature(pss(hash, 32)));
    const block = publicDecrypt({ key: keyObjectOf(key), padding: constants.RSA_NO_PADDING }, signature);
    expect(block.at(-1)).toBe(0xbc);
    block[block.length - 1] = 0xcc;
    await refused(withSignature(await raw(key, block)));
    await refused(withSignature(sign('sha256', signed, keyObjectOf(key))));
  });

  it('A4: is rejected as PS256 where it is that of RS256, whether or not the key names its alg', async () => {
    const key = await testKey('RS256');
    const claims = { ...CLAIMS };
    const pss = { ...(await testKey('PS256')), kid: key.kid };
    const token = await signToken(pss, claims);
    const published = { ...pss.jwk, kid: key.kid };
    await expect(
      verifierOf(JwkSet.parse({ keys: [{ ...published, alg: 'RS256' }] })).verify(token),
    ).rejects.toBeInstanceOf(SigningKeyNotFoundError);
    // A5: without an alg of its own the key does what the configuration allows, and nothing else.
    const { alg: _, ...unnamed } = published;
    const { verify } = verifierOf(JwkSet.parse({ keys: [unnamed] }));
    expect((await verify(token)).claims.sub).toBe('me');
    await expect(verify(token, { algorithms: new Set(['RS256']) })).rejects.toBeInstanceOf(UnsupportedAlgorithmError);
    const [, payload, signature] = token.split('.') as Parts;
    await refused(verify(`${encode({ alg: 'RS256', kid: key.kid })}.${payload}.${signature}`));
  });
});

describe('EdDSA', () => {
  it('D13: has two names; a key that bears one is no key for the other', async () => {
    const key = await testKey('EdDSA');
    const { alg: _, ...unnamed } = key.jwk;
    const tokens = await Promise.all(['EdDSA', 'Ed25519'].map((alg) => signToken(key, CLAIMS, { alg })));
    const both = verifierOf(JwkSet.parse({ keys: [unnamed] }));
    for (const token of tokens) expect((await both.verify(token)).claims).toEqual(CLAIMS);
    const one = verifierOf(setOf(key));
    expect((await one.verify(tokens[0])).key.alg).toBe('EdDSA');
    await expect(one.verify(tokens[1])).rejects.toBeInstanceOf(SigningKeyNotFoundError);
  });

  it('D13: names outside of the list are rejected, whatever stands behind them', async () => {
    const key = await testKey('EdDSA');
    for (const alg of ['Ed448', 'ES256K', 'ML-DSA-44', 'ESP256', 'RSA-OAEP', 'dir']) {
      const token = rawToken({ alg, kid: key.kid }, CLAIMS);
      await expect(verifierOf(setOf(key)).verify(token)).rejects.toBeInstanceOf(UnsupportedAlgorithmError);
      // Nor does a list that is too long make a key of it.
      await expect(verifierOf(setOf(key)).verify(token, { algorithms: new Set([alg]) })).rejects.toBeInstanceOf(
        TokenError,
      );
    }
  });

  it('rejects a signature with S over the order of the group', async () => {
    const { withSignature, signature } = await forgeryOf('EdDSA');
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`);
    const over = Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex').reverse();
    await refused(withSignature(Buffer.concat([signature.subarray(0, 32), over])));
    await refused(withSignature(Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32)])));
  });
});

describe('a changed token', () => {
  const alphabet = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n');

  it.each(['RS256', 'ES256', 'EdDSA'])('is never accepted: any one character of one signed with %s', async (alg) => {
    const { token, verify } = await forgeryOf(alg);
    const change = fc.tuple(fc.nat(token.length - 1), alphabet, fc.constantFrom('replace', 'insert', 'remove'));
    await fc.assert(
      fc.asyncProperty(change, async ([at, char, how]) => {
        const changed =
          token.slice(0, at) + (how === 'remove' ? '' : char) + token.slice(how === 'insert' ? at : at + 1);
        if (changed === token) return;
        await expect(verify(changed)).rejects.toBeInstanceOf(TokenError);
      }),
      { numRuns: 1000 },
    );
  });

  it('is never accepted: parts of two good ones', async () => {
    const keys = await Promise.all(['RS256', 'ES256', 'EdDSA'].map((alg) => testKey(alg)));
    const { verify } = verifierOf(setOf(...keys));
    const tokens = await Promise.all(
      keys.flatMap((key) => ['me', 'you'].map((sub) => signToken(key, { ...CLAIMS, sub }))),
    );
    const parts = tokens.map((token) => token.split('.') as Parts);
    for (const [header] of parts)
      for (const [, payload] of parts)
        for (const [, , signature] of parts) {
          const mixed = `${header}.${payload}.${signature}`;
          if (!tokens.includes(mixed)) await expect(verify(mixed)).rejects.toBeInstanceOf(InvalidSignatureError);
        }
    for (const token of tokens) expect((await verify(token)).claims.iss).toBe(ISSUER);
  });

  it('accepts nothing that jose rejects, and reads the same claims', async () => {
    const key = await testKey('ES256');
    const { verify } = verifierOf(setOf(key));
    const publicKey = await importJWK(key.jwk, 'ES256');
    const options = {
      issuer: ISSUER,
      audience: 'orders-api',
      clockTolerance: 5,
      requiredClaims: ['exp'],
      currentDate: new Date((CLAIMS.iat as number) * 1000),
    };
    const time = fc.oneof(fc.integer({ min: CLAIMS.iat - 10, max: CLAIMS.iat + 10 }), fc.constant(undefined));
    const claims = fc.record({
      iss: fc.constantFrom(ISSUER, ISSUER, 'x'),
      aud: fc.constantFrom<unknown>('orders-api', ['orders-api', 'x'], [], 'x'),
      exp: time,
      nbf: time,
      extra: fc.jsonValue(),
    });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(claims, async (payload) => {
        const token = await signToken(key, payload as never);
        const ours = await verify(token).then(
          (verified) => verified.claims,
          () => undefined,
        );
        const theirs = await jwtVerify(token, publicKey, options).then(
          ({ payload: read }) =>
            JSON.parse(JSON.stringify(read), (name, member) => (name === '__proto__' ? undefined : member)),
          () => undefined,
        );
        if (ours) accepted += 1;
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});
