import { withChildren } from './child.mjs';
import { interleave } from './rounds.mjs';

/**
 * Measures contenders against each other, each in a process of its own: `prepare` readies one and
 * throws where it does not qualify, `run` is one round of it. One that crashes sits out the rest.
 *
 * @param {string | ((contender: object) => string)} group where its row stands
 */
export async function compare(sheet, group, { contenders, tasks, prepare, run, rounds, warmups }) {
  const groupOf = typeof group === 'function' ? group : () => group;
  await withChildren(async (start) => {
    const ready = [];
    for (const contender of contenders) {
      const child = await start(tasks);
      await prepare(child, contender).then(
        () => ready.push({ contender, name: ready.length, run: () => run(child, contender) }),
        (error) => sheet.miss(groupOf(contender), contender, error),
      );
    }
    const samples = await interleave(ready.map(guarded), { rounds, warmups });
    for (const { contender, crash, name } of ready) {
      if (crash) sheet.miss(groupOf(contender), contender, crash);
      else sheet.addRounds(groupOf(contender), contender, samples.get(name));
    }
  });
}

function guarded(entry) {
  return {
    name: entry.name,
    run: async () => {
      if (entry.crash) return undefined;
      try {
        return await entry.run();
      } catch (error) {
        entry.crash = error;
        return undefined;
      }
    },
  };
}
