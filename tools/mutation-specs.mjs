// Which specs look at a mutant, and in which order: the most related first, then the fastest.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What stands on a room, and so may notice what its own specs do not. */
const ABOVE = {
  tokens: ['client/', 'security/http', 'security/keys-and-issuers', 'e2e/faults', 'e2e/http-surface'],
  keys: ['tokens/', 'cache/', 'client/issuers', 'sources/http-source', 'security/http', 'security/keys-and-issuers'],
  auth: ['e2e/', 'security/http', 'security/keys-and-issuers'],
};
/** Other processes and providers: they ask nothing of a check that the rest does not. */
const NEVER = /^e2e\/(?:fleet|oidc|redis|rotation)/;

export const ROOMS = Object.keys(ABOVE);

/** Files that are tested by the specs of others. */
const SPECS = {
  'json-object': ['tokens/compact-jwt', 'tokens/claims'],
  'key-material': ['keys/jwk', 'keys/ml-dsa'],
  curves: ['keys/jwk', 'keys/forgery'],
  'jwks-auth.guard': ['auth/jwks-auth.guard', 'auth/guard-steps'],
  'route-metadata': ['auth/decorators', 'auth/jwks-auth.guard'],
  'route-options': ['auth/decorators'],
  'shared-verification': ['auth/jwks-auth.guard'],
};

/** Paths from the root of the repository. */
export function specsOf(root, room, alone) {
  const all = readdirSync(join(root, 'test'), { recursive: true })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.spec.ts') && !NEVER.test(path));
  const among = (prefixes) => all.filter((path) => prefixes.some((prefix) => path.startsWith(prefix)));
  return [...new Set([...among([`${room}/`]), ...(alone ? [] : among(ABOVE[room]))])].map((path) => `test/${path}`);
}

/** `milliseconds`: what each spec took where no mutant was awake. */
export function inOrder({ room, name, milliseconds }) {
  const part = name.replace(/\.ts$/, '');
  const own = (SPECS[part] ?? [`${room}/${part}`]).map((spec) => `test/${spec}.spec.ts`);
  const distance = (spec) => (own.includes(spec) ? 0 : spec.startsWith(`test/${room}/`) ? 1 : 2);
  const specs = [...milliseconds.keys()];
  return specs.toSorted((a, b) => distance(a) - distance(b) || milliseconds.get(a) - milliseconds.get(b));
}
