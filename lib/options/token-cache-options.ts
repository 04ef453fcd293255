import { DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';

/**
 * How verified tokens are kept.
 *
 * @publicApi
 */
export interface JwksTokenCacheOptions {
  /**
   * The largest number of remembered tokens, about 1 to 2 kB of memory each. Beyond it, the least
   * recently used one is forgotten. A whole number from 1 to 1,000,000.
   *
   * @default 10_000
   */
  max?: number;
}

/** `false`: none are kept. @internal */
export type ResolvedTokenCache = { readonly max: number } | false;

const MOST_TOKENS = 1_000_000;

/** @internal */
export function resolveTokenCache(parent: OptionReader): ResolvedTokenCache {
  if (parent.get('tokenCache') === false) return false;
  const options = parent.section('tokenCache', ['max'] satisfies (keyof JwksTokenCacheOptions)[]);
  return { max: options.integer('max', DEFAULTS.tokenCache.max, 1, MOST_TOKENS) };
}
