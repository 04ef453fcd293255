import fc from 'fast-check';

/**
 * Unbiased: a long run should not meet edge cases of lengths and places more often than the rest.
 */
const HOW = { unbiased: true, endOnFailure: false };
const MOST_VIOLATIONS = 20;
const SHRINK_MS = 60_000;

/**
 * Tries `count` values of an arbitrary, so many at once. Returns where `predicate` rejected: seed,
 * path and error, of the first 20. Fewer values than fast-check's own runner would try at once are
 * no use against an application.
 */
export async function explore(arbitrary, predicate, { seed, count, atOnce = 1 }) {
  const values = fc.sample(propertyOf(arbitrary, predicate), { ...HOW, seed, numRuns: count }).entries();
  const violations = [];
  const worker = async () => {
    for (const [index, [value]] of values) {
      if (violations.length >= MOST_VIOLATIONS) return;
      await predicate(value).catch((error) => violations.push({ seed, path: String(index), error }));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return violations;
}

/**
 * The violation of this seed and path once more, shrunk: the simplest value that still fails, with
 * its own path. `undefined` where it does not fail again.
 */
export async function replay(arbitrary, predicate, { seed, path }) {
  const { counterexamplePath, errorInstance } = await fc.check(propertyOf(arbitrary, predicate), {
    ...HOW,
    seed,
    path,
    numRuns: 1,
    interruptAfterTimeLimit: SHRINK_MS,
  });
  return errorInstance ? { seed, path: counterexamplePath, error: errorInstance } : undefined;
}

/** Seeds for the parts of a run, far from those of other runs. */
export function seedsOf(seed, count) {
  return fc.sample(fc.integer(), { ...HOW, seed, numRuns: count });
}

function propertyOf(arbitrary, predicate) {
  return fc.asyncProperty(arbitrary, predicate);
}
