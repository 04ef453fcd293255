// Runs the tests of a room with one mutant awake, as often as it is told to: the transformed files stay.
import { createVitest } from 'vitest/node';

// Where all cores are busy tests are slow; what hangs is ended by the caller.
const patience = { testTimeout: 40_000, hookTimeout: 40_000 };
const speed = { bail: 1, maxWorkers: 1, pool: 'threads', setupFiles: ['tools/mutation-setup.mjs'] };
const vitest = await createVitest('test', { watch: false, reporters: [{}], ...speed, ...patience });
const all = await vitest.globTestSpecifications();

process.once('disconnect', () => process.exit());
process.on('message', async ({ id, stages }) => {
  process.env.JWKS_MUTANT = String(id);
  process.send(await failureOf(stages));
});

/** The name of a test that fails; an empty text where none does. */
async function failureOf(stages) {
  const done = new Set();
  for (const prefixes of stages) {
    const isAsked = ({ moduleId }) => !done.has(moduleId) && prefixes.some((prefix) => moduleId.includes(`/${prefix}`));
    const specifications = all.filter(isAsked);
    for (const { moduleId } of specifications) done.add(moduleId);
    if (specifications.length === 0) continue;
    // Counts of the run before would be taken for those of this one.
    vitest.state.filesMap.clear();
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
    for (const module of testModules) {
      if (module.state() !== 'failed') continue;
      const [test] = module.children.allTests('failed');
      return `${module.moduleId}: ${test?.fullName ?? 'no test'}: ${(test?.result().errors ?? module.errors())[0]?.message}`;
    }
    if (unhandledErrors.length > 0) return `unhandled: ${unhandledErrors[0].message}`;
  }
  return '';
}
