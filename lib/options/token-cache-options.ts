import { DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';

/**
 * How verified tokens are kept.
 *
 * @publicApi
 */
export interface JwksTokenCacheOptions {
  /**
   * The largest number of remembered tokens. Beyond it, the least recently used one is forgotten. A whole number from 1 to 1,000,000.
   *
   * @default 10_000
   */
  max?: number;
  /**
   * The most memory that remembered tokens take together, in bytes, estimated from the structure of
   * their claims. Beyond it, the least recently used ones are forgotten. A whole number from 1.
   *
   * @default 33_554_432
   */
  maxBytes?: number;
  /**
   * The longest token that is remembered, in characters. Longer ones are verified each time. A whole
   * number from 1.
   *
   * @default 4_096
   */
  maxTokenLength?: number;
}

/** `false`: none are kept. @internal */
export type ResolvedTokenCache = Required<Readonly<JwksTokenCacheOptions>> | false;

const MOST_TOKENS = 1_000_000;

/** @internal */
export function resolveTokenCache(parent: OptionReader): ResolvedTokenCache {
  if (parent.get('tokenCache') === false) return false;
  const options = parent.section('tokenCache', Object.keys(DEFAULTS.tokenCache));
  const { max, maxBytes, maxTokenLength } = DEFAULTS.tokenCache;
  return {
    max: options.integer('max', max, 1, MOST_TOKENS),
    maxBytes: options.integer('maxBytes', maxBytes, 1),
    maxTokenLength: options.integer('maxTokenLength', maxTokenLength, 1),
  };
}
