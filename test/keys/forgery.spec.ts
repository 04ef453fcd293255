import { createHash, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { ed25519, ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { compactVerify, createLocalJWKSet } from 'jose';
import { describe, expect, it } from 'vitest';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testKey } from '../support/keys.js';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signingInput = (alg: string, sub: string) => `${encode({ alg, kid: 'forged' })}.${encode({ sub })}`;

describe('an RSA key with e = 1', () => {
  const jwk = { kty: 'RSA', kid: 'forged', e: 'AQ', n: Buffer.alloc(256, 0xff).toString('base64url') };

  it('D8: lets any client sign: the padded digest is its own signature', async () => {
    const input = signingInput('RS256', 'forged-e1');
    const digestInfo = Buffer.concat([
      Buffer.from('3031300d060960864801650304020105000420', 'hex'),
      createHash('sha256').update(input).digest(),
    ]);
    const padding = Buffer.alloc(256 - 3 - digestInfo.length, 0xff);
    const signature = Buffer.concat([Buffer.from([0, 1]), padding, Buffer.from([0]), digestInfo]);
    const token = `${input}.${signature.toString('base64url')}`;

    const { payload } = await compactVerify(token, createLocalJWKSet({ keys: [jwk] }));
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ sub: 'forged-e1' });
  });

  it('is rejected, alone and beside a good key', async () => {
    const good = await testKey('RS256');
    const set = JwkSet.parse({ keys: [jwk, good.jwk] });
    expect(set.select({ kid: 'forged', alg: 'RS256' })).toBeUndefined();
    expect(set.dropped).toEqual([{ kid: 'forged', reason: 'has an RSA exponent under 65537' }]);
    expect(set.get('RS256-1')).toBeDefined();
    expect(() => JwkSet.parse({ keys: [jwk] })).toThrow('"forged" has an RSA exponent under 65537');
  });
});

describe('an Ed25519 key of low order', () => {
  const encodings = lowOrderEncodings();

  it('is validated by an equation that knows good signatures from bad ones', async () => {
    const { privateKey, publicKey } = await promisify(generateKeyPair)('ed25519');
    const octets = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url');
    const signature = sign(null, Buffer.from('message'), privateKey);
    expect(verifiesUnchecked(octets, Buffer.from('message'), signature)).toBe(true);
    expect(verifiesUnchecked(octets, Buffer.from('another'), signature)).toBe(false);
  });

  it('has 14 encodings: 8 points, and 6 spellings that are not canonical', () => {
    expect(new Set(encodings.map((octets) => octets.toString('hex'))).size).toBe(14);
  });

  it.each(encodings.map((octets) => [octets.toString('hex'), octets] as const))(
    'D12: lets anybody sign, and is refused: %s',
    (_, octets) => {
      // R the neutral point and S = 0 fit every message whose hash the order of the key divides:
      // one in 8, or more.
      const signature = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]);
      const subjects = Array.from({ length: 200 }, (__, index) => `forged-${index}`);
      const forged = subjects.find((sub) =>
        verifiesUnchecked(octets, Buffer.from(signingInput('EdDSA', sub)), signature),
      );
      expect(forged).toBeDefined();

      const jwk = { kty: 'OKP', crv: 'Ed25519', kid: 'forged', x: octets.toString('base64url') };
      expect(() => JwkSet.parse({ keys: [jwk] })).toThrow(
        /"forged" has an Ed25519 point (of low order|in an encoding)/,
      );
    },
  );
});

/**
 * The plain equation of RFC 8032 section 5.1.7 without a check of the key: what the OpenSSL of older Node.js releases
 * does. Newer ones check the key themselves, so they cannot show what a bad key allows.
 */
function verifiesUnchecked(publicKey: Buffer, message: Buffer, signature: Buffer): boolean {
  const { Point } = ed25519;
  const [r, s] = [signature.subarray(0, 32), bytesToNumberLE(signature.subarray(32))];
  const hash = createHash('sha512').update(r).update(publicKey).update(message).digest();
  const k = Point.Fn.create(bytesToNumberLE(hash));
  const expected = Point.fromBytes(r, true).add(Point.fromBytes(publicKey, true).multiplyUnsafe(k));
  return Point.BASE.multiplyUnsafe(s).equals(expected);
}

/** Every 32 octets that decode to a point of low order: 8 points, some with further encodings that are not canonical. */
function lowOrderEncodings(): Buffer[] {
  const { Point } = ed25519;
  const canonical = ED25519_TORSION_SUBGROUP.map((hex) => Point.fromHex(hex).toAffine().y);
  const ys = [...new Set(canonical.flatMap((y) => [y, y + Point.Fp.ORDER]))].filter((y) => y < 2n ** 255n);
  const encodings = ys.flatMap((y) => [encode255(y, 0n), encode255(y, 1n)]);
  return encodings.filter((octets) => Point.fromBytes(octets, true).isSmallOrder());
}

function encode255(y: bigint, sign: bigint): Buffer {
  return Buffer.from(numberToBytesLE(y | (sign << 255n), 32));
}
