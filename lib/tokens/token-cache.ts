import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { privateSlot } from '../core/private-slot.js';
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

/** A known token that a connection has brought, as it came. */
interface Familiar {
  readonly token: string;
  readonly digest: string;
}

const familiar = privateSlot<Familiar>();

/**
 * Tokens that were verified, by the SHA-256 of their whole text, which is not kept. It answers with
 * what was found once and decides nothing: key, times and rules are judged again at each use.
 *
 * Hashing is most of what a known token costs. Clients bring the same one over and over, so that
 * with a connection the last of its known tokens is kept, text and all, for as long as the
 * connection is there.
 *
 * @internal
 */
export class TokenCache {
  private tokens: LRUCache<string, SeenToken> | undefined;

  constructor(private readonly settings: TokenCacheSettings) {}

  /** What a token is kept under; `undefined` where no token of that kind is ever kept. */
  static digest(token: unknown, connection?: object): string | undefined {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return undefined;
    const last = connection && familiar.of(connection);
    return last?.token === token ? last.digest : hash('sha256', token);
  }

  get(digest: string): SeenToken | undefined {
    return this.tokens?.get(digest);
  }

  set(digest: string, seen: SeenToken): void {
    // Made on first use: it takes room for all of its entries at once.
    this.tokens ??= new LRUCache({ max: this.settings.max });
    this.tokens.set(digest, seen);
  }

  /**
   * Spares the connection that has brought a known token the hashing, should it bring the same one
   * next.
   */
  static remember(token: string, digest: string, connection: object): void {
    if (familiar.of(connection)?.digest !== digest) familiar.fill(connection, { token, digest });
  }
}
