import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RefetchBudget } from '../../lib/cache/refetch-budget.js';
import { ManualClock } from '../support/manual-clock.js';

describe('RefetchBudget', () => {
  it('gives a burst at once and then one refetch per interval', async () => {
    const clock = new ManualClock();
    const budget = new RefetchBudget({ burst: 2, every: 1_000 }, clock);
    expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
    await clock.pass(999);
    expect(budget.take()).toBe(false);
    expect(budget.timeLeft).toBe(1);
    await clock.pass(1);
    expect([budget.take(), budget.take()]).toEqual([true, false]);
    await clock.pass(2_000);
    expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
  });

  it('holds no more than a burst however long it rests', async () => {
    const clock = new ManualClock();
    const budget = new RefetchBudget({ burst: 3, every: 1_000 }, clock);
    await clock.pass('1h');
    expect([1, 2, 3, 4].map(() => budget.take())).toEqual([true, true, true, false]);
  });

  it('gives none where none is allowed', () => {
    expect(new RefetchBudget({ burst: 0, every: 1_000 }, new ManualClock()).take()).toBe(false);
  });

  it('agrees with a bucket that is filled step by step', async () => {
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (pauses, burst) => {
        let now = 0;
        const clock = Object.assign(new ManualClock(), { monotonic: () => now });
        const budget = new RefetchBudget({ burst, every: 1_000 }, clock);
        let level = burst;
        for (const pause of pauses) {
          now += pause;
          level = Math.min(burst, level + pause / 1_000);
          // Sums of thousandths are not exact.
          const expected = level >= 1 - 1e-9;
          expect(budget.take()).toBe(expected);
          if (expected) level -= 1;
        }
      }),
    );
  });

  it('remembers absent kids of one set for a second, by kid and algorithm', async () => {
    const clock = new ManualClock();
    const budget = new RefetchBudget({ burst: 3, every: 1_000 }, clock);
    const set = {};
    budget.rememberAbsent(set, 'k', 'RS256');
    budget.rememberAbsent(set, undefined, 'ES256');
    expect(budget.isAbsent(set, 'k', 'RS256')).toBe(true);
    expect(budget.isAbsent(set, undefined, 'ES256')).toBe(true);
    expect(budget.isAbsent(set, 'k', 'ES256')).toBe(false);
    expect(budget.isAbsent(set, 'k', undefined)).toBe(false);
    await clock.pass(999);
    expect(budget.isAbsent(set, 'k', 'RS256')).toBe(true);
    await clock.pass(1);
    expect(budget.isAbsent(set, 'k', 'RS256')).toBe(false);
  });

  it('asks for an absent kid again after 1, 2, 4 and up to 30 seconds', async () => {
    const clock = new ManualClock();
    const budget = new RefetchBudget({ burst: 3, every: 1_000 }, clock);
    const set = {};
    for (const delay of [1, 2, 4, 8, 16, 30, 30]) {
      budget.rememberAbsent(set, 'k', 'RS256');
      await clock.pass(delay * 1_000 - 1);
      expect(budget.isAbsent(set, 'k', 'RS256')).toBe(true);
      await clock.pass(1);
      expect(budget.isAbsent(set, 'k', 'RS256')).toBe(false);
    }
  });

  it('takes back a refetch that was not answered', () => {
    const budget = new RefetchBudget({ burst: 1, every: 1_000 }, new ManualClock());
    expect([budget.take(), budget.take()]).toEqual([true, false]);
    budget.giveBack();
    expect([budget.take(), budget.take()]).toEqual([true, false]);
  });

  it('forgets them with the set that lacked them', () => {
    const budget = new RefetchBudget({ burst: 3, every: 1_000 }, new ManualClock());
    const [first, second] = [{}, {}];
    budget.rememberAbsent(first, 'a', 'RS256');
    expect(budget.isAbsent(second, 'a', 'RS256')).toBe(false);
    budget.rememberAbsent(second, 'b', 'RS256');
    expect(budget.isAbsent(first, 'a', 'RS256')).toBe(false);
    expect(budget.isAbsent(second, 'a', 'RS256')).toBe(false);
  });

  it('G9: remembers a thousand and no more', () => {
    const budget = new RefetchBudget({ burst: 3, every: 1_000 }, new ManualClock());
    const set = {};
    for (let index = 0; index < 1_500; index += 1) budget.rememberAbsent(set, `k${index}`, 'RS256');
    const remembered = Array.from({ length: 1_500 }, (_, index) => budget.isAbsent(set, `k${index}`, 'RS256'));
    expect(remembered.filter(Boolean)).toHaveLength(1_000);
    expect(remembered[1_499]).toBe(true);
  });
});
