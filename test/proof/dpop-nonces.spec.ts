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
    const checks = [0, 149_999, 150_000, 299_999, 300_000, -1].map((after) => nonces.check(nonce, START + after));
    expect(checks).toEqual(['current', 'current', 'previous', 'previous', false, false]);
  });

  it.each([undefined, '', 'x', 'x'.repeat(22), '\u00e9'.repeat(11)])('P18: rejects %j', (nonce) => {
    expect(new DpopNonces([SECRET], LIFETIME).check(nonce, START)).toBe(false);
  });

  it('accepts nonces of an older secret of the list, and has clients replace them', () => {
    const old = new DpopNonces([SECRET], LIFETIME);
    const nonces = new DpopNonces(['a newer secret of 32 characters....', SECRET], LIFETIME);
    expect(nonces.check(old.current(START), START)).toBe('previous');
    expect(nonces.check(nonces.current(START), START)).toBe('current');
    expect(old.check(nonces.current(START), START)).toBe(false);
  });
});
