/**
 * Runs every contender once in each round, each round in another order: whatever else the machine
 * does meets all of them.
 *
 * @template T
 * @param {{ name: string, run: (round: number) => Promise<T> }[]} contenders
 * @param {{ rounds: number, warmups?: number }} how warm-ups are rounds that do not count
 * @returns {Promise<Map<string, T[]>>} the samples of each, in the order of the rounds
 */
export async function interleave(contenders, { rounds, warmups = 1 }) {
  const samples = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round += 1) {
    for (const { name, run } of rotated(contenders, round + warmups)) {
      const sample = await run(round);
      if (round >= 0) samples.get(name).push(sample);
    }
  }
  return samples;
}

function rotated(list, by) {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
