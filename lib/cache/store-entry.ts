import { createHash } from 'node:crypto';
import type { JWK } from 'jose';
import { JwkSet } from '../keys/jwk-set.js';
import type { Validators } from '../sources/jwk-set-source.js';
import type { WallTimes } from './lifetime.js';
import { seal, unseal } from './seal.js';

/** Part of every key: entries of another form are not even found. */
const ENTRY_VERSION = 2;

/** How far another process's clock may be ahead of ours, in milliseconds. @internal */
export const MAX_SKEW = 5_000;

/**
 * What an `ETag` or `Last-Modified` may look like (RFC 9110 section 5.5): it goes into a request
 * header.
 */
const HEADER_VALUE = /^[\x20-\x7e]{1,1000}$/;

/** Whose set it is. Two that differ in any of this never meet. @internal */
export interface EntryOwner {
  /** `false`: none is configured, which is not the issuer named "false". */
  readonly issuer: string | false;
  /** The configured place, not the one that answered. */
  readonly uri: string;
  /**
   * Entries carry an HMAC under the first of these secrets, and those without a right one under any
   * of them are not used. None: everything is used.
   */
  readonly integrityKeys: readonly string[];
}

/** What processes share of a set, parsed. Times are on the wall clock. @internal */
export interface StoreEntry extends WallTimes, Validators {
  readonly set: JwkSet;
  /** The `origin` of the source's answer. */
  readonly origin: string;
}

/** What the JSON of an entry holds; public keys only. @internal */
export interface StoredEntry extends WallTimes, Validators {
  readonly version: number;
  readonly jwks: { keys: JWK[] };
  readonly source: { readonly issuer: string | false; readonly uri: string; readonly origin: string };
}

/** Why something in the store is not used. @internal */
export interface UnusableEntry {
  readonly reason: string;
  readonly tampered: boolean;
}

/**
 * The store's key: a hash of an unambiguous form, so that no issuer or URI can be chosen to collide
 * with another's.
 *
 * @internal
 */
export function entryKey(prefix: string, { issuer, uri }: Pick<EntryOwner, 'issuer' | 'uri'>): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([issuer, uri]))
    .digest('base64url');
  return `${prefix}v${ENTRY_VERSION}:${hash}`;
}

/** The text of an entry for the place `key`. @internal */
export function serializeEntry(entry: StoreEntry, owner: EntryOwner, key: string): string {
  const stored: StoredEntry = {
    version: ENTRY_VERSION,
    jwks: entry.set.toJSON(),
    fetchedAt: entry.fetchedAt,
    freshUntil: entry.freshUntil,
    staleUntil: entry.staleUntil,
    ...(entry.etag !== undefined && { etag: entry.etag }),
    ...(entry.lastModified !== undefined && { lastModified: entry.lastModified }),
    source: { issuer: owner.issuer, uri: owner.uri, origin: entry.origin },
  };
  return seal(JSON.stringify(stored), `entry ${key}`, owner.integrityKeys);
}

/** @internal */
export interface ReadConditions {
  readonly owner: EntryOwner;
  readonly key: string;
  /** Longer entries are not looked at: reading them would hold up the event loop. */
  readonly maxLength: number;
  readonly now: number;
  readonly newerThan: number;
}

/**
 * Parses a store entry as if it came from the network: its length first, then its HMAC, and its
 * content only after that. `undefined`: a good one, not newer than `newerThan`.
 *
 * @internal
 */
export function parseEntry(value: unknown, conditions: ReadConditions): StoreEntry | UnusableEntry | undefined {
  const { owner, key, maxLength, now, newerThan } = conditions;
  if (typeof value !== 'string') return { reason: 'The entry is not a text', tampered: false };
  if (value.length > maxLength)
    return { reason: `The entry has ${value.length} characters, more than ${maxLength}`, tampered: false };
  const text = unseal(value, `entry ${key}`, owner.integrityKeys);
  if (text === undefined)
    return { reason: 'The HMAC of the entry is missing or wrong', tampered: owner.integrityKeys.length > 0 };
  try {
    const stored: unknown = JSON.parse(text);
    const fault = formFault(stored, owner, now);
    if (fault !== undefined) return { reason: fault, tampered: false };
    return (stored as StoredEntry).fetchedAt <= newerThan ? undefined : toEntry(stored as StoredEntry);
  } catch {
    return { reason: 'The entry holds no usable JWK Set', tampered: false };
  }
}

function toEntry({ jwks, fetchedAt, freshUntil, staleUntil, etag, lastModified, source }: StoredEntry): StoreEntry {
  return {
    set: JwkSet.parse(jwks),
    origin: source.origin,
    fetchedAt,
    freshUntil,
    staleUntil,
    ...(isHeaderValue(etag) && { etag }),
    ...(isHeaderValue(lastModified) && { lastModified }),
  };
}

function formFault(value: unknown, owner: EntryOwner, now: number): string | undefined {
  if (typeof value !== 'object' || value === null) return 'The entry is not an object';
  const { version, fetchedAt, freshUntil, staleUntil, source } = value as Partial<StoredEntry>;
  if (version !== ENTRY_VERSION) return 'The entry has another version';
  if (!isTime(fetchedAt) || !isTime(freshUntil) || !isTime(staleUntil)) return 'The times of the entry are not numbers';
  if (fetchedAt > now + MAX_SKEW) return 'The entry comes from the future';
  if (freshUntil < fetchedAt || staleUntil < freshUntil) return 'The times of the entry are out of order';
  if (typeof source?.origin !== 'string') return 'The entry does not say where it comes from';
  const isOwn = source.issuer === owner.issuer && source.uri === owner.uri;
  return isOwn ? undefined : 'The entry belongs to another issuer';
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && HEADER_VALUE.test(value);
}
