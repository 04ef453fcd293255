import type { JWTPayload } from 'jose';
import { InsufficientScopeError, InvalidClaimError } from '../core/errors.js';
import { claimAt } from './claim-path.js';
import type { ScopesFrom } from './request-context.js';
import type { AuthenticatedOptions, ClaimPredicate, ClaimValue } from './route-options.js';

/**
 * Whether a verified token is enough for a route. The claims come first: a token that is not for this route is not worth more scopes.
 *
 * @internal
 */
export async function judgeRoute(
  claims: Readonly<JWTPayload>,
  options: AuthenticatedOptions,
  scopesFrom?: ScopesFrom,
): Promise<void> {
  for (const [name, rule] of Object.entries(options.claims ?? {})) await judgeClaim(claims, name, rule);
  judgeScopes(options, () => scopesOf(claims, scopesFrom));
}

/**
 * The scopes of a token, by default: `scope` (RFC 9068 section 2.2.3; a list is taken too), `scp` (the same) and `permissions` (a list).
 *
 * @internal
 */
export function scopesOf(claims: Readonly<JWTPayload>, from?: ScopesFrom): ReadonlySet<string> {
  if (typeof from === 'function') return new Set(texts(from(claims)));
  const spaced = (from ?? ['scope', 'scp']).flatMap((name) => texts(claimAt(claims, name), ' '));
  return new Set(from ? spaced : [...spaced, ...texts(claimAt(claims, 'permissions'))]);
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

function judgeScopes({ scopes = [], anyScope = [] }: AuthenticatedOptions, find: () => ReadonlySet<string>): void {
  if (scopes.length === 0 && anyScope.length === 0) return;
  const asked = [...new Set([...scopes, ...anyScope])];
  const granted = grantedBy(find, asked);
  const enough =
    scopes.every((scope) => granted.has(scope)) &&
    (anyScope.length === 0 || anyScope.some((scope) => granted.has(scope)));
  if (!enough) throw new InsufficientScopeError(asked);
}

function grantedBy(find: () => ReadonlySet<string>, asked: readonly string[]): ReadonlySet<string> {
  try {
    return find();
  } catch (cause) {
    throw new InsufficientScopeError(asked, undefined, { cause });
  }
}

/** RFC 6749 section 3.3: scopes are separated by a space, and by nothing else. */
function texts(value: unknown, separator?: string): readonly string[] {
  if (separator && typeof value === 'string') return value.split(separator);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
