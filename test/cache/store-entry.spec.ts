import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  entryKey,
  parseEntry,
  serializeEntry,
  type EntryOwner,
  type StoredEntry,
  type StoreEntry,
  type UnusableEntry,
} from '../../lib/cache/store-entry.js';
import { seal } from '../../lib/cache/seal.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testKey } from '../support/keys.js';

const now = Date.UTC(2026, 0, 1);
const place = { issuer: 'https://id.example.com/', uri: 'https://id.example.com/jwks' };
const owner: EntryOwner = { ...place, integrityKeys: [] };
const guarded: EntryOwner = { ...place, integrityKeys: ['a secret'] };
const KEY = 'jwks:v2:place';
const MAX_LENGTH = 100_000;
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
  stored = JSON.parse(serializeEntry(entry, owner, KEY).slice(1)) as StoredEntry;
});

const parse = (value: unknown, of = owner, newerThan = never, key = KEY): StoreEntry | UnusableEntry | undefined =>
  parseEntry(value, { owner: of, key, maxLength: MAX_LENGTH, now, newerThan });
/** As a store without HMACs holds it. */
const textOf = (value: unknown) => `.${JSON.stringify(value)}`;

describe('entryKey', () => {
  it('is prefix, version and a hash', () => {
    expect(entryKey('jwks:', place)).toMatch(/^jwks:v2:[\w-]{43}$/);
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
  it('is a text with the members of the design, and public keys only', () => {
    expect(Object.keys(stored).toSorted()).toEqual(
      ['version', 'jwks', 'fetchedAt', 'freshUntil', 'staleUntil', 'etag', 'lastModified', 'source'].toSorted(),
    );
    expect(stored.jwks.keys.map((key) => key.kid)).toEqual(['b']);
    expect(serializeEntry(entry, owner, KEY)).not.toContain('"d"');
  });

  it('comes back as it went', () => {
    const { set, ...rest } = parse(serializeEntry(entry, owner, KEY)) as StoreEntry;
    expect(rest).toEqual({ ...entry, set: undefined });
    expect(set.toJSON()).toEqual(entry.set.toJSON());
  });

  it('is not looked at further where it is not newer', () => {
    expect(parse(textOf(stored), owner, entry.fetchedAt)).toBeUndefined();
    expect(parse(textOf(stored), owner, entry.fetchedAt - 1)).toHaveProperty('set');
  });

  it('A9: is rejected by its length before anything else', () => {
    const long = '.'.padEnd(MAX_LENGTH + 1, '{');
    for (const of of [owner, guarded])
      expect(parse(long, of)).toEqual({ reason: expect.stringContaining('more than 100000'), tampered: false });
  });

  it.each([[null], [1], [[]], [{}]])('A9: is not used where it is no text: %j', (value) => {
    expect(parse(value)).toEqual({ reason: 'The entry is not a text', tampered: false });
  });

  it.each<[string, (value: StoredEntry) => unknown, string]>([
    ['null', () => null, 'not an object'],
    ['text in it', () => 'junk', 'not an object'],
    ['a number', () => 1, 'not an object'],
    ['a list', () => [], 'another version'],
    ['an empty object', () => ({}), 'another version'],
    ['another version', (value) => ({ ...value, version: 1 }), 'another version'],
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
    expect(parse(textOf(change(stored)))).toEqual({ reason: expect.stringContaining(reason), tampered: false });
  });

  it('loses an etag that is no header value, and stays', () => {
    const parsed = parse(textOf({ ...stored, etag: 'a\r\nb', lastModified: 7 }));
    expect(parsed).toHaveProperty('set');
    expect(parsed).not.toHaveProperty('etag');
    expect(parsed).not.toHaveProperty('lastModified');
  });

  it('never makes its reader throw, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string()), fc.jsonValue(), (value, member) => {
        for (const of of [owner, guarded]) expect(() => parse(value, of)).not.toThrow();
        expect(() => parse(textOf(member))).not.toThrow();
        expect(() => parse(textOf({ ...stored, jwks: member }))).not.toThrow();
      }),
    );
  });
});

describe('the HMAC of an entry', () => {
  const tampered = { reason: expect.stringContaining('HMAC'), tampered: true };

  it('is there where a key is', () => {
    const signed = serializeEntry(entry, guarded, KEY);
    expect(signed).toMatch(/^[\w-]{43}\.\{/);
    expect(parse(signed, guarded)).toHaveProperty('set');
    expect(parse(signed)).toHaveProperty('set');
  });

  it('is missed where there is none, or one of another key', () => {
    expect(parse(textOf(stored), guarded)).toEqual(tampered);
    expect(parse('no dot', guarded)).toEqual(tampered);
    const other = serializeEntry(entry, { ...owner, integrityKeys: ['another secret'] }, KEY);
    expect(parse(other, guarded)).toEqual(tampered);
    const mac = other.slice(0, 43);
    for (const wrong of ['short', mac, `${mac}${mac}`]) {
      expect(parse(`${wrong}.${JSON.stringify(stored)}`, guarded)).toEqual(tampered);
    }
  });

  it('may be of any key of a list, and is made with the first one', () => {
    const rotating = { ...owner, integrityKeys: ['a new secret', 'a secret'] };
    expect(parse(serializeEntry(entry, guarded, KEY), rotating)).toHaveProperty('set');
    const signed = serializeEntry(entry, rotating, KEY);
    expect(parse(signed, { ...owner, integrityKeys: ['a new secret'] })).toHaveProperty('set');
    expect(parse(signed, guarded)).toEqual(tampered);
  });

  it('covers every character of the text', () => {
    const signed = serializeEntry(entry, guarded, KEY);
    fc.assert(
      fc.property(
        fc.integer({ min: 44, max: signed.length - 1 }),
        fc.string({ minLength: 1, maxLength: 1 }),
        (at, char) => {
          fc.pre(signed[at] !== char);
          expect(parse(signed.slice(0, at) + char + signed.slice(at + 1), guarded)).toEqual(tampered);
        },
      ),
    );
  });

  it('does not hold at another place, though the key is the same', () => {
    expect(parse(serializeEntry(entry, guarded, 'jwks:v2:other'), guarded)).toEqual(tampered);
  });

  it('is not that of a claim, though the key is the same', () => {
    const text = JSON.stringify(stored);
    expect(parse(seal(text, `claim ${KEY}`, guarded.integrityKeys), guarded)).toEqual(tampered);
  });
});
