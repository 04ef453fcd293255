import { parseDuration } from '../core/clock.js';
import { readAlgorithms } from './algorithms.js';
import { DEFAULTS } from './defaults.js';
import type { JwksTokenOptions } from './issuer-options.js';
import { CLAIM_RULES, freezeClaimRules, isClaimRules, type ClaimRules } from '../tokens/claim-rules.js';
import type { OptionReader } from './option-reader.js';

/** What tokens must be, issuer and audience apart. Durations in milliseconds. @internal */
export interface ResolvedRules {
  readonly algorithms: ReadonlySet<string>;
  readonly tokenType: string | undefined;
  readonly clockTolerance: number;
  readonly maxTokenAge: number | undefined;
  readonly requiredClaims: readonly string[];
  readonly allowNumericSubject: boolean;
}

/** @internal */
export interface ResolvedTokenOptions {
  readonly rules: ResolvedRules;
  readonly claims: ClaimRules | undefined;
  readonly validate: JwksTokenOptions['validate'];
  readonly scopesFrom: JwksTokenOptions['scopesFrom'];
  readonly allowInsecure: boolean;
}

/** @internal */
export const RULE_NAMES = ['algorithms', 'tokenType', 'clockTolerance', 'maxTokenAge', 'requiredClaims'] as const;

/** @internal */
export const TOKEN_NAMES: readonly (keyof JwksTokenOptions)[] = [
  ...RULE_NAMES,
  'profile',
  'allowNumericSubject',
  'claims',
  'validate',
  'scopesFrom',
  'allowInsecure',
];

const DEFAULT_OPTIONS: ResolvedTokenOptions = {
  rules: {
    algorithms: new Set(DEFAULTS.algorithms),
    tokenType: undefined,
    clockTolerance: parseDuration(DEFAULTS.clockTolerance),
    maxTokenAge: undefined,
    requiredClaims: DEFAULTS.requiredClaims,
    allowNumericSubject: DEFAULTS.allowNumericSubject,
  },
  claims: undefined,
  validate: undefined,
  scopesFrom: undefined,
  allowInsecure: DEFAULTS.allowInsecure,
};

/** What is absent is as in `defaults`. @internal */
export function resolveTokenOptions(options: OptionReader, defaults = DEFAULT_OPTIONS): ResolvedTokenOptions {
  return {
    rules: withProfile(options, resolveRules(options, defaults.rules)),
    claims: readClaims(options) ?? defaults.claims,
    validate: options.method('validate', 'a function of the verified token') ?? defaults.validate,
    scopesFrom: readScopesFrom(options) ?? defaults.scopesFrom,
    allowInsecure: options.boolean('allowInsecure', defaults.allowInsecure),
  };
}

/** RFC 9068 sections 2.1 and 2.2. */
const RFC9068 = { tokenType: 'at+jwt', requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'] };

function withProfile(options: OptionReader, rules: ResolvedRules): ResolvedRules {
  const profile = options.text('profile', undefined, /^rfc9068$/, "'rfc9068'");
  if (profile === undefined) return rules;
  if (options.mentions('tokenType')) throw options.fault('tokenType', 'can\'t stand beside "profile", which says it');
  const more = options.has('requiredClaims') ? rules.requiredClaims : [];
  return {
    ...rules,
    tokenType: RFC9068.tokenType,
    requiredClaims: [...new Set([...RFC9068.requiredClaims, ...more])],
  };
}

/** @internal */
export function resolveRules(options: OptionReader, defaults: ResolvedRules): ResolvedRules {
  const algorithms = readAlgorithms(options);
  return {
    algorithms: algorithms ? new Set(algorithms) : defaults.algorithms,
    tokenType: options.off('tokenType')
      ? undefined
      : options.text('tokenType', defaults.tokenType, /^[!-~]+$/, "a media type such as 'at+jwt', or false"),
    clockTolerance: options.duration('clockTolerance', defaults.clockTolerance, { orZero: true, secondsBelow: 1_000 }),
    maxTokenAge: options.off('maxTokenAge')
      ? undefined
      : options.duration('maxTokenAge', defaults.maxTokenAge, { secondsBelow: 1_000 }),
    requiredClaims: options.list('requiredClaims', isName, 'a list of claim names') ?? defaults.requiredClaims,
    allowNumericSubject: options.boolean('allowNumericSubject', defaults.allowNumericSubject),
  };
}

/**
 * @returns `undefined` where it is absent
 * @internal
 */
export function readAudience(options: OptionReader): readonly string[] | false | undefined {
  const value = options.get('audience');
  if (value === undefined || value === false) return value;
  const takes = 'the "aud" to ask for, a list of them, or false for any';
  if (typeof value === 'string' && isName(value)) return [value];
  const list = Array.isArray(value) ? options.list('audience', isName, takes) : undefined;
  if (list && list.length > 0) return list;
  throw options.invalid('audience', takes);
}

function readClaims(options: OptionReader): ClaimRules | undefined {
  const value = options.get('claims');
  if (value === undefined) return undefined;
  if (!isClaimRules(value)) throw options.invalid('claims', CLAIM_RULES);
  return freezeClaimRules(value);
}

function readScopesFrom(options: OptionReader): JwksTokenOptions['scopesFrom'] {
  const takes = 'a list of at least one claim, each by name or path, or a function of the claims';
  if (!Array.isArray(options.get('scopesFrom'))) return options.method('scopesFrom', takes);
  const names = options.list('scopesFrom', isName, takes);
  if (names && names.length > 0) return names;
  throw options.invalid('scopesFrom', takes);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
