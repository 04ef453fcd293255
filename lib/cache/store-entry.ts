import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { JWK } from 'jose';
import { JwkSet } from '../keys/jwk-set.js';
import type { Validators } from '../sources/jwk-set-source.js';
import type { WallTimes } from './lifetime.js';

/** Part of every key: entries of another form are not even found. */
const ENTRY_VERSION = 1;

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
  /** Entries carry an HMAC under this secret, and those without a right one are not used. */
  readonly integrityKey?: string | undefined;
}

/** What processes share of a set, parsed. Times are on the wall clock. @internal */
export interface StoreEntry extends WallTimes, Validators {
  readonly set: JwkSet;
  /** The `origin` of the source's answer. */
  readonly origin: string;
}

/** An entry as it lies in the store: JSON, public keys only. @internal */
export interface StoredEntry extends WallTimes, Validators {
  readonly version: number;
  readonly jwks: { keys: JWK[] };
  readonly source: { readonly issuer: string | false; readonly uri: string; readonly origin: string };
  /** HMAC-SHA-256 of everything else, base64url. */
  readonly mac?: string;
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
export function entryKey(prefix: string, { issuer, uri }: EntryOwner): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([issuer, uri]))
    .digest('base64url');
  return `${prefix}v${ENTRY_VERSION}:${hash}`;
}

/** @internal */
export function serializeEntry(entry: StoreEntry, owner: EntryOwner): StoredEntry {
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
  return owner.integrityKey === undefined ? stored : { ...stored, mac: macOf(stored, owner.integrityKey) };
}

/**
 * Parses a store entry as if it came from the network. `undefined`: a good one, not
 * newer than `newerThan`.
 *
 * @internal
 */
export function parseEntry(
  value: unknown,
  owner: EntryOwner,
  now: number,
  newerThan: number,
): StoreEntry | UnusableEntry | undefined {
  try {
    const fault = formFault(value, owner, now);
    if (fault !== undefined) return { reason: fault, tampered: false };
    const stored = value as StoredEntry;
    if (!hasRightMac(stored, owner)) return { reason: 'The HMAC of the entry is missing or wrong', tampered: true };
    if (stored.fetchedAt <= newerThan) return undefined;
    return toEntry(stored);
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

function hasRightMac(stored: StoredEntry, { integrityKey }: EntryOwner): boolean {
  if (integrityKey === undefined) return true;
  if (typeof stored.mac !== 'string') return false;
  const right = Buffer.from(macOf(stored, integrityKey));
  const found = Buffer.from(stored.mac);
  return found.length === right.length && timingSafeEqual(found, right);
}

/**
 * Over issuer and URI too, in `source`: a good entry copied to another issuer's key stays that of
 * its own.
 */
function macOf({ mac: _, ...signed }: StoredEntry, integrityKey: string): string {
  return createHmac('sha256', integrityKey).update(canonical(signed)).digest('base64url');
}

/** JSON with sorted members: a store may hand back an object with its members in another order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && HEADER_VALUE.test(value);
}
