import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelay, parseRetryAfter } from '../../lib/core/backoff.js';

const settings = { initial: 1000, max: 60_000 };

describe('backoffDelay', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [6, 32_000],
    [7, 60_000],
    [5000, 60_000],
  ])('is at most, before attempt %d, %d ms', (attempt, ceiling) => {
    expect(backoffDelay(settings, attempt, () => 1)).toBe(ceiling);
  });

  it('is jittered over the whole interval', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const delay = backoffDelay(settings, attempt, () => random);
        const ceiling = backoffDelay(settings, attempt, () => 1);
        expect(delay).toBe(Math.round(ceiling * random));
      }),
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0);

  it.each([
    ['120', 120_000],
    [' 5 ', 5000],
    ['999999', 3_600_000],
    [new Date(now + 30_000).toUTCString(), 30_000],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  it.each([
    '',
    '0',
    '-5',
    '1.5',
    '1e3',
    'soon',
    'NaN',
    '2026-11-22',
    new Date(now - 1000).toUTCString(),
    'Mon, nonsense',
    null,
  ])('ignores %j', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined();
  });

  it('returns nothing or 1 ms to 1 h, whatever the header', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const delay = parseRetryAfter(value, now);
        expect(delay === undefined || (delay > 0 && delay <= 3_600_000)).toBe(true);
      }),
    );
  });
});
