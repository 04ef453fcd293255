import { createHash, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { compactVerify, createLocalJWKSet } from 'jose';
import { describe, expect, it } from 'vitest';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testKey } from '../support/keys.js';
import { lowOrderEncodings, verifiesUnchecked } from './edwards25519.js';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signingInput = (alg: string, sub: string) => `${encode({ alg, kid: 'forged' })}.${encode({ sub })}`;

describe('an RSA key with e = 1', () => {
  const jwk = { kty: 'RSA', kid: 'forged', e: 'AQ', n: Buffer.alloc(256, 0xff).toString('base64url') };

  it('D8: lets anybody sign: the padded digest is its own signature', async () => {
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

  it('is refused, alone and beside a good key', async () => {
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

  it('is judged by an equation that knows good signatures from bad ones', async () => {
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
