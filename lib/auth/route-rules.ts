import type { JWTPayload } from 'jose';
import { parseDuration, type Clock } from '../core/clock.js';
import { AccessDeniedError, InsufficientScopeError } from '../core/errors.js';
import { StepUpRequiredError, type StepUpRequirement } from '../core/sender-errors.js';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import { claimAt } from '../tokens/claim-path.js';
import { checkClaims } from '../tokens/claim-rules.js';
import { bindingFault } from '../proof/confirmation.js';
import type { SenderSettings } from '../proof/sender-constraint.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { Authentication, ScopesFrom } from './verification.js';
import type { AuthenticatedOptions } from './route-options.js';

const accessDenied = (name: string, options?: { cause?: unknown }) => new AccessDeniedError(name, options);

/**
 * Whether a verified token is enough for a route. The claims come first: a token that is not for
 * this route is not worth more scopes, and one without the scopes not worth another login.
 *
 * @internal
 */
export function authorizeRoute(
  authentication: Pick<Authentication, 'scopesFrom'> & { readonly token: Pick<VerifiedToken, 'claims'> },
  options: AuthenticatedOptions,
  clock: Pick<Clock, 'now'>,
): MaybePromise<void> {
  const { claims } = authentication.token;
  const checking = options.claims && checkClaims(claims, options.claims, accessDenied);
  if (isPromise(checking)) return checking.then(() => assertScopesAndLogin(authentication, options, clock));
  // Nothing is made for it, a closure neither: every request comes here.
  assertScopesAndLogin(authentication, options, clock);
}

function assertScopesAndLogin(
  { token, scopesFrom }: Parameters<typeof authorizeRoute>[0],
  options: AuthenticatedOptions,
  clock: Pick<Clock, 'now'>,
): void {
  assertScopes(token.claims, options, scopesFrom);
  if (options.stepUp) assertStepUp(token.claims, options.stepUp, clock.now());
}

/** RFC 9470: what the token does not say has not happened. */
function assertStepUp(claims: Readonly<JWTPayload>, required: StepUpRequirement, now: number): void {
  const { acrValues, maxAge } = required;
  const acr = claimAt(claims, 'acr');
  if (acrValues && !(typeof acr === 'string' && acrValues.includes(acr))) throw new StepUpRequiredError(required);
  if (maxAge === undefined) return;
  const authTime = claimAt(claims, 'auth_time');
  // A login that lies further in the future than it may lie in the past is no clock difference.
  const isRecent = typeof authTime === 'number' && Math.abs(now - authTime * 1000) <= parseDuration(maxAge);
  if (!isRecent) throw new StepUpRequiredError(required);
}

/** For a route that takes bound tokens alone. @internal */
export function assertSenderConstrained(
  { senderConstrained }: VerifiedToken,
  { dpop, mtls, isVerifiedByGateway }: SenderSettings,
): void {
  if (senderConstrained !== undefined) return;
  const isTaken = dpop ?? mtls ?? isVerifiedByGateway;
  throw bindingFault(
    'The access token is not bound to its sender ("cnf"), as this route asks for',
    isTaken ? 'have the client request a bound token, by DPoP or with a client certificate' : SET_AN_OPTION,
  );
}

const SET_AN_OPTION = 'bound tokens are not accepted here: set the option "dpop" or "mtls"';

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
