import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenRules } from './claims.js';
import { MAX_TOKEN_LENGTH, type CompactJwt } from './compact-jwt.js';
import type { VerifiedToken } from './verified-token.js';

/** @internal */
export interface TokenCacheSettings {
  /** The most tokens that are kept; beyond it the one that was used least recently goes. */
  readonly max: number;
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

/**
 * Tokens that were verified, by the SHA-256 of their whole text, which is not kept. It returns what
 * was found once and decides nothing: key, times and rules are checked again at each use.
 *
 * @internal
 */
export class TokenCache {
  private tokens: LRUCache<string, SeenToken> | undefined;

  constructor(private readonly settings: TokenCacheSettings) {}

  /** What a token is kept under; `undefined` where no token of that kind is ever kept. */
  static digest(token: unknown): string | undefined {
    return typeof token === 'string' && token.length <= MAX_TOKEN_LENGTH ? hash('sha256', token) : undefined;
  }

  get(digest: string): SeenToken | undefined {
    return this.tokens?.get(digest);
  }

  set(digest: string, seen: SeenToken): void {
    // Made on first use: it takes room for all of its entries at once.
    this.tokens ??= new LRUCache({ max: this.settings.max });
    this.tokens.set(digest, seen);
  }
}
