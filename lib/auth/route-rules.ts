import type { JWTPayload } from 'jose';
import { AccessDeniedError, InsufficientScopeError } from '../core/errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import { claimAt } from './claim-path.js';
import type { ScopesFrom } from './verification.js';
import type { AuthenticatedOptions, ClaimRule } from './route-options.js';

type Rule = readonly [name: string, rule: ClaimRule];

/**
 * Whether a verified token is enough for a route. The claims come first: a token that is not for
 * this route is not worth more scopes.
 *
 * @internal
 */
export function authorizeRoute(
  claims: Readonly<JWTPayload>,
  options: AuthenticatedOptions,
  scopesFrom?: ScopesFrom,
): MaybePromise<void> {
  const checking = options.claims && checkRouteClaims(claims, Object.entries(options.claims));
  if (isPromise(checking)) return checking.then(() => assertScopes(claims, options, scopesFrom));
  assertScopes(claims, options, scopesFrom);
}

/**
 * The scopes of a token, by default: `scope` (RFC 9068 section 2.2.3; a list is taken too), `scp`
 * (the same) and `permissions` (a list).
 *
 * @internal
 */
export function scopesOf(claims: Readonly<JWTPayload>, from?: ScopesFrom): readonly string[] {
  if (typeof from === 'function') return texts(from(claims));
  if (from) return from.flatMap((name) => texts(claimAt(claims, name), ' '));
  return [
    ...texts(claimAt(claims, 'scope'), ' '),
    ...texts(claimAt(claims, 'scp'), ' '),
    ...texts(claimAt(claims, 'permissions')),
  ];
}

/** One after the other; a promise from the first one on that is waited for. */
function checkRouteClaims(claims: Readonly<JWTPayload>, rules: readonly Rule[]): MaybePromise<void> {
  for (const [index, [name, rule]] of rules.entries()) {
    const verdict = evaluateRule(claims, name, rule);
    if (isPromise(verdict)) {
      return awaitRule(verdict, name).then(() => checkRouteClaims(claims, rules.slice(index + 1)));
    }
    assertTrue(verdict, name);
  }
}

async function awaitRule(verdict: Promise<unknown>, name: string): Promise<void> {
  let answer: unknown;
  try {
    answer = await verdict;
  } catch (cause) {
    throw new AccessDeniedError(name, { cause });
  }
  assertTrue(answer, name);
}

function evaluateRule(claims: Readonly<JWTPayload>, name: string, rule: ClaimRule): MaybePromise<unknown> {
  const value = claimAt(claims, name);
  if (typeof rule !== 'function') {
    const allowed: readonly unknown[] = Array.isArray(rule) ? rule : [rule];
    return allowed.some((each) => value === each || (Array.isArray(value) && value.includes(each)));
  }
  try {
    return rule(value, claims);
  } catch (cause) {
    throw new AccessDeniedError(name, { cause });
  }
}

/** Only `true` passes. A truthy object (a forgotten comparison) does not. */
function assertTrue(verdict: unknown, name: string): void {
  if (verdict !== true) throw new AccessDeniedError(name);
}

function assertScopes(
  claims: Readonly<JWTPayload>,
  { scopes = [], anyOfScopes = [] }: AuthenticatedOptions,
  from: ScopesFrom | undefined,
): void {
  if (scopes.length === 0 && anyOfScopes.length === 0) return;
  const granted = grantedBy(claims, from, [scopes, anyOfScopes]);
  const enough =
    scopes.every((scope) => granted.includes(scope)) &&
    (anyOfScopes.length === 0 || anyOfScopes.some((scope) => granted.includes(scope)));
  if (!enough) throw insufficient([scopes, anyOfScopes]);
}

type Asked = readonly (readonly string[])[];

function grantedBy(claims: Readonly<JWTPayload>, from: ScopesFrom | undefined, asked: Asked): readonly string[] {
  try {
    return scopesOf(claims, from);
  } catch (cause) {
    throw insufficient(asked, cause);
  }
}

function insufficient(asked: Asked, cause?: unknown): InsufficientScopeError {
  return new InsufficientScopeError([...new Set(asked.flat())], undefined, cause === undefined ? {} : { cause });
}

/** RFC 6749 section 3.3: scopes are separated by a space, and by nothing else. */
function texts(value: unknown, separator?: string): readonly string[] {
  if (separator && typeof value === 'string') return value.split(separator);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
