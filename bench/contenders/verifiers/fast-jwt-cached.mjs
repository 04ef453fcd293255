import { verifier as uncached } from './fast-jwt.mjs';

/** As many tokens as ours keeps; its default is 1,000. */
export function verifier(setup) {
  return uncached(setup, { cache: 10_000 });
}
