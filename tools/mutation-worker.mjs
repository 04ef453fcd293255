// Runs specs with one mutant awake, as often as it is told to: the transformed files stay.
import { createVitest } from 'vitest/node';

// Where all cores are busy tests are slow; a loop without end is ended by the caller.
const patience = { testTimeout: 20_000, hookTimeout: 20_000 };
const speed = { bail: 1, maxWorkers: 1, pool: 'threads', setupFiles: ['tools/mutation-setup.mjs'] };
const vitest = await createVitest('test', { watch: false, reporters: [{}], ...speed, ...patience });
const all = await vitest.globTestSpecifications();

process.once('disconnect', () => process.exit());
process.on('message', async ({ id, specs }) => {
  process.env.JWKS_MUTANT = String(id);
  let failure = '';
  for (const spec of specs) {
    process.send({ begun: spec });
    const start = performance.now();
    failure = await failureOf(spec);
    if (failure !== '') break;
    process.send({ passed: spec, milliseconds: performance.now() - start });
  }
  process.send({ failure });
});

/** The name of a test that fails; an empty text where none does. */
async function failureOf(spec) {
  const specifications = all.filter(({ moduleId }) => moduleId.endsWith(`/${spec}`));
  if (specifications.length === 0) return `${spec} is not there`;
  // Counts of the run before would be taken for those of this one.
  vitest.state.filesMap.clear();
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  for (const module of testModules) {
    if (module.state() !== 'failed') continue;
    const [test] = module.children.allTests('failed');
    const message = (test?.result().errors ?? module.errors())[0]?.message ?? '';
    return `${spec}: ${test?.fullName ?? 'no test'}: ${message.split('\n', 1)[0]}`;
  }
  return unhandledErrors.length > 0 ? `${spec}: unhandled: ${unhandledErrors[0].message}` : '';
}
