import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interleave } from '../../bench/support/rounds.mjs';
import { median, quantile, ratio, significant, summarize } from '../../bench/support/statistics.mjs';

const numbers = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1, maxLength: 30 });

describe('the statistics of the bench', () => {
  it('have a median with as many numbers on its left as on its right', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
    fc.assert(
      fc.property(numbers, (list) => {
        const middle = median(list);
        const below = list.filter((number) => number < middle).length;
        const above = list.filter((number) => number > middle).length;
        return below <= list.length / 2 && above <= list.length / 2;
      }),
    );
  });

  it('have quantiles that so many numbers do not exceed', () => {
    expect(quantile([10, 20, 30, 40], 0.5)).toBe(20);
    expect(quantile([10, 20, 30, 40], 1)).toBe(40);
    fc.assert(
      fc.property(numbers, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, part) => {
        const bound = quantile(list, part);
        return list.filter((number) => number <= bound).length >= Math.floor(part * list.length);
      }),
    );
  });

  it('keep the samples in the order of the rounds, with four digits', () => {
    expect(summarize([3.000_04, 1, 2])).toEqual({ median: 2, min: 1, max: 3, samples: [3, 1, 2] });
    expect(significant(123_456)).toBe(123_500);
  });

  it('compare round by round, so that a machine that was slow for a while changes nothing', () => {
    const fast = { samples: [1, 5, 1] };
    const slow = { samples: [4, 20, 4] };
    expect(ratio(slow, fast)).toBe(4);
    expect(ratio(fast, slow)).toBe(0.25);
  });
});

describe('the rounds of the bench', () => {
  it('run everybody once in each, in another order each time, and count no warm-up', async () => {
    const runs: string[] = [];
    const contenders = ['a', 'b', 'c'].map((name) => ({
      name,
      run: (round: number) => {
        runs.push(`${name}${round}`);
        return Promise.resolve(round);
      },
    }));
    const samples = await interleave(contenders, { rounds: 2, warmups: 1 });
    expect(runs).toEqual(['a-1', 'b-1', 'c-1', 'b0', 'c0', 'a0', 'c1', 'a1', 'b1']);
    expect([...samples]).toEqual([
      ['a', [0, 1]],
      ['b', [0, 1]],
      ['c', [0, 1]],
    ]);
  });
});
