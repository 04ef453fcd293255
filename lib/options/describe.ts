import { safeText } from '../core/events.js';

/**
 * What came in place of an option's value, for a message. Text is quoted and cut; of a secret only
 * the kind is named.
 *
 * @internal
 */
export function describe(value: unknown, secret = false): string {
  if (typeof value === 'string') {
    if (value === '') return 'an empty string';
    return secret ? `this text of ${value.length} characters` : `"${safeText(value)}"`;
  }
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return secret ? 'a number' : String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
