import type { JWTPayload } from 'jose';
import { isPromise, type MaybePromise } from '../core/maybe-promise.js';
import { claimAt } from './claim-path.js';

/** What a claim may be asked to be. @publicApi */
export type ClaimValue = string | number | boolean | null;

/**
 * Checks a claim: the value of the claim (`undefined` where there is none) and all claims. Only
 * `true` passes; what it throws rejects.
 *
 * @publicApi
 */
export type ClaimPredicate = (value: unknown, claims: Readonly<JWTPayload>) => boolean | Promise<boolean>;

/** A value, a list of values of which one is enough, or a predicate. @publicApi */
export type ClaimRule = ClaimValue | readonly ClaimValue[] | ClaimPredicate;

/** Claims by name or path. @publicApi */
export type ClaimRules = Readonly<Record<string, ClaimRule>>;

/** What `claims` takes, for messages. @internal */
export const CLAIM_RULES =
  'an object of at least one claim, each with a string, number, boolean, null, a list of such, or a function';

/** @internal */
export function isClaimRules(value: unknown): value is ClaimRules {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const rules = Object.entries(value);
  return rules.length > 0 && rules.every(([name, rule]) => name !== '' && isClaimRule(rule));
}

/** A copy without a prototype, frozen with its lists. @internal */
export function freezeClaimRules(rules: ClaimRules): ClaimRules {
  const copy: Record<string, ClaimRule> = Object.create(null);
  for (const [name, rule] of Object.entries(rules))
    copy[name] = Array.isArray(rule) ? Object.freeze([...(rule as readonly ClaimValue[])]) : rule;
  return Object.freeze(copy);
}

/**
 * Throws, or rejects with, what `toError` makes of the first claim that is not what its rule asks
 * for. One rule after the other; a promise from the first one on that is waited for.
 *
 * @internal
 */
export function checkClaims(
  claims: Readonly<JWTPayload>,
  rules: ClaimRules,
  toError: (name: string, options?: { cause?: unknown }) => Error,
): MaybePromise<void> {
  return checkFrom(0, claims, { rules: Object.entries(rules), toError });
}

interface Check {
  readonly rules: readonly (readonly [name: string, rule: ClaimRule])[];
  readonly toError: (name: string, options?: { cause?: unknown }) => Error;
}

function checkFrom(start: number, claims: Readonly<JWTPayload>, check: Check): MaybePromise<void> {
  for (let index = start; index < check.rules.length; index += 1) {
    const [name, rule] = check.rules[index] as Check['rules'][number];
    let verdict: MaybePromise<unknown>;
    try {
      verdict = evaluate(claims, name, rule);
    } catch (cause) {
      throw check.toError(name, { cause });
    }
    if (isPromise(verdict)) {
      return verdict.then(
        (answer) => {
          if (answer !== true) throw check.toError(name);
          return checkFrom(index + 1, claims, check);
        },
        (cause: unknown) => Promise.reject(check.toError(name, { cause })),
      );
    }
    // Only `true` passes. A truthy object (a forgotten comparison) does not.
    if (verdict !== true) throw check.toError(name);
  }
}

function evaluate(claims: Readonly<JWTPayload>, name: string, rule: ClaimRule): MaybePromise<unknown> {
  const value = claimAt(claims, name);
  if (typeof rule === 'function') return rule(value, claims);
  const allowed: readonly unknown[] = Array.isArray(rule) ? rule : [rule];
  return allowed.some((each) => value === each || (Array.isArray(value) && value.includes(each)));
}

function isClaimRule(rule: unknown): boolean {
  if (Array.isArray(rule)) return rule.length > 0 && rule.every(isClaimValue);
  return typeof rule === 'function' || isClaimValue(rule);
}

function isClaimValue(rule: unknown): boolean {
  return rule === null || ['string', 'boolean'].includes(typeof rule) || Number.isFinite(rule);
}
