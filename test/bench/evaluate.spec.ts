import { describe, expect, it } from 'vitest';
import { BARS } from '../../bench/report/bars.mjs';
import { evaluate } from '../../bench/report/evaluate.mjs';
import type { Bar, Row } from '../../bench/report/results.mjs';

function row(contender: string, samples: number[], { group = 'RS256' } = {}): Row {
  const sorted = [...samples].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const summary = { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0, samples };
  return { group, contender, title: `The ${contender}`, kind: 'rival', metrics: { cpu: summary } };
}

const twice: Bar = {
  id: 'twice',
  measure: 'verify',
  text: 'the CPU of a rival, times that of ours',
  of: ['RS256', 'rival', 'cpu'],
  to: ['RS256', 'nestjs-jwks', 'cpu'],
  is: '>=',
  limit: 2,
  unit: 'x',
};
const cheap: Bar = { ...twice, id: 'cheap', of: ['RS256', 'nestjs-jwks', 'cpu'], to: undefined, is: '<=', limit: 10 };

describe('what must hold', () => {
  it.each([
    [[20, 20, 20], 2, true],
    [[19, 19, 19], 1.9, false],
  ])('compares ratios: a rival at %j is %d times ours', (samples, value, holds) => {
    const rows = [row('rival', samples), row('nestjs-jwks', [10, 10, 10])];
    const [verdict] = evaluate({ verify: { rows } }, [twice]);
    expect(verdict).toMatchObject({ value, holds });
    expect(verdict?.beside.map(({ title, median }) => [title, median])).toEqual([
      ['The nestjs-jwks', 10],
      ['The rival', samples[0]],
    ]);
  });

  it.each([
    [10, true],
    [10.1, false],
  ])('takes a figure by itself, the rivals’ beside it: %d', (own, holds) => {
    const rows = [row('rival', [50]), row('nestjs-jwks', [own]), row('elsewhere', [1], { group: 'ES256' })];
    const [verdict] = evaluate({ verify: { rows } }, [cheap]);
    expect(verdict).toMatchObject({ value: own, holds });
    expect(verdict?.beside.map(({ title }) => title)).toEqual(['The nestjs-jwks', 'The rival']);
  });

  it('does not hold where one side was not measured', () => {
    const [verdict] = evaluate({ verify: { rows: [row('nestjs-jwks', [10])] } }, [twice]);
    expect(verdict?.holds).toBe(false);
    expect(verdict?.value).toBeUndefined();
  });

  it('says nothing of measures that were not run', () => {
    expect(evaluate({}, [twice, cheap])).toEqual([]);
  });

  it('has bars under names of their own', () => {
    expect(new Set(BARS.map(({ id }) => id)).size).toBe(BARS.length);
    expect(BARS.length).toBeGreaterThan(15);
  });
});
