import { createHash, X509Certificate } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidJwkSetError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testCertificates } from '../support/certificates.js';
import { testKey } from '../support/keys.js';

let rsa: JWK;
let otherRsa: JWK;
let ec: JWK;
let okp: JWK;

beforeAll(async () => {
  rsa = (await testKey('RS256', 'rsa')).jwk;
  otherRsa = (await testKey('RS256', 'rsa-2')).jwk;
  ec = (await testKey('ES256', 'ec')).jwk;
  okp = (await testKey('EdDSA', 'okp')).jwk;
});

const parse = (...keys: unknown[]) => JwkSet.parse({ keys });

function errorResponseOf(document: unknown): InvalidJwkSetError {
  try {
    JwkSet.parse(document);
  } catch (error) {
    if (error instanceof InvalidJwkSetError) return error;
    throw error;
  }
  throw new Error('The set was accepted');
}

describe('JwkSet.parse', () => {
  it('accepts a set and keeps its order', () => {
    const set = parse(rsa, ec, okp);
    expect([...set].map(({ kid }) => kid)).toEqual(['rsa', 'ec', 'okp']);
    expect(set.size).toBe(3);
    expect(set.dropped).toEqual([]);
  });

  it.each([
    [null, 'The JWK Set is not a JSON object'],
    [undefined, 'The JWK Set is not a JSON object'],
    ['<html>', 'The JWK Set is not a JSON object'],
    [42, 'The JWK Set is not a JSON object'],
    [[], 'The JWK Set has no array of "keys"'],
    [{}, 'The JWK Set has no array of "keys"'],
    [{ keys: null }, 'The JWK Set has no array of "keys"'],
    [{ keys: {} }, 'The JWK Set has no array of "keys"'],
    [{ keys: 'rsa' }, 'The JWK Set has no array of "keys"'],
    [{ keys: { length: 1, 0: {} } }, 'The JWK Set has no array of "keys"'],
    [{ Keys: [] }, 'The JWK Set has no array of "keys"'],
    [Object.create({ keys: [] }), 'The JWK Set has no array of "keys"'],
  ])('rejects %j, a fault that a stale set may bridge', (document, message) => {
    expect(errorResponseOf(document)).toMatchObject({ message, allowsStale: true, retryable: false, failsOver: true });
  });

  it.each([
    [[], 'The JWK Set is empty'],
    [[null], 'The JWK Set has no usable key: a key is not a JSON object'],
    [[{ kty: 'oct', k: 'c2VjcmV0', kid: 'a\n' }], 'The JWK Set has no usable key: "a\\u000a" has private members (k)'],
    [[{}, {}, {}, {}, 1], 'a key lacks a key type ("kty"); and 2 more'],
  ])('rejects the keys %j, a fault that no stale set bridges', (keys, message) => {
    const error = errorResponseOf({ keys });
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ allowsStale: false, retryable: false, failsOver: true });
  });

  it('G5: accepts 1,000 entries and rejects 1,001', () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => ({ ...rsa, kid: `k${index}` }));
    expect(JwkSet.parse({ keys }).size).toBe(1_000);
    keys.push(keys[0] as (typeof keys)[0]);
    expect(errorResponseOf({ keys })).toMatchObject({
      message: 'The JWK Set has 1001 keys, more than 1000',
      allowsStale: true,
    });
  });

  it('G5: reads no entry of a list that is too long', () => {
    let looks = 0;
    const keys = Array.from({ length: 1_001 }, () => rsa);
    Object.defineProperty(keys, 0, { get: () => (looks += 1) });
    expect(errorResponseOf({ keys }).message).toBe('The JWK Set has 1001 keys, more than 1000');
    expect(looks).toBe(0);
  });

  it('R17: drops one bad entry of each kind beside a good key', async () => {
    const { privateJwk } = await testKey('ES256', 'private');
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    const bad: [unknown, RegExp][] = [
      [null, /not a JSON object/],
      ['key', /not a JSON object/],
      [[rsa], /not a JSON object/],
      [{ kty: 'LWE' }, /unknown key type/],
      [{ kty: 'RSA', e: 'AQAB' }, /lacks the member "n"/],
      [{ ...rsa, n: `${rsa.n}.` }, /"n"/],
      [{ ...rsa, n: 'AQAB' }, /17 bits/],
      [{ ...rsa, e: 'Aw' }, /exponent under/],
      [{ ...ec, y: ec.x }, /not on its curve/],
      [{ ...okp, x: Buffer.alloc(32).toString('base64url') }, /low order/],
      [{ ...rsa, use: 'enc' }, /use "enc"/],
      [{ ...rsa, key_ops: [] }, /without "verify"/],
      [{ ...rsa, alg: 'RSA-OAEP' }, /algorithm "RSA-OAEP"/],
      [{ ...rsa, kid: 7 }, /"kid"/],
      [{ ...rsa, deep }, /levels deep/],
      [{ kty: 'oct', k: 'c2VjcmV0' }, /has private members/],
      [privateJwk, /has private members/],
    ];
    const set = parse(...bad.map(([entry]) => entry), ec);
    expect([...set].map(({ kid }) => kid)).toEqual(['ec']);
    expect(set.dropped).toHaveLength(bad.length);
    set.dropped.forEach(({ reason }, index) => expect(reason).toMatch((bad[index] as [unknown, RegExp])[1]));
    expect(set.dropped.at(-1)?.kid).toBe('private');
  });

  it('says that certificates by kid are no JWK Set', () => {
    expect(() => JwkSet.parse({ a: '-----BEGIN CERTIFICATE-----\nMII' })).toThrow(/certificates by kid/);
    expect(() => JwkSet.parse({ a: 'x' })).toThrow(/no array of "keys"$/);
  });

  it('takes a key that is listed twice for one key', () => {
    const set = parse(rsa, { ...rsa }, { ...rsa, x5c: ['MII'] }, { ...rsa, key_ops: ['verify'] });
    expect(set.size).toBe(1);
    expect(set.dropped).toEqual([]);
    expect(set.select({ kid: 'rsa', alg: 'RS256' })?.jwk).toEqual(rsa);
  });

  it('takes keys for different ones that differ in kid, algorithm, use or material', () => {
    expect(parse(rsa, { ...rsa, kid: 'again' }, { ...rsa, kid: undefined }).size).toBe(3);
    expect(parse(rsa, { ...rsa, alg: 'PS256' }, { ...rsa, use: undefined }, { ...otherRsa, kid: 'rsa' }).size).toBe(4);
  });

  it('reads a document that does not want to be read as one that is invalid', () => {
    const document = {
      get keys(): unknown {
        throw new Error('boom');
      },
    };
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    const endless = new Proxy([], { get: (_, name) => (name === 'length' ? Number.NaN : undefined) });
    for (const hostile of [document, proxy, { keys: proxy }])
      expect(errorResponseOf(hostile).code).toBe('jwks_invalid');
    expect(errorResponseOf({ keys: endless }).code).toBe('jwks_invalid');
    expect(errorResponseOf({ keys: Array(3) }).message).toContain('a key is not a JSON object');
  });

  it('validates 1,000 keys of any kind', async () => {
    const { jwk: p521 } = await testKey('ES512');
    for (const jwk of [rsa, p521, okp]) {
      const keys = Array.from({ length: 1_000 }, (_, index) => ({ ...jwk, kid: `k${index}` }));
      expect(JwkSet.parse({ keys }).size).toBe(1_000);
    }
  });

  it('makes a value', () => {
    const set = parse(rsa, null);
    for (const part of [set, set.dropped, set.dropped[0]]) expect(Object.isFrozen(part)).toBe(true);
  });
});

