import { JwksConfigurationError } from '../core/errors.js';
import type { StepUpRequirement } from '../core/sender-errors.js';
import { isChallengeValue, stepUpFault } from '../core/challenge-values.js';
import { freezeOptions, type FrozenOptions } from '../options/frozen-options.js';
import { CLAIM_RULES, freezeClaimRules, isClaimRules, type ClaimRules } from '../tokens/claim-rules.js';

/**
 * What a route asks of a token, beyond what the module asks of all. Those of a handler take the
 * place of those of its class as a whole.
 *
 * @publicApi
 */
export interface AuthenticatedOptions {
  /**
   * The scopes that the token must have, all of them; else 403 `insufficient_scope`. Read from
   * `scope` (RFC 8693 section 4.2: separated by spaces; a list is taken too), `scp` and
   * `permissions`; compared exactly.
   */
  readonly scopes?: readonly string[];
  /**
   * The scopes of which the token must have at least one; else 403. Meets `scopes`: both must hold.
   */
  readonly anyOfScopes?: readonly string[];
  /** The issuer, or issuers, whose tokens this route takes; of those that the module trusts. */
  readonly issuer?: string | readonly string[];
  /** The audience of this route, in place of the module's; `false`: any will do. */
  readonly audience?: string | readonly string[] | false;
  /**
   * Claims by name or path (as `@Claims` reads it), each with the value that it must be (for a
   * claim that is a list: that it must hold), a list of values of which one is enough, or a
   * predicate; else 403 `access_denied`.
   */
  readonly claims?: ClaimRules;
  /**
   * A request without a token goes on without claims; one with a bad token is refused as ever, and so
   * is one with credentials of another scheme (`Basic`, `DPoP`), which did not mean to be anonymous.
   *
   * @default false
   */
  readonly optional?: boolean;
  /**
   * Takes tokens alone that are bound to their sender, by DPoP or a client certificate; a bearer token
   * is rejected with 401. Needs `dpop`, `mtls` or `boundTokens` of the module.
   *
   * @default false
   */
  readonly senderConstrained?: boolean;
  /**
   * How strong (`acr`) and how recent (`auth_time`) the login of the user must be, for what is worth
   * another one; else 401 `insufficient_user_authentication` (RFC 9470), by which clients know to send
   * the user to the provider. A token without the claim is rejected. Checked after `claims` and
   * `scopes`.
   */
  readonly stepUp?: StepUpRequirement;
}

type Check = (value: unknown) => string | undefined;

const CHECKS: Readonly<Record<keyof AuthenticatedOptions, Check>> = {
  scopes: scopeFault,
  anyOfScopes: scopeFault,
  issuer: (value) => (isTextOrTexts(value) ? undefined : 'takes a non-empty string or a list of such'),
  audience: (value) =>
    value === false || isTextOrTexts(value) ? undefined : 'takes a non-empty string, a list of such, or `false`',
  claims: claimsFault,
  optional: (value) => (value === undefined || typeof value === 'boolean' ? undefined : 'takes `true` or `false`'),
  stepUp: stepUpFault,
  senderConstrained: (value) => (typeof value === 'boolean' ? undefined : 'takes `true` or `false`'),
};

/**
 * Refuses options that cannot work, when the class is decorated: a rule that is misspelt, empty or
 * undefined must not become no rule.
 *
 * @internal
 */
function assertRouteOptions(options: unknown): asserts options is AuthenticatedOptions {
  if (!isRecord(options)) throw new JwksConfigurationError('@Authenticated takes an object of options');
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw fault(name, `is not known; there are ${Object.keys(CHECKS).join(', ')}`);
    const reason = CHECKS[name as keyof AuthenticatedOptions](value);
    if (reason) throw fault(name, reason);
  }
}

/** Those that never change, with what of them concerns the token itself. */
const frozen = new WeakMap<AuthenticatedOptions, FrozenOptions | undefined>();

/**
 * Returns a frozen copy without a prototype, of options that can work: a polluted
 * `Object.prototype` must not add a rule or `optional`.
 *
 * @internal
 */
export function freezeRouteOptions(options: AuthenticatedOptions): AuthenticatedOptions {
  assertRouteOptions(options);
  const { scopes, anyOfScopes, claims, stepUp, ...others } = Object.assign(
    Object.create(null) as AuthenticatedOptions,
    options,
  );
  const asked = asksNothing(others) ? undefined : freezeOptions(others);
  const given = {
    ...others,
    ...(scopes && { scopes: Object.freeze([...scopes]) }),
    ...(anyOfScopes && { anyOfScopes: Object.freeze([...anyOfScopes]) }),
    ...(claims && { claims: freezeClaimRules(claims) }),
    ...(stepUp && { stepUp: freezeStepUp(stepUp) }),
    ...asked,
  };
  const copy: AuthenticatedOptions = Object.freeze(Object.assign(Object.create(null) as object, given));
  frozen.set(copy, asked);
  return copy;
}

/**
 * What is asked of a token before its claims and scopes are: `undefined`: nothing. Throws for
 * options that cannot work.
 *
 * @internal
 */
export function verifyOptionsOf(options: AuthenticatedOptions): FrozenOptions | undefined {
  const known = frozen.get(options);
  if (known || asksNothing(options)) return known;
  const { issuer, audience } = options;
  return { issuer, audience };
}

/** Whether they were checked already. @internal */
export function isFrozenRoute(options: AuthenticatedOptions): boolean {
  return frozen.has(options);
}

function asksNothing({ issuer, audience }: AuthenticatedOptions): boolean {
  return issuer === undefined && audience === undefined;
}

function scopeFault(value: unknown): string | undefined {
  const good = Array.isArray(value) && value.length > 0 && value.every(isChallengeValue);
  return good
    ? undefined
    : 'takes a list of at least one scope; a scope is a string without spaces, quotes and backslashes (RFC 6750 section 3)';
}

function claimsFault(value: unknown): string | undefined {
  return isClaimRules(value) ? undefined : `takes ${CLAIM_RULES}`;
}

function freezeStepUp({ acrValues, maxAge }: StepUpRequirement): StepUpRequirement {
  return Object.freeze({
    ...(acrValues && { acrValues: Object.freeze([...acrValues]) }),
    ...(maxAge !== undefined && { maxAge }),
  });
}

function isTextOrTexts(value: unknown): boolean {
  const texts: unknown[] = Array.isArray(value) ? value : [value];
  return texts.length > 0 && texts.every((text) => typeof text === 'string' && text !== '');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(option: string, reason: string): JwksConfigurationError {
  return new JwksConfigurationError(`@Authenticated: \`${option}\` ${reason}`, option);
}
