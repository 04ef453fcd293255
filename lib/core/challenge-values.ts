import { missingUnit, parseDuration } from './clock.js';

const LISTED = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
/** Providers count in seconds: a smaller number is meant in seconds. */
const SECONDS_BELOW = 1_000;

/**
 * Whether a value may stand in a list of a challenge, which is one quoted parameter with spaces between
 * its values: a scope (RFC 6750 section 3), a value of `acr` (RFC 9470 section 3).
 *
 * @internal
 */
export function isChallengeValue(value: unknown): value is string {
  return typeof value === 'string' && LISTED.test(value);
}

/**
 * What is wrong with the description of a login; `undefined`: nothing. A rule that is misspelt must
 * not become no rule, nor one that no login fulfils.
 *
 * @internal
 */
export function stepUpFault(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return TAKES;
  const { acrValues, maxAge, ...others } = value as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) return `${TAKES}; there is no \`${other}\` in it`;
  const hasAge = Object.hasOwn(value, 'maxAge');
  const hasAcr = Object.hasOwn(value, 'acrValues');
  if (hasAcr && !isAcrList(acrValues))
    return 'takes as `acrValues` a list of at least one value: text without spaces, quotes and backslashes';
  if (hasAge) return ageFault(maxAge);
  return hasAcr ? undefined : TAKES;
}

const TAKES = 'takes { acrValues, maxAge }, at least one of them';

function isAcrList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isChallengeValue);
}

function ageFault(value: unknown): string | undefined {
  const unitFault = missingUnit(value, SECONDS_BELOW);
  if (unitFault) return `with this \`maxAge\` ${unitFault}`;
  // In whole seconds, as clients get it (RFC 9470 section 3).
  return parseDuration(value) >= 1_000 ? undefined : "takes as `maxAge` a duration of at least a second, such as '5m'";
}