describe('JwkSet.get', () => {
  it('finds the first key of a kid', () => {
    const set = parse(ec, rsa, { ...ec, kid: 'rsa' });
    expect(set.get('rsa')?.kty).toBe('RSA');
    expect(set.get('ec')?.kty).toBe('EC');
  });

  it.each(['', 'RSA', 'rsa ', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '../../dev/null'])(
    'finds no key that is not there: %j',
    (kid) => {
      const set = parse(rsa, { ...ec, kid: undefined });
      expect(set.get(kid)).toBeUndefined();
      expect(set.select({ kid, alg: 'RS256' })).toBeUndefined();
    },
  );

  it('finds no key without kid for a caller who has none', () => {
    const { kid: _, ...withoutKid } = rsa;
    expect(parse(withoutKid).get(undefined as never)).toBeUndefined();
  });

  it('finds a key whose kid is the name of a property of every object', () => {
    const set = parse({ ...rsa, kid: '__proto__' }, { ...ec, kid: 'constructor' });
    expect(set.get('__proto__')?.kty).toBe('RSA');
    expect(set.select({ kid: 'constructor', alg: 'ES256' })?.kty).toBe('EC');
    expect(({} as { kty?: string }).kty).toBeUndefined();
  });
});

describe('JwkSet.select', () => {
  it('takes kid and alg together', () => {
    const set = parse(rsa, ec);
    expect(set.select({ kid: 'rsa', alg: 'RS256' })).toBe(set.get('rsa'));
    expect(set.select({ kid: 'rsa', alg: 'PS256' })).toBeUndefined();
    expect(set.select({ kid: 'rsa', alg: 'ES256' })).toBeUndefined();
    expect(set.select({ kid: 'other', alg: 'RS256' })).toBeUndefined();
  });

  it('reports namesakes apart by the algorithm', () => {
    const set = parse({ ...ec, kid: 'same' }, { ...rsa, kid: 'same' });
    expect(set.select({ kid: 'same', alg: 'RS256' })?.kty).toBe('RSA');
    expect(set.select({ kid: 'same', alg: 'ES256' })?.kty).toBe('EC');
  });

  it('B7: takes none of several namesakes that fit', () => {
    const set = parse({ ...rsa, kid: 'same' }, { ...otherRsa, kid: 'same' });
    expect(set.select({ kid: 'same', alg: 'RS256' })).toBeUndefined();
  });

  it('takes the only key that fits where the header has no kid', () => {
    const set = parse(rsa, ec, { ...okp, kid: undefined });
    expect(set.select({ alg: 'RS256' })?.kid).toBe('rsa');
    expect(set.select({ kid: undefined, alg: 'EdDSA' })?.kty).toBe('OKP');
    expect(set.select({ alg: 'ES384' })).toBeUndefined();
  });

  it('takes none of several keys that fit where the header has no kid', () => {
    expect(parse(rsa, otherRsa).select({ alg: 'RS256' })).toBeUndefined();
  });

  describe('by the thumbprint of a certificate', async () => {
    const { server } = await testCertificates();
    const certificate = new X509Certificate(server.cert).raw;
    const thumbprint = (hash: string, der: Buffer) => createHash(hash).update(der).digest('base64url');
    const x5c = [certificate.toString('base64')];
    const [sha1, sha256] = [thumbprint('sha1', certificate), thumbprint('sha256', certificate)];
    const stranger = thumbprint('sha256', Buffer.from('another one'));

    it.each([
      ['published as x5t', { x5t: sha1 }, { x5t: sha1 }],
      ['published as x5t#S256', { 'x5t#S256': sha256 }, { 'x5t#S256': sha256 }],
      ['of the certificate in x5c, as x5t', { x5c }, { x5t: sha1 }],
      ['of the certificate in x5c, as x5t#S256', { x5c }, { 'x5t#S256': sha256 }],
    ])('%s, among keys that fit', (_, published, header) => {
      const set = parse(otherRsa, { ...rsa, ...published });
      expect(set.select({ alg: 'RS256', ...header })?.kid).toBe('rsa');
      expect(JwkSet.parse(set.toJSON()).select({ alg: 'RS256', ...header })?.kid).toBe('rsa');
    });

    it('takes a key whose certificate is not known, and none with another certificate', () => {
      expect(parse(otherRsa, { ...rsa, x5c }).select({ alg: 'RS256', 'x5t#S256': stranger })?.kid).toBe(otherRsa.kid);
      expect(parse({ ...rsa, x5c }).select({ alg: 'RS256', 'x5t#S256': stranger })).toBeUndefined();
    });

    it('does not matter beside a kid', () => {
      expect(parse({ ...rsa, x5c }).select({ kid: 'rsa', alg: 'RS256', 'x5t#S256': stranger })?.kid).toBe('rsa');
    });

    it.each([
      ['cut off', [x5c[0]!.slice(0, 400)]],
      ['of other text', ['MII', '']],
      ['that is no list', x5c[0]],
      ['of numbers', [7]],
    ])('has none of an x5c %s', (_, damaged) => {
      expect(parse({ ...rsa, x5c: damaged, x5t: 7, 'x5t#S256': 'AA' }).get('rsa')?.jwk).toEqual(rsa);
    });

    it('is another key where a certificate was renewed', () => {
      const previous = parse(rsa);
      const next = parse({ ...rsa, x5c }).reusing(previous);
      expect(next.get('rsa')?.jwk['x5t#S256']).toBe(sha256);
    });
  });

  it('offers up to four keys to a token without kid', () => {
    const keys = ['a', 'b', 'c', 'd', 'e'].map((kid) => ({ ...rsa, kid }));
    expect(parse(...keys.slice(0, 4)).candidates({ alg: 'RS256' })).toHaveLength(4);
    expect(parse(...keys).candidates({ alg: 'RS256' })).toEqual([]);
    expect(parse(...keys).candidates({ kid: 'b', alg: 'RS256' })).toHaveLength(1);
  });

  it('B4, B9: never takes an empty kid for an absent one, nor a key without kid for any kid', () => {
    const set = parse({ ...rsa, kid: undefined });
    expect(set.select({ kid: '', alg: 'RS256' })).toBeUndefined();
    expect(set.select({ kid: 'undefined', alg: 'RS256' })).toBeUndefined();
    expect(set.select({ alg: 'RS256' })).toBeDefined();
  });
});

