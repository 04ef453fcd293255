import type { JWTPayload } from 'jose';
import { InsufficientScopeError, InvalidClaimError } from '../core/errors.js';
import { claimAt } from './claim-path.js';
import type { AuthenticatedOptions, ClaimPredicate, ClaimValue } from './route-options.js';

/**
 * Whether a verified token is enough for a route. The claims come first: a token that is not for this route is not worth more scopes.
 *
 * @internal
 */
export async function judgeRoute(claims: Readonly<JWTPayload>, options: AuthenticatedOptions): Promise<void> {
  for (const [name, rule] of Object.entries(options.claims ?? {})) await judgeClaim(claims, name, rule);
  judgeScopes(claims, options);
}

/**
 * The scopes of a token: `scope` (RFC 9068 section 2.2.3; a list is taken too), `scp` (the same) and `permissions` (a list).
 *
 * @internal
 */
export function scopesOf(claims: object): ReadonlySet<string> {
  const spaced = ['scope', 'scp'].map((name) => claimAt(claims, name)).flatMap((value) => texts(value, ' '));
  return new Set([...spaced, ...texts(claimAt(claims, 'permissions'))]);
}

async function judgeClaim(
  claims: Readonly<JWTPayload>,
  name: string,
  rule: ClaimValue | ClaimPredicate,
): Promise<void> {
  const value = claimAt(claims, name);
  if (typeof rule !== 'function') {
    if (value === rule || (Array.isArray(value) && value.includes(rule))) return;
    throw new InvalidClaimError(name);
  }
  try {
    // What is merely truthy is no yes: a promise is, and so is the object that somebody meant to look into.
    if ((await rule(value, claims)) === true) return;
  } catch (cause) {
    throw new InvalidClaimError(name, undefined, { cause });
  }
  throw new InvalidClaimError(name);
}

function judgeScopes(claims: object, { scopes = [], anyScope = [] }: AuthenticatedOptions): void {
  if (scopes.length === 0 && anyScope.length === 0) return;
  const granted = scopesOf(claims);
  const enough =
    scopes.every((scope) => granted.has(scope)) &&
    (anyScope.length === 0 || anyScope.some((scope) => granted.has(scope)));
  if (!enough) throw new InsufficientScopeError([...new Set([...scopes, ...anyScope])]);
}

/** RFC 6749 section 3.3: scopes are separated by a space, and by nothing else. */
function texts(value: unknown, separator?: string): readonly string[] {
  if (separator && typeof value === 'string') return value.split(separator);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
