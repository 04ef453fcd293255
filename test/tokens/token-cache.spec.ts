import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { TokenCache, type SeenToken, type TokenCacheSettings } from '../../lib/tokens/token-cache.js';
import { TokenVerifier } from '../../lib/tokens/token-verifier.js';
import { signToken, testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { countSignatureChecks } from '../support/signature-checks.js';
import { StaticKeyLookup } from '../support/static-key-lookup.js';
import { CLAIMS, RULES, setOf, parseToken } from './verification.js';

const [key, other] = await Promise.all([testKey(), testKey('ES256', 'other')]);
const token = await signToken(key, CLAIMS);

/** A verifier that has seen the token, and how often it has checked a signature since. */
async function seenBy(keys = new StaticKeyLookup(setOf(key)), clock = new ManualClock()) {
  const verifier = new TokenVerifier(keys, clock);
  const jwt = parseToken(token);
  const seen: SeenToken = { selector: jwt.selector, verified: await verifier.verify(token, jwt, RULES), rules: RULES };
  const checks = countSignatureChecks();
  return { seen, verifier, keys, clock, checks };
}

describe('a token that was verified before', () => {
  it('is answered at once, without another signature check', async () => {
    const { seen, verifier, checks } = await seenBy();
    expect(verifier.verifyAgain(token, seen, RULES)).toBe(seen.verified);
    expect(checks()).toBe(0);
  });

  it('H5: is validated by the time of each use', async () => {
    const { seen, verifier, clock } = await seenBy();
    await clock.pass(600_000 + 4_999);
    expect(verifier.verifyAgain(token, seen, RULES)).toBe(seen.verified);
    await clock.pass(1);
    expect(() => verifier.verifyAgain(token, seen, RULES)).toThrow(expect.objectContaining({ code: 'token_expired' }));
  });

  it('H8: is validated by the rules of each use', async () => {
    const { seen, verifier } = await seenBy();
    const refusals = [
      [{ audience: ['other-api'] }, 'claim_invalid'],
      [{ issuer: 'https://other.example.com/' }, 'issuer_untrusted'],
      [{ algorithms: new Set(['RS256']) }, 'alg_not_allowed'],
      [{ tokenType: 'dpop+jwt' }, 'claim_invalid'],
      [{ requiredClaims: ['jti'] }, 'claim_invalid'],
    ] as const;
    for (const [change, code] of refusals) {
      expect(() => verifier.verifyAgain(token, seen, { ...RULES, ...change })).toThrow(
        expect.objectContaining({ code }),
      );
    }
    expect(verifier.verifyAgain(token, seen, { ...RULES })).toBe(seen.verified);
  });

  it('H6: is checked anew where looking its key up gives another object, and rejected by the new material', async () => {
    const { seen, verifier, keys, checks } = await seenBy();
    keys.set = setOf(key);
    const again = await verifier.verifyAgain(token, seen, RULES);
    expect(checks()).toBe(1);
    expect(again).toEqual(seen.verified);
    expect(again.key).not.toBe(seen.verified.key);
    keys.set = setOf({ ...other, jwk: { ...other.jwk, kid: key.jwk.kid } });
    await expect(verifier.verifyAgain(token, seen, RULES)).rejects.toMatchObject({ code: 'signature_invalid' });
  });
});

describe('the cache of verified tokens', () => {
  const entry = { verified: { claims: {} } } as unknown as SeenToken;

  const cacheOf = (settings: Partial<TokenCacheSettings> = {}) =>
    new TokenCache({ max: 10, maxBytes: 1_000_000, maxTokenLength: 4_096, severalIssuers: false, ...settings });

  it('H7: keeps a token under its whole text', () => {
    const cache = cacheOf();
    const digest = cache.digest(token) as string;
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(cache.digest(token)).toBe(digest);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom('', '.', 'A', 'AA', '\u00e9', '\ud800'), (at, change) => {
        const changed = token.slice(0, at) + change + token.slice(at + 1);
        fc.pre(changed !== token);
        expect(cache.digest(changed)).not.toBe(digest);
      }),
    );
  });

  it('keeps nothing that is no token, and nothing that is longer than maxTokenLength', () => {
    const cache = cacheOf();
    for (const nothing of [undefined, null, 1, {}, Buffer.from(token), 'A'.repeat(4_097)])
      expect(cache.digest(nothing)).toBeUndefined();
    expect(cache.digest('A'.repeat(4_096))).toBeDefined();
  });

  it('takes no more memory than maxBytes, whatever the shape of the claims', () => {
    const claims = (index: number) => ({ jti: `${index}`, list: Array.from({ length: 500 }, () => ({})) });
    const cache = cacheOf({ max: 1_000, maxBytes: 200_000 });
    for (let index = 0; index < 1_000; index += 1)
      cache.set(`${index}`, { verified: { claims: claims(index) } } as unknown as SeenToken);
    const kept = Array.from({ length: 1_000 }, (_, index) => cache.get(`${index}`)).filter(Boolean);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThanOrEqual(4);
    cache.set('huge', { verified: { claims: { text: 'x'.repeat(200_000) } } } as unknown as SeenToken);
    expect(cache.get('huge')).toBeUndefined();
  });

  it('A8: gives no issuer more than half where there are several, by number and by memory', () => {
    const of = (issuer: string, text = '') => ({ verified: { issuer, claims: { text } } }) as unknown as SeenToken;
    const kept = (cache: TokenCache, prefix: string) =>
      Array.from({ length: 100 }, (_, index) => index).filter((index) => cache.get(`${prefix}${index}`));
    const byNumber = cacheOf({ severalIssuers: true });
    const byMemory = cacheOf({ max: 1_000, maxBytes: 100_000, severalIssuers: true });
    for (let index = 0; index < 4; index += 1) byNumber.set(`quiet${index}`, of('https://quiet'));
    byMemory.set('quiet0', of('https://quiet', 'x'.repeat(1_000)));
    for (let index = 0; index < 100; index += 1) {
      byNumber.set(`loud${index}`, of('https://loud'));
      byMemory.set(`loud${index}`, of('https://loud', 'x'.repeat(1_000)));
    }
    expect(kept(byNumber, 'quiet')).toEqual([0, 1, 2, 3]);
    expect(kept(byNumber, 'loud')).toEqual([95, 96, 97, 98, 99]);
    expect(kept(byMemory, 'quiet')).toEqual([0]);
    expect(kept(byMemory, 'loud').length).toBeGreaterThan(10);
    expect(kept(byMemory, 'loud').length).toBeLessThan(20);
  });

  it('A8: keeps its bounds whatever is kept, forgotten and kept again', () => {
    const use = fc.record({ issuer: fc.constantFrom('a', 'b', 'c'), id: fc.nat(20), length: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 200 }), (uses) => {
        const cache = cacheOf({ max: 8, maxBytes: 6_000, severalIssuers: true });
        for (const { issuer, id, length } of uses)
          cache.set(`${issuer}${id}`, {
            verified: { issuer, claims: { x: 'x'.repeat(length) } },
          } as unknown as SeenToken);
        for (const issuer of ['a', 'b', 'c']) {
          const kept = Array.from({ length: 21 }, (_, id) => cache.get(`${issuer}${id}`)).filter(Boolean);
          expect(kept.length).toBeLessThanOrEqual(4);
          const last = uses.at(-1);
          if (last?.issuer === issuer) expect(cache.get(`${issuer}${last.id}`)).toBeDefined();
        }
      }),
    );
  });

  it('H9: forgets the token that was used least recently where it is full', () => {
    const cache = cacheOf({ max: 2 });
    expect(cache.get('a')).toBeUndefined();
    cache.set('a', entry);
    cache.set('b', entry);
    cache.get('a');
    cache.set('c', entry);
    expect(['a', 'b', 'c'].map((digest) => cache.get(digest))).toEqual([entry, undefined, entry]);
  });
});
