import type { Diagnosis } from '../core/diagnosis.js';
import type { TokenError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { TokenRules } from './claims.js';
import type { JsonObject } from './json-object.js';

/** What is known about the token when it is refused; less the earlier that is. @internal */
export interface DiagnosisContext {
  readonly token?: unknown;
  readonly header?: JsonObject | undefined;
  /** Nothing of it need be verified. */
  readonly claims?: JsonObject | undefined;
  readonly rules?: TokenRules | undefined;
  /** The trusted issuers of the configuration; `undefined` where a function decides. */
  readonly issuers?: readonly string[] | undefined;
  /** The set that the key was looked for in. */
  readonly set?: JwkSet | undefined;
  /** Milliseconds by which the provider's clock is ahead of ours, where its responses said. */
  readonly clockOffset?: number | undefined;
  /** The wall clock. */
  readonly now: number;
  readonly maxTokenLength: number;
}

/** The error, with the members that some of its kind have. @internal */
export type Refused = Pick<TokenError, 'code' | 'message'> & {
  readonly claim?: string;
  readonly kid?: string;
};

const MOST_NAMED = 3;

/** @internal */
export function misconfigured(reason: string, hint: string): Diagnosis {
  return { reason, hint, misconfiguration: true };
}

/** @internal */
export function quote(text: string): string {
  return `"${safeText(text)}"`;
}

/** @internal */
export function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return value === undefined ? 'missing' : 'no text';
}

/** @internal */
export function list(texts: readonly string[], word: 'or' | 'and'): string {
  const named = texts.slice(0, MOST_NAMED).map(quote).join(` ${word} `);
  return texts.length > MOST_NAMED ? `${named} ${word} ${texts.length - MOST_NAMED} more` : named || 'none';
}

/** Days where it is long: a difference of ten digits would be a claim's value. @internal */
export function seconds(milliseconds: number): string {
  const whole = Math.round(milliseconds / 1000);
  return Math.abs(whole) < 1_000_000 ? `${whole} s` : `${Math.round(whole / 86_400)} days`;
}
