import { describe, expect, it } from 'vitest';
import { DpopNonces } from '../../lib/proof/dpop-nonces.js';

const SECRET = 'a secret of at least 32 characters';
const LIFETIME = 300_000;
const START = 1_000 * LIFETIME;

describe('DpopNonces', () => {
  it('makes the same nonce in every process that has the secret, for half of the lifetime', () => {
    const [one, other] = [new DpopNonces([SECRET], LIFETIME), new DpopNonces([SECRET], LIFETIME)];
    const nonce = one.current(START);
    expect(nonce).toMatch(/^[\w-]{22}$/);
    expect(other.current(START + LIFETIME / 2 - 1)).toBe(nonce);
    expect(other.current(START + LIFETIME / 2)).not.toBe(nonce);
    expect(new DpopNonces([`${SECRET}!`], LIFETIME).current(START)).not.toBe(nonce);
  });

  it('accepts the nonces of two steps', () => {
    const nonces = new DpopNonces([SECRET], LIFETIME);
    const nonce = nonces.current(START);
    const ends = [0, 149_999, 150_000, 299_999, 300_000, -1].map((after) => nonces.endOf(nonce, START + after));
    const end = START + LIFETIME;
    expect(ends).toEqual([end, end, end, end, undefined, undefined]);
  });

  it.each([undefined, '', 'x', 'x'.repeat(22), '\u00e9'.repeat(11)])('P18: rejects %j', (nonce) => {
    expect(new DpopNonces([SECRET], LIFETIME).endOf(nonce, START)).toBeUndefined();
  });

  it('accepts nonces of an older secret of the list, for as long as its own', () => {
    const old = new DpopNonces([SECRET], LIFETIME);
    const nonces = new DpopNonces(['a newer secret of 32 characters....', SECRET], LIFETIME);
    expect(nonces.endOf(old.current(START), START)).toBe(START + LIFETIME);
    expect(nonces.endOf(nonces.current(START), START)).toBe(START + LIFETIME);
    expect(old.endOf(nonces.current(START), START)).toBeUndefined();
  });
});
