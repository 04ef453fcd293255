import { jwtVerifier } from './aws-jwt-verify.mjs';

/** Its fastest way, for keys that are loaded: no promise, and no fetch for a kid that is new. */
export async function verifier(setup) {
  const made = jwtVerifier(setup);
  await made.hydrate();
  return (token) => made.verifySync(token);
}