describe('JwkSet.toJSON', () => {
  it('is a JWK Set that gives the same set again, and that the caller may change', () => {
    const set = parse(rsa, null, { ...ec, key_ops: ['verify'], x5t: 'AA' });
    const document = set.toJSON();
    expect(document).toEqual({ keys: [rsa, { ...ec, key_ops: ['verify'] }] });
    expect(JSON.parse(JSON.stringify(set))).toEqual(document);
    expect(set.changesSince(JwkSet.parse(document))).toEqual({ added: [], removed: [] });
    document.keys[1]?.key_ops?.push('sign');
    (document.keys[0] as JWK).kid = 'changed';
    expect(set.toJSON()).toEqual({ keys: [rsa, { ...ec, key_ops: ['verify'] }] });
  });
});

describe('JwkSet.reusing', () => {
  it('is the previous set where nothing differs', () => {
    const previous = parse(rsa, ec, null);
    expect(parse({ ...rsa, x5c: [] }, ec, null).reusing(previous)).toBe(previous);
  });

  it('keeps the object of a key that is still there', () => {
    const previous = parse(rsa, ec);
    const next = parse(okp, ec, rsa).reusing(previous);
    expect(next.get('rsa')).toBe(previous.get('rsa'));
    expect(next.get('ec')).toBe(previous.get('ec'));
    expect([...next].map(({ kid }) => kid)).toEqual(['okp', 'ec', 'rsa']);
    expect(next.select({ alg: 'ES256' })).toBe(previous.get('ec'));
  });

  it('keeps no object under whose kid there is another key, algorithm or use', () => {
    const previous = parse(rsa);
    for (const changed of [
      { ...otherRsa, kid: 'rsa' },
      { ...rsa, alg: 'PS256' },
      { ...rsa, use: undefined },
    ]) {
      const next = parse(changed).reusing(previous);
      expect(next).not.toBe(previous);
      expect(next.get('rsa')).not.toBe(previous.get('rsa'));
    }
  });

  it('is a set of its own where a key is gone, even the last one', () => {
    const previous = parse(rsa, ec);
    expect([...parse(rsa).reusing(previous)]).toEqual([previous.get('rsa')]);
  });

  it('is a set of its own where the order or the dropped entries differ', () => {
    const previous = parse(rsa, ec);
    const turned = parse(ec, rsa).reusing(previous);
    expect(turned).not.toBe(previous);
    const leaked = parse(rsa, ec, { kty: 'oct', k: 'AA' }).reusing(previous);
    expect(leaked).not.toBe(previous);
    expect(leaked.dropped).toHaveLength(1);
    expect([...leaked]).toEqual([...previous]);
    expect(leaked.changesSince(previous)).toEqual({ added: [], removed: [] });
  });
});

describe('JwkSet.changesSince', () => {
  it('names kids that came and went', () => {
    expect(parse(ec, okp).changesSince(parse(rsa, ec))).toEqual({ added: ['okp'], removed: ['rsa'] });
  });

  it('counts a kid with another key as gone and come', () => {
    const changes = parse({ ...otherRsa, kid: 'rsa' }).changesSince(parse(rsa));
    expect(changes).toEqual({ added: ['rsa'], removed: ['rsa'] });
  });

  it('names a kid once, however many keys had it', () => {
    const previous = parse(ec, { ...rsa, kid: 'same' }, { ...okp, kid: 'same' });
    expect(parse(ec).changesSince(previous)).toEqual({ added: [], removed: ['same'] });
  });

  it('names a key without kid by its thumbprint (RFC 7638)', async () => {
    for (const jwk of [rsa, ec, okp]) {
      const thumbprint = await calculateJwkThumbprint(jwk);
      const changes = parse({ ...jwk, kid: undefined }).changesSince(parse(jwk));
      expect(changes).toEqual({ added: [thumbprint], removed: [jwk.kid] });
    }
  });
});
