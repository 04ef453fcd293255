import { verifier as cached } from './nestjs-jwks.mjs';

/** Every token is verified in full, seen before or not. */
export function verifier(setup) {
  return cached({ ...setup, tokenCache: false });
}
