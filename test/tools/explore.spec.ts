import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explore, replay, seedsOf } from '../../tools/fuzz/explore.mjs';

const numbers = fc.record({ number: fc.nat(10_000), text: fc.string() });

/** Rejects what is too large, and notes what it was asked. */
function limit(most: number) {
  const seen: string[] = [];
  const predicate = async (value: { number: number; text: string }) => {
    seen.push(JSON.stringify(value));
    if (value.number > most) throw new Error(`${value.number} is too large`);
  };
  return { seen, predicate };
}

describe('a run of the fuzzer', () => {
  it('tries as many values as asked, each once, however many at once', async () => {
    const [one, many] = [limit(Infinity), limit(Infinity)];
    expect(await explore(numbers, one.predicate, { seed: 7, count: 100 })).toEqual([]);
    await explore(numbers, many.predicate, { seed: 7, count: 100, atOnce: 16 });
    expect(one.seen).toHaveLength(100);
    expect(many.seen.toSorted()).toEqual(one.seen.toSorted());
  });

  it('has other values with another seed', async () => {
    const [one, other] = [limit(Infinity), limit(Infinity)];
    await explore(numbers, one.predicate, { seed: 1, count: 100 });
    await explore(numbers, other.predicate, { seed: 2, count: 100 });
    expect(one.seen.filter((value) => other.seen.includes(value))).toEqual([]);
    expect(new Set([...seedsOf(1, 20), ...seedsOf(2, 20)]).size).toBe(40);
  });

  it('repeats a violation by seed and path, shrunk to the simplest value that fails', async () => {
    const { predicate } = limit(9_000);
    const [violation] = await explore(numbers, predicate, { seed: 3, count: 1_000, atOnce: 4 });
    if (!violation) throw new Error('no violation');
    const { seen, predicate: again } = limit(9_000);
    const shrunk = await replay(numbers, again, violation);
    expect(`${JSON.parse(seen[0] ?? '').number} is too large`).toBe(violation.error.message);
    expect(shrunk?.error.message).toBe('9001 is too large');
    expect(await replay(numbers, again, shrunk ?? violation)).toMatchObject({
      error: { message: '9001 is too large' },
    });
  });

  it('says so where a violation does not fail again', async () => {
    expect(await replay(numbers, async () => {}, { seed: 3, path: '12' })).toBeUndefined();
  });

  it('stops after twenty violations', async () => {
    const { seen, predicate } = limit(-1);
    expect(await explore(numbers, predicate, { seed: 1, count: 1_000 })).toHaveLength(20);
    expect(seen).toHaveLength(20);
  });
});
