import { isLoopbackHost } from '../sources/address-guard.js';
import { describe } from './describe.js';

/** @internal */
export interface UrlRules {
  /** http anywhere, not on loopback alone. */
  readonly allowInsecure: boolean;
}

/**
 * Why a value is no URL to fetch keys from; `undefined` where it is one. What comes back follows
 * the name of the option in a sentence, and repeats neither credentials nor a query.
 *
 * @internal
 */
export function urlFault(value: unknown, rules: UrlRules): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    return `takes a URL, not ${describe(value, typeof value === 'string' && value.includes('@'))}`;
  }
  const url = new URL(value);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `takes an https URL, not one of "${url.protocol}"`;
  if (url.username !== '' || url.password !== '') return 'takes a URL without credentials: send them by "http.headers"';
  // RFC 8414 section 2: and a fragment never reaches a server.
  if (value.includes('#')) return 'takes a URL without a fragment';
  if (url.protocol === 'http:' && !rules.allowInsecure && !isLoopbackHost(url.hostname)) {
    return `takes an https URL; http on ${url.hostname} needs allowInsecure: true, and lets an attacker on the network replace the keys`;
  }
  return undefined;
}
