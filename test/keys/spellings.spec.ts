import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { importJWK, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseJwk } from '../../lib/keys/jwk.js';
import { testKey } from '../support/keys.js';

/** `KEY_SPELLINGS=50000` looks for longer. */
const numRuns = Number(process.env['KEY_SPELLINGS'] ?? 500);
const ALGS = ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const NUMBERS = ['n', 'e', 'x', 'y'];

let jwks: JWK[];

beforeAll(async () => {
  jwks = await Promise.all(ALGS.map(async (alg) => (await testKey(alg)).jwk));
});

const zeros = (count: number) => (text: string) =>
  Buffer.concat([Buffer.alloc(count), Buffer.from(text, 'base64url')]).toString('base64url');
const spelling = fc.oneof(
  fc.constant((text: string) => text),
  fc.integer({ min: 1, max: 4 }).map((count) => (text: string) => text + '='.repeat(count)),
  fc.constant((text: string) => Buffer.from(text, 'base64url').toString('base64')),
  fc.integer({ min: 1, max: 3 }).map(zeros),
  fc.tuple(fc.nat(100), fc.constantFrom('\n', ' ', '\r\n', '\t')).map(
    ([at, char]) =>
      (text: string) =>
        text.slice(0, at) + char + text.slice(at),
  ),
  fc.constant((text: string) => Buffer.from(text, 'base64url').subarray(1).toString('base64url')),
  fc
    .constantFrom('B', 'Q', 'g', 'w', '_')
    .map((last) => (text: string) => text.replace(/[=\s]+/g, '').slice(0, -1) + last),
);
const extras = fc.dictionary(fc.constantFrom('use', 'key_ops', 'x5t', 'x5c', 'd', 'ext', 'oth'), fc.constant(null));
const entry = fc.record({
  index: fc.nat(ALGS.length - 1),
  spell: fc.array(spelling, { maxLength: 2 }),
  name: fc.constantFrom(...NUMBERS),
  extras,
});

const accepts = async (work: () => unknown): Promise<boolean> => {
  try {
    await work();
    return true;
  } catch {
    return false;
  }
};

describe('a published key', () => {
  it('is taken, whatever its spelling, where jose and node:crypto take it', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(entry, async ({ index, spell, name, extras: more }) => {
        const jwk = { ...(jwks[index] as JWK), ...more } as Record<string, unknown>;
        const target = name in jwk ? name : jwk['kty'] === 'RSA' ? 'n' : 'x';
        jwk[target] = spell.reduce((text, each) => each(text), jwk[target] as string);
        const plain = Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== null)) as JWK;
        const both =
          (await accepts(() => importJWK(plain, ALGS[index] as string))) &&
          (await accepts(() => createPublicKey({ key: plain as never, format: 'jwk' })));
        const { reason } = parseJwk(jwk);
        if (both)
          expect(reason === undefined || /RSA (?:modulus|exponent)|Ed25519 point/.test(reason), reason).toBe(true);
        if (reason === undefined) taken += 1;
      }),
      { numRuns },
    );
    expect(taken).toBeGreaterThan(numRuns / 4);
  });
});
