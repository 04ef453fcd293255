import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  entryKey,
  parseEntry,
  serializeEntry,
  type EntryOwner,
  type StoredEntry,
  type StoreEntry,
} from '../../lib/cache/store-entry.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testKey } from '../support/keys.js';

const now = Date.UTC(2026, 0, 1);
const owner: EntryOwner = { issuer: 'https://id.example.com/', uri: 'https://id.example.com/jwks' };
const guarded: EntryOwner = { ...owner, integrityKey: 'a secret' };
const never = Number.NEGATIVE_INFINITY;
let entry: StoreEntry;
let stored: StoredEntry;

beforeAll(async () => {
  const set = JwkSet.parse({ keys: [(await testKey('ES256', 'a')).privateJwk, (await testKey('ES256', 'b')).jwk] });
  entry = {
    set,
    origin: 'https://cdn.example.com/jwks',
    fetchedAt: now - 60_000,
    freshUntil: now + 540_000,
    staleUntil: now + 900_000,
    etag: '"1"',
    lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT',
  };
  stored = serializeEntry(entry, owner);
});

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('entryKey', () => {
  it('is prefix, version and a hash', () => {
    expect(entryKey('jwks:', owner)).toMatch(/^jwks:v1:[\w-]{43}$/);
  });

  it('differs for issuer and URI that spell the same when joined', () => {
    const keys = [
      { issuer: 'https://a', uri: 'b' },
      { issuer: 'https://a","b', uri: '' },
      { issuer: 'https://', uri: 'ab' },
      { issuer: '', uri: 'https://ab' },
      { issuer: false as const, uri: 'b' },
      { issuer: 'false', uri: 'b' },
    ].map((other) => entryKey('jwks:', other));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is the same for the same owner only', () => {
    const owners = fc.record({ issuer: fc.oneof(fc.string(), fc.constant(false as const)), uri: fc.string() });
    fc.assert(
      fc.property(owners, owners, (one, other) => {
        const isSame = one.issuer === other.issuer && one.uri === other.uri;
        expect(entryKey('p', one) === entryKey('p', other)).toBe(isSame);
      }),
    );
  });
});

