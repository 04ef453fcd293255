import { inspect } from 'node:util';
import fc from 'fast-check';
import type { JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidJwkSetError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import { testKey } from '../support/keys.js';

const ALGS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const MEMBERS = ['kty', 'use', 'key_ops', 'alg', 'kid', 'crv', 'x', 'y', 'n', 'e', 'pub', 'x5c', '__proto__', 'toJSON'];
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const KIDS = ['a', 'b', '', '__proto__', undefined];

let jwks: JWK[];

beforeAll(async () => {
  jwks = await Promise.all(ALGS.map(async (alg) => (await testKey(alg)).jwk));
});

/**
 * Good keys under few kids, with and without `alg` and `use`, so that namesakes, twins and
 * ambiguities are common.
 */
const goodJwk = () =>
  fc
    .record({
      index: fc.nat(ALGS.length - 1),
      kid: fc.constantFrom(...KIDS),
      withAlg: fc.boolean(),
      use: fc.constantFrom('sig', undefined),
    })
    .map(({ index, kid, withAlg, use }): JWK => {
      const { kid: _, alg, use: __, ...material } = jwks[index] as JWK;
      return { ...material, ...(kid !== undefined && { kid }), ...(withAlg && { alg }), ...(use && { use }) };
    });

/** A good key with one member replaced by anything. */
const spoiltJwk = (value: fc.Arbitrary<unknown>) =>
  fc.tuple(goodJwk(), fc.constantFrom(...MEMBERS), value).map(([jwk, name, spoilt]) => {
    return Object.defineProperty({ ...jwk }, name, { value: spoilt, enumerable: true, configurable: true });
  });

const goodSet = () => fc.array(goodJwk(), { minLength: 1, maxLength: 8 });

function parseOrRefuse(document: unknown): JwkSet | undefined {
  try {
    return JwkSet.parse(document);
  } catch (error) {
    if (error instanceof InvalidJwkSetError) return undefined;
    throw error;
  }
}

describe('JwkSet, whatever it is given', () => {
  it('parses any JSON or rejects it with InvalidJwkSetError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ keys: fc.jsonValue() })), (document) => {
        const set = parseOrRefuse(document);
        expect(set === undefined || set.size > 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('parses anything else that a program may hand in, or rejects it likewise', () => {
    const anything = fc.anything({ withNullPrototype: true, withSparseArray: true, withBigInt: true, withMap: true });
    const entries = fc.array(fc.oneof(anything, goodJwk(), spoiltJwk(anything)), { maxLength: 6 });
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          entries.map((keys) => ({ keys })),
        ),
        (document) => {
          const set = parseOrRefuse(document);
          for (const { reason } of set?.dropped ?? []) expect(reason).toMatch(/^[\x20-\x7e]{1,200}$/);
          for (const key of set ?? []) expect(key.toPem()).toContain('PUBLIC KEY');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps the good keys beside any junk, and makes of its own JSON the same set', () => {
    fc.assert(
      fc.property(goodSet(), fc.array(fc.jsonValue(), { maxLength: 5 }), (good, junk) => {
        const set = JwkSet.parse({ keys: [...junk, ...good] });
        const alone = JwkSet.parse({ keys: good });
        expect(set.changesSince(alone)).toEqual({ added: [], removed: [] });
        expect(JwkSet.parse(JSON.parse(JSON.stringify(set))).reusing(alone)).toBe(alone);
      }),
    );
  });

  it('lets no private member out: not by JSON, inspection, keys, reasons or errors', () => {
    const secrets = fc.dictionary(fc.constantFrom(...PRIVATE_MEMBERS), fc.uuid(), { minKeys: 1 });
    fc.assert(
      fc.property(goodJwk(), goodJwk(), secrets, (jwk, beside, leaked) => {
        const entry = { ...jwk, ...leaked };
        const set = JwkSet.parse({ keys: [entry, { ...beside, kid: 'beside' }] });
        const shown = [
          JSON.stringify(set),
          inspect(set, { depth: 9, showHidden: true }),
          JSON.stringify(set.dropped),
          ...[...set].map((key) => inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key) + key.toPem()),
          refusal({ keys: [entry, { kty: 'oct', ...leaked }] }),
        ].join('\n');
        for (const secret of Object.values(leaked)) expect(shown).not.toContain(secret);
        expect(set.dropped[0]?.reason).toContain('has private members');
        expect(set.size).toBe(1);
      }),
    );
  });

  function refusal(document: unknown): string {
    try {
      return JSON.stringify(JwkSet.parse(document));
    } catch (error) {
      return inspect(error, { depth: 9 });
    }
  }
});

describe('JwkSet.select', () => {
  it('equals the plain reading of the rule', () => {
    const alg = fc.constantFrom(...ALGS, 'RS384', 'HS256', 'none', '__proto__');
    const kid = fc.constantFrom(...KIDS, 'c', 'constructor');
    fc.assert(
      fc.property(goodSet(), kid, alg, (keys, wantedKid, wantedAlg) => {
        const set = JwkSet.parse({ keys });
        const selected = set.select({ kid: wantedKid, alg: wantedAlg });
        expect(selected).toBe(plainSelect([...set], wantedKid, wantedAlg));
        expect(set.get(wantedKid ?? 'none')).toBe([...set].find((key) => key.kid === (wantedKid ?? 'none')));
      }),
      { numRuns: 1_000 },
    );
  });

  function plainSelect(keys: SigningKey[], kid: string | undefined, alg: string): SigningKey | undefined {
    const fitting = keys.filter((key) => (kid === undefined || key.kid === kid) && fits(key.jwk, alg));
    return fitting.length === 1 ? fitting[0] : undefined;
  }

  function fits(jwk: JWK, alg: string): boolean {
    if (jwk.alg !== undefined) return jwk.alg === alg;
    if (jwk.kty === 'RSA') return /^[RP]S(256|384|512)$/.test(alg);
    if (jwk.kty === 'OKP') return alg === 'EdDSA' || alg === 'Ed25519';
    return alg === { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }[jwk.crv as string];
  }
});

describe('JwkSet.reusing', () => {
  const identity = ({ jwk }: SigningKey) => JSON.stringify(Object.entries(jwk).sort());

  it('keeps exactly the objects of the keys that both sets have, and says what changed', () => {
    fc.assert(
      fc.property(goodSet(), goodSet(), (before, after) => {
        const previous = JwkSet.parse({ keys: before });
        const parsed = JwkSet.parse({ keys: after });
        const next = parsed.reusing(previous);
        const held = new Map([...previous].map((key) => [identity(key), key]));
        expect([...next].map(identity)).toEqual([...parsed].map(identity));
        for (const key of next) expect(held.get(identity(key)) ?? key).toBe(key);

        const { added, removed } = next.changesSince(previous);
        const isSame = added.length === 0 && removed.length === 0;
        expect(isSame).toBe(next.size === previous.size && [...next].every((key) => held.has(identity(key))));
        const isUnchanged = JSON.stringify([...next].map(identity)) === JSON.stringify([...previous].map(identity));
        expect(next === previous).toBe(isUnchanged);
      }),
      { numRuns: 300 },
    );
  });
});
