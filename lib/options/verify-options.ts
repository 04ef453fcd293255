import type { Duration } from '../core/clock.js';
import { OptionReader } from './option-reader.js';
import { readAudience, resolveRules, RULE_NAMES, type ResolvedRules } from './resolve-rules.js';

/**
 * The rules of one call of `verify`, in place of those that are configured. Rules that are left out
 * are as configured; one that is written down as `undefined` is a `JwksConfigurationError`.
 *
 * @publicApi
 */
export interface JwksVerifyOptions {
  /** Only tokens of this issuer, or of these, of those that are trusted. */
  issuer?: string | readonly string[];
  /** `aud` must name one of these; `false`: any will do. */
  audience?: string | readonly string[] | false;
  /** See `algorithms` of the module. */
  algorithms?: readonly string[];
  /** See `tokenType` of the module. */
  tokenType?: string | false;
  /** See `clockTolerance` of the module. */
  clockTolerance?: Duration;
  /** See `maxTokenAge` of the module. */
  maxTokenAge?: Duration | false;
  /** See `requiredClaims` of the module. */
  requiredClaims?: readonly string[];
}

/** @internal */
export interface ResolvedVerification {
  /** `undefined`: each that is trusted. */
  readonly issuers: readonly string[] | undefined;
  readonly audience: readonly string[] | false | undefined;
  readonly rules: ResolvedRules;
}

/** @internal */
export interface VerificationDefaults {
  readonly audience: readonly string[] | false | undefined;
  readonly rules: ResolvedRules;
}

const NAMES = ['issuer', 'audience', ...RULE_NAMES];
/** What a call asks for is never left to the defaults by accident. */
const DECIDED = new Set(NAMES);

/**
 * Checks the options of one call and completes them. Throws a JwksConfigurationError that names the
 * option.
 *
 * @internal
 */
export function resolveVerifyOptions(
  given: JwksVerifyOptions | undefined,
  defaults: VerificationDefaults,
): ResolvedVerification {
  if (given === undefined) return { issuers: undefined, audience: defaults.audience, rules: defaults.rules };
  const options = OptionReader.read(given, '', NAMES, DECIDED);
  return {
    issuers: readIssuers(options),
    audience: readAudience(options) ?? defaults.audience,
    rules: resolveRules(options, defaults.rules),
  };
}

function readIssuers(options: OptionReader): readonly string[] | undefined {
  const value = options.get('issuer');
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '') return [value];
  const isText = (member: unknown): member is string => typeof member === 'string' && member !== '';
  const takes = 'an issuer or a list of issuers';
  const list = Array.isArray(value) ? options.list('issuer', isText, takes) : undefined;
  if (list && list.length > 0) return list;
  throw options.invalid('issuer', takes);
}
