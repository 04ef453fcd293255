import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RefetchBudget } from '../../lib/cache/refetch-budget.js';
import { ManualClock } from '../support/manual-clock.js';

describe('RefetchBudget', () => {
  it('gives as many refetches as it has, and each back when its span has passed', async () => {
    const clock = new ManualClock();
    const budget = new RefetchBudget({ refetches: 2, per: 1_000 }, clock);
    expect(budget.take()).toBe(true);
    await clock.pass(400);
    expect([budget.take(), budget.take()]).toEqual([true, false]);
    await clock.pass(599);
    expect(budget.take()).toBe(false);
    await clock.pass(1);
    expect([budget.take(), budget.take()]).toEqual([true, false]);
    await clock.pass(400);
    expect([budget.take(), budget.take()]).toEqual([true, false]);
  });

  it('gives none where none is allowed', () => {
    expect(new RefetchBudget({ refetches: 0, per: 1_000 }, new ManualClock()).take()).toBe(false);
  });

  it('never gives more within any span, and always one where fewer were given', async () => {
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (pauses, refetches) => {
        let now = 0;
        const clock = Object.assign(new ManualClock(), { monotonic: () => now });
        const budget = new RefetchBudget({ refetches, per: 1_000 }, clock);
        const given: number[] = [];
        for (const pause of pauses) {
          now += pause;
          const recent = given.filter((moment) => now - moment < 1_000).length;
          const isGiven = budget.take();
          expect(isGiven).toBe(recent < refetches);
          if (isGiven) given.push(now);
        }
      }),
    );
  });

  it('remembers absent kids of one set for 30 seconds, by kid and algorithm', async () => {
    const clock = new ManualClock();
    const budget = new RefetchBudget({ refetches: 3, per: 1_000 }, clock);
    const set = {};
    budget.rememberAbsent(set, 'k', 'RS256');
    budget.rememberAbsent(set, undefined, 'ES256');
    expect(budget.isAbsent(set, 'k', 'RS256')).toBe(true);
    expect(budget.isAbsent(set, undefined, 'ES256')).toBe(true);
    expect(budget.isAbsent(set, 'k', 'ES256')).toBe(false);
    expect(budget.isAbsent(set, 'k', undefined)).toBe(false);
    await clock.pass('30s');
    expect(budget.isAbsent(set, 'k', 'RS256')).toBe(true);
    await clock.pass(1);
    expect(budget.isAbsent(set, 'k', 'RS256')).toBe(false);
  });

  it('forgets them with the set that lacked them', () => {
    const budget = new RefetchBudget({ refetches: 3, per: 1_000 }, new ManualClock());
    const [first, second] = [{}, {}];
    budget.rememberAbsent(first, 'a', 'RS256');
    expect(budget.isAbsent(second, 'a', 'RS256')).toBe(false);
    budget.rememberAbsent(second, 'b', 'RS256');
    expect(budget.isAbsent(first, 'a', 'RS256')).toBe(false);
    expect(budget.isAbsent(second, 'a', 'RS256')).toBe(false);
  });

  it('G9: remembers a thousand and no more', () => {
    const budget = new RefetchBudget({ refetches: 3, per: 1_000 }, new ManualClock());
    const set = {};
    for (let index = 0; index < 1_500; index += 1) budget.rememberAbsent(set, `k${index}`, 'RS256');
    const remembered = Array.from({ length: 1_500 }, (_, index) => budget.isAbsent(set, `k${index}`, 'RS256'));
    expect(remembered.filter(Boolean)).toHaveLength(1_000);
    expect(remembered[1_499]).toBe(true);
  });
});
