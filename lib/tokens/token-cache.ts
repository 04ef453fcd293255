import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenRules } from './claims.js';
import type { CompactJwt } from './compact-jwt.js';
import type { VerifiedToken } from './verified-token.js';

/** @internal */
export interface TokenCacheSettings {
  /** The largest number of tokens. Beyond it, the least recently used one goes. */
  readonly max: number;
  /** The most memory that they take together, in bytes, as far as their structure tells. */
  readonly maxBytes: number;
  /** Longer tokens, in characters, are not kept. */
  readonly maxTokenLength: number;
}

/**
 * A token that was verified: its signature is good under `verified.key`, its claims are good by
 * `rules`.
 *
 * @internal
 */
export interface SeenToken {
  readonly selector: CompactJwt['selector'];
  readonly verified: VerifiedToken;
  readonly rules: TokenRules;
}

/** What an entry takes besides its claims, in bytes. */
const ENTRY_SIZE = 700;

/**
 * Tokens that were verified, by the SHA-256 of their whole text, which is not kept. It returns what
 * was found once and decides nothing: key, times and rules are checked again at each use. Bounded by
 * number and by memory: the signer of tokens chooses the shape of their claims.
 *
 * @internal
 */
export class TokenCache {
  private tokens: LRUCache<string, SeenToken> | undefined;

  constructor(private readonly settings: TokenCacheSettings) {}

  /** The key of a token; `undefined` for a token that is never kept. */
  digest(token: unknown): string | undefined {
    if (typeof token !== 'string' || token.length > this.settings.maxTokenLength) return undefined;
    return hash('sha256', token);
  }

  get(digest: string): SeenToken | undefined {
    return this.tokens?.get(digest);
  }

  set(digest: string, seen: SeenToken): void {
    const { max, maxBytes } = this.settings;
    // Made on first use: it takes memory for all of its entries at once.
    this.tokens ??= new LRUCache({ max, maxSize: maxBytes, maxEntrySize: maxBytes });
    this.tokens.set(digest, seen, { size: ENTRY_SIZE + sizeOf(seen.verified.claims) });
  }
}

/**
 * Roughly what a parsed value takes on V8's heap, in bytes; rather more than less. Claims are nested
 * no deeper than the parser allows.
 */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 24 + value.length * 2;
  if (typeof value !== 'object' || value === null) return 16;
  let size = 80;
  if (Array.isArray(value)) for (const element of value) size += 8 + sizeOf(element);
  else for (const [name, member] of Object.entries(value)) size += 40 + name.length * 2 + sizeOf(member);
  return size;
}