describe('a stored entry', () => {
  it('has the members of the design, and public keys only', () => {
    expect(Object.keys(stored).toSorted()).toEqual(
      ['version', 'jwks', 'fetchedAt', 'freshUntil', 'staleUntil', 'etag', 'lastModified', 'source'].toSorted(),
    );
    expect(stored.jwks.keys.map((key) => key.kid)).toEqual(['b']);
    expect(JSON.stringify(stored)).not.toContain('"d"');
    expect(throughJson(stored)).toEqual(stored);
  });

  it('comes back as it went', () => {
    const { set, ...rest } = parseEntry(throughJson(stored), owner, now, never) as StoreEntry;
    expect(rest).toEqual({ ...entry, set: undefined });
    expect(set.toJSON()).toEqual(entry.set.toJSON());
  });

  it('is not looked at further where it is not newer', () => {
    expect(parseEntry(stored, owner, now, entry.fetchedAt)).toBeUndefined();
    expect(parseEntry(stored, owner, now, entry.fetchedAt - 1)).toHaveProperty('set');
  });

  it.each<[string, (value: StoredEntry) => unknown, string]>([
    ['null', () => null, 'not an object'],
    ['text', () => 'junk', 'not an object'],
    ['a number', () => 1, 'not an object'],
    ['a list', () => [], 'another version'],
    ['an empty object', () => ({}), 'another version'],
    ['another version', (value) => ({ ...value, version: 2 }), 'another version'],
    ['times as text', (value) => ({ ...value, fetchedAt: '1' }), 'not numbers'],
    ['an infinite time', (value) => ({ ...value, staleUntil: Number.POSITIVE_INFINITY }), 'not numbers'],
    ['no time', (value) => ({ ...value, freshUntil: undefined }), 'not numbers'],
    ['times out of order', (value) => ({ ...value, freshUntil: value.fetchedAt - 1 }), 'out of order'],
    ['a stale end before its fresh one', (value) => ({ ...value, staleUntil: value.freshUntil - 1 }), 'out of order'],
    ['a time in the future', (value) => ({ ...value, fetchedAt: now + 5_001 }), 'future'],
    ['no source', (value) => ({ ...value, source: undefined }), 'where it comes from'],
    [
      'another issuer',
      (value) => ({ ...value, source: { ...value.source, issuer: 'https://evil/' } }),
      'another issuer',
    ],
    ['another URI', (value) => ({ ...value, source: { ...value.source, uri: 'https://evil/' } }), 'another issuer'],
    ['no set', (value) => ({ ...value, jwks: undefined }), 'no usable JWK Set'],
    ['a set of junk', (value) => ({ ...value, jwks: { keys: [null, 1] } }), 'no usable JWK Set'],
    ['an empty set', (value) => ({ ...value, jwks: { keys: [] } }), 'no usable JWK Set'],
  ])('is not used with %s', (_, change, reason) => {
    const judged = parseEntry(change(stored), owner, now, never);
    expect(judged).toEqual({ reason: expect.stringContaining(reason), tampered: false });
  });

  it('loses an etag that is no header value, and stays', () => {
    const judged = parseEntry({ ...stored, etag: 'a\r\nb', lastModified: 7 }, owner, now, never);
    expect(judged).toHaveProperty('set');
    expect(judged).not.toHaveProperty('etag');
    expect(judged).not.toHaveProperty('lastModified');
  });

  it('never makes the validate throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (value, member) => {
        expect(() => parseEntry(value, guarded, now, never)).not.toThrow();
        expect(() => parseEntry({ ...stored, jwks: member }, owner, now, never)).not.toThrow();
      }),
    );
  });
});

describe('the HMAC of an entry', () => {
  const tampered = { reason: expect.stringContaining('HMAC'), tampered: true };

  it('is there where a key is, and right whatever the order of members is', () => {
    const signed = serializeEntry(entry, guarded);
    expect(signed.mac).toMatch(/^[\w-]{43}$/);
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([name, member]) => [name, reversed(member)]),
      );
    };
    expect(parseEntry(reversed(signed), guarded, now, never)).toHaveProperty('set');
  });

  it('is missed where there is none, or one of another key', () => {
    expect(parseEntry(stored, guarded, now, never)).toEqual(tampered);
    const other = serializeEntry(entry, { ...owner, integrityKey: 'another secret' });
    expect(parseEntry(other, guarded, now, never)).toEqual(tampered);
    for (const mac of ['', 'short', 1, null]) {
      expect(parseEntry({ ...stored, mac }, guarded, now, never)).toEqual(tampered);
    }
  });

  it('covers everything that is used', async () => {
    const signed = serializeEntry(entry, guarded);
    const planted = { keys: [(await testKey('ES256', 'evil')).jwk] };
    const changes: Partial<StoredEntry>[] = [
      { jwks: planted },
      { jwks: { keys: [...signed.jwks.keys, ...planted.keys] } },
      { fetchedAt: signed.fetchedAt + 1 },
      { freshUntil: signed.freshUntil + 1 },
      { staleUntil: signed.staleUntil + 1 },
      { etag: '"2"' },
      { lastModified: 'x' },
      { source: { ...signed.source, origin: 'https://evil/' } },
    ];
    for (const change of changes) expect(parseEntry({ ...signed, ...change }, guarded, now, never)).toEqual(tampered);
  });

  it('does not vouch for another owner, though the key is the same', () => {
    const other = { ...guarded, uri: 'https://id.example.com/other' };
    const forOther = serializeEntry(entry, other);
    const relabelled = { ...forOther, source: { ...forOther.source, uri: owner.uri } };
    expect(parseEntry(relabelled, guarded, now, never)).toEqual(tampered);
  });
});
