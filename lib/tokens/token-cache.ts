import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenRules } from './claims.js';
import type { CompactJwt } from './compact-jwt.js';
import type { JsonObject } from './json-object.js';
import type { VerifiedToken } from './verified-token.js';

/** @internal */
export interface TokenCacheSettings {
  /** The largest number of tokens. Beyond it, the least recently used one goes. */
  readonly max: number;
  /** The most memory that they take together, in bytes, as far as their structure tells. */
  readonly maxBytes: number;
  /** Longer tokens, in characters, are not kept. */
  readonly maxTokenLength: number;
  /** No issuer takes more than half where there are several. */
  readonly severalIssuers: boolean;
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
  private readonly shares = new Map<string | undefined, Share>();

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
    // Made on first use: it takes memory for all of its entries at once.
    this.tokens ??= this.makeTokens();
    const size = ENTRY_SIZE + sizeOf(seen.verified.claims);
    if (size > this.settings.maxBytes) return;
    if (this.settings.severalIssuers) this.makeRoom(this.tokens, digest, seen.verified.issuer, size);
    this.tokens.set(digest, seen, { size });
  }

  private makeTokens(): LRUCache<string, SeenToken> {
    const { max, maxBytes, severalIssuers } = this.settings;
    const dispose = ({ verified }: SeenToken, digest: string) => this.giveBack(verified.issuer, digest);
    return new LRUCache({ max, maxSize: maxBytes, ...(severalIssuers && { dispose }) });
  }

  /** Forgets the first tokens of an issuer that would take more than its half. */
  private makeRoom(
    tokens: LRUCache<string, SeenToken>,
    digest: string,
    issuer: string | undefined,
    size: number,
  ): void {
    const { max, maxBytes } = this.settings;
    tokens.delete(digest);
    const share = this.shares.get(issuer) ?? { bytes: 0, sizes: new Map<string, number>() };
    for (const first of share.sizes.keys()) {
      if (share.sizes.size < max / 2 && share.bytes + size <= maxBytes / 2) break;
      tokens.delete(first);
    }
    share.sizes.set(digest, size);
    share.bytes += size;
    this.shares.set(issuer, share);
  }

  private giveBack(issuer: string | undefined, digest: string): void {
    const share = this.shares.get(issuer);
    const size = share?.sizes.get(digest);
    if (!share || size === undefined) return;
    share.bytes -= size;
    share.sizes.delete(digest);
    if (share.sizes.size === 0) this.shares.delete(issuer);
  }
}

/** The tokens of one issuer with their sizes, in the order of their verification. */
interface Share {
  bytes: number;
  readonly sizes: Map<string, number>;
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
  else for (const name of Object.keys(value)) size += 40 + name.length * 2 + sizeOf((value as JsonObject)[name]);
  return size;
}
