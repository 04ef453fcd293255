import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { ed25519 } from '@noble/curves/ed25519.js';
import { numberToBytesLE } from '@noble/curves/utils.js';
import type { JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseJwk, type UsableJwk } from '../../lib/keys/jwk.js';
import { testKey } from '../support/keys.js';

const base64url = (octets: Buffer | number[]) => Buffer.from(octets).toString('base64url');

/** An odd number of that many bits, with zero octets in front. */
function modulus(bits: number, zeros = 0): string {
  const octets = Buffer.alloc(Math.ceil(bits / 8), 0xff);
  octets[0] = 0xff >> (octets.length * 8 - bits);
  return base64url(Buffer.concat([Buffer.alloc(zeros), octets]));
}

const ALGS = ['RS256', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const good: Record<string, JWK> = {};
let rsa: JWK;
let ec: JWK;
let okp: JWK;

beforeAll(async () => {
  for (const alg of ALGS) good[alg] = (await testKey(alg)).jwk;
  rsa = good['RS256'] as JWK;
  ec = good['ES256'] as JWK;
  okp = good['Ed25519'] as JWK;
});

const reasonOf = (entry: unknown) => parseJwk(entry).reason;

describe('a usable JWK', () => {
  it.each(ALGS)('is one for %s, with and without its optional members', (alg) => {
    const jwk = good[alg] as JWK;
    expect(parseJwk(jwk)).toHaveProperty('jwk', jwk);
    const { alg: _, use: __, kid: ___, ...bare } = jwk;
    expect(parseJwk(bare)).toHaveProperty('jwk', bare);
    expect((parseJwk(bare) as UsableJwk).algs).toContain(alg);
  });

  it('has the members that were published, and none that is undefined', () => {
    const { alg: _, ...published } = rsa;
    expect((parseJwk(published) as UsableJwk).jwk).toStrictEqual(published);
  });

  it('keeps the members that are known to be public, and no others', () => {
    const judged = parseJwk({
      ...rsa,
      key_ops: ['verify'],
      x5c: ['MII'],
      x5u: 'https://x',
      ext: true,
      note: 'hello',
      y: 'AA',
    });
    expect(judged).toHaveProperty('jwk', { ...rsa, key_ops: ['verify'] });
  });

  it('is frozen, its list of operations too', () => {
    const operations = ['verify'];
    const { jwk } = parseJwk({ ...rsa, key_ops: operations }) as { jwk: JWK };
    operations.push('encrypt');
    expect(Object.isFrozen(jwk)).toBe(true);
    expect(Object.isFrozen(jwk.key_ops)).toBe(true);
    expect(jwk.key_ops).toEqual(['verify']);
  });

  it('may have operations of its own beside verify', () => {
    expect(reasonOf({ ...rsa, key_ops: ['sign', 'verify', 'notarize'] })).toBeUndefined();
    const { use: _, ...withoutUse } = rsa;
    expect(reasonOf({ ...withoutUse, key_ops: ['encrypt', 'verify'] })).toBeUndefined();
  });

  it.each([2_048, 2_049, 3_072, 4_096, 8_192])('may have an RSA modulus of %i bits', (bits) => {
    expect(reasonOf({ ...rsa, n: modulus(bits) })).toBeUndefined();
  });

  it('has its RSA numbers without leading zeros, however they came', () => {
    const judged = parseJwk({ ...rsa, n: modulus(2_048, 3), e: 'AAEAAQ' });
    expect(judged).toHaveProperty('jwk', { ...rsa, n: modulus(2_048), e: 'AQAB' });
  });

  it.each([
    ['65539', 2_048, [1, 0, 3]],
    ['32 bits', 2_048, [0xff, 0xff, 0xff, 0xff]],
    ['256 bits', 3_072, Buffer.alloc(32, 0xff)],
    ['64 bits', 8_192, Buffer.alloc(8, 0xff)],
  ])('may have an RSA exponent of %s under a modulus of %i bits', (_, bits, e) => {
    expect(reasonOf({ ...rsa, n: modulus(bits), e: base64url(e) })).toBeUndefined();
  });

  it('may have a kid of 256 characters, of any kind, or an empty one', () => {
    for (const kid of ['k'.repeat(256), '', '__proto__', "' OR 1=1--", 'a\r\nb', '\ud800']) {
      expect(parseJwk({ ...rsa, kid })).toHaveProperty('jwk.kid', kid);
    }
  });

  it('may be nested 32 levels deep in claims that are not read', () => {
    expect(reasonOf({ ...rsa, note: nested(31) })).toBeUndefined();
  });

  it('takes a member that is undefined for one that is absent', () => {
    const entry = { ...rsa, d: undefined, use: undefined, alg: undefined, kid: undefined, key_ops: undefined };
    expect(parseJwk(entry)).toHaveProperty('jwk', { kty: 'RSA', n: rsa.n, e: rsa.e });
  });
});

describe('an unusable JWK', () => {
  it.each([null, undefined, true, 1, 'key', [], [[]], Symbol('key')])('is %s', (entry) => {
    expect(parseJwk(entry)).toEqual({ reason: 'is not a JSON object' });
  });

  it.each([
    [{}, 'lacks a key type ("kty")'],
    [{ kty: null }, 'lacks a key type ("kty")'],
    [{ kty: ['RSA'] }, 'lacks a key type ("kty")'],
    [{ kty: 'rsa' }, 'has the unknown key type "rsa"'],
    [{ kty: '__proto__' }, 'has the unknown key type "__proto__"'],
    [{ kty: 'x\n"' }, 'has the unknown key type "x\\u000a\\u0022"'],
    [{ kty: 'oct' }, 'is a symmetric key ("oct"): no secret belongs into a JWK Set that others can read'],
  ])('has no key type that can be used: %j', (entry, reason) => {
    expect(parseJwk(entry)).toEqual({ reason });
  });

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'])('has the private member %s', (name) => {
    for (const value of ['AQAB', '', [], false]) {
      expect(parseJwk({ ...rsa, [name]: value })).toEqual({
        kid: 'RS256-1',
        reason: `has private members (${name}): a private key was published, treat it as compromised`,
      });
    }
  });

  it('B12, B13: is a private key of any kind, or a secret', async () => {
    for (const alg of ALGS) expect(reasonOf((await testKey(alg)).privateJwk)).toContain('has private members');
    expect(reasonOf({ kty: 'oct', k: 'c2VjcmV0' })).toBe(
      'has private members (k): a secret key was published, treat it as compromised',
    );
    expect(reasonOf({ kty: 'none of these', use: 'enc', d: 'AQ' })).toContain('has private members (d)');
  });

  it.each([
    ['enc', 'has the use "enc", not "sig"'],
    ['SIG', 'has the use "SIG", not "sig"'],
    ['', 'has the use "", not "sig"'],
    [7, 'has a "use" that is not a string'],
    [['sig'], 'has a "use" that is not a string'],
  ])('B10: has the use %j', (use, reason) => {
    expect(reasonOf({ ...rsa, use })).toBe(reason);
  });

  it.each([
    [[], 'has "key_ops" without "verify"'],
    [['sign'], 'has "key_ops" without "verify"'],
    [['Verify'], 'has "key_ops" without "verify"'],
    [['encrypt', 'wrapKey'], 'has "key_ops" without "verify"'],
    [['verify', 'verify'], 'has "key_ops" with duplicates'],
    ['verify', 'has "key_ops" that are not an array of strings'],
    [{ 0: 'verify', length: 1 }, 'has "key_ops" that are not an array of strings'],
    [['verify', 1], 'has "key_ops" that are not an array of strings'],
  ])('B11: has the operations %j', (operations, reason) => {
    expect(reasonOf({ ...rsa, key_ops: operations })).toBe(reason);
  });

  it.each(['encrypt', 'decrypt', 'wrapKey', 'unwrapKey', 'deriveKey', 'deriveBits'])(
    'B11: has the use "sig" and the operation %s',
    (operation) => {
      expect(reasonOf({ ...rsa, key_ops: ['verify', operation] })).toBe('has "key_ops" that contradict its "use"');
    },
  );

  it.each([1, true, [], {}, ['k'], new String('k')])('has the kid %j', (kid) => {
    expect(parseJwk({ ...rsa, kid })).toEqual({ reason: 'has a "kid" that is not a string' });
  });

  it('has a kid of 257 characters, which is not repeated', () => {
    expect(parseJwk({ ...rsa, kid: 'k'.repeat(257) })).toEqual({ reason: 'has a "kid" longer than 256 characters' });
  });

  it.each([
    ['RS256', ['RSA-OAEP', 'RSA-OAEP-256', 'ES256', 'HS256', 'none', 'rs256', 'RS256 ', 'RS1', '__proto__', '']],
    ['ES256', ['ES384', 'ES256K', 'ECDH-ES', 'RS256', 'EdDSA']],
    ['ES512', ['ES521', 'ES256']],
    ['EdDSA', ['ES256', 'Ed448', 'ed25519', 'ECDH-ES']],
  ])('is like the key of %s and names an algorithm that it cannot have', (like, algs) => {
    for (const alg of algs) {
      expect(reasonOf({ ...good[like], alg })).toBe(
        `has the algorithm "${alg}", with which such a key cannot verify signatures`,
      );
    }
    expect(reasonOf({ ...good[like], alg: 7 })).toBe('has an "alg" that is not a string');
  });

  it.each([31, 32, 1_000, 50_000])('G4: is nested: %i levels below a member', (depth) => {
    const tooDeep = depth > 31 ? 'is nested more than 32 levels deep' : undefined;
    expect(reasonOf({ ...rsa, note: nested(depth) })).toBe(tooDeep);
    expect(reasonOf({ ...rsa, note: JSON.parse(`${'{"a":'.repeat(depth)}0${'}'.repeat(depth)}`) })).toBe(tooDeep);
  });

  it('contains itself, once or many times over', () => {
    const ring: Record<string, unknown> = { ...rsa };
    ring['self'] = Array(10).fill(ring);
    expect(reasonOf(ring)).toBe('is nested more than 32 levels deep');
  });
});

describe('an unusable RSA key', () => {
  it.each([512, 1_024, 2_040, 2_047, 8_193, 16_384])('D7, D10: has a modulus of %i bits', (bits) => {
    expect(reasonOf({ ...rsa, n: modulus(bits) })).toBe(`has an RSA modulus of ${bits} bits, outside 2048 to 8192`);
  });

  it('has a modulus that zeros in front make look longer', () => {
    expect(reasonOf({ ...rsa, n: modulus(1_024, 128) })).toBe('has an RSA modulus of 1024 bits, outside 2048 to 8192');
    expect(reasonOf({ ...rsa, n: base64url(Buffer.alloc(256)) })).toBe(
      'has an RSA modulus of 0 bits, outside 2048 to 8192',
    );
  });

  it('has an even modulus', () => {
    const octets = Buffer.from(modulus(2_048), 'base64url');
    octets[255] = 0xfe;
    expect(reasonOf({ ...rsa, n: base64url(octets) })).toBe('has an RSA modulus that is even');
  });

  it.each([
    ['0', [0], 'is even'],
    ['2', [2], 'is even'],
    ['65536', [1, 0, 0], 'is even'],
    ['1', [1], 'under 65537'],
    ['1 with zeros', [0, 0, 0, 1], 'under 65537'],
    ['3', [3], 'under 65537'],
    ['65535', [255, 255], 'under 65537'],
    ['257 bits', [1, ...Buffer.alloc(32, 0xff)], 'is too large'],
  ])('D8: has the exponent %s', (_, e, reason) => {
    expect(reasonOf({ ...rsa, e: base64url(e) })).toMatch(reason);
  });

  it('has an exponent that OpenSSL takes only under a shorter modulus', () => {
    const e = base64url(Buffer.alloc(9, 0xff));
    expect(reasonOf({ ...rsa, n: modulus(3_072), e })).toBeUndefined();
    expect(reasonOf({ ...rsa, n: modulus(3_073), e })).toBe('has an RSA exponent that is too large');
  });
});

describe('a member in base64url', () => {
  const wrong = 'of the wrong length or not in base64url';
  const spoilt: [string, (text: string) => unknown][] = [
    ['padded in the middle', (text) => `${text.slice(0, 2)}=${text.slice(2)}`],
    ['empty', () => ''],
    ['cut within an octet', (text) => text.slice(0, 4 * Math.floor(text.length / 4) - 3)],
    ['not ASCII', (text) => `é${text.slice(1)}`],
    ['with NUL', (text) => `${text}\0`],
    ['a number', () => 65_537],
    ['a list', (text) => [text]],
    ['an object like a string', (text) => new String(text)],
  ];

  it.each(spoilt)('is refused: %s', (_, spoil) => {
    for (const alg of ALGS) {
      const jwk = good[alg] as Record<string, unknown>;
      for (const name of ['n', 'e', 'x', 'y'].filter((member) => member in jwk)) {
        const entry = { ...jwk, [name]: spoil(jwk[name] as string) };
        expect(reasonOf(entry), `${alg} ${name}`).toBe(`has a member "${name}" ${wrong}`);
      }
    }
  });

  const spellings: [string, (text: string) => string][] = [
    ['padded', (text) => `${text}${'='.repeat((4 - (text.length % 4)) % 4)}`],
    ['in the other alphabet', (text) => text.replaceAll('-', '+').replaceAll('_', '/')],
    ['with a line feed', (text) => `${text.slice(0, 3)}\n${text.slice(3)}\r\n`],
  ];

  it.each(spellings)('is the same key: %s', (_, spell) => {
    for (const alg of ALGS) {
      const jwk = good[alg] as Record<string, unknown>;
      const spelled = Object.entries(jwk).map(([name, value]) =>
        ['n', 'e', 'x', 'y'].includes(name) ? [name, spell(value as string)] : [name, value],
      );
      expect(parseJwk(Object.fromEntries(spelled))).toEqual(parseJwk(jwk));
    }
  });

  it('is the same coordinate without its leading zeros, and with more of them', async () => {
    const octets = (text: unknown) => Buffer.from(text as string, 'base64url');
    const added = Buffer.concat([Buffer.alloc(3), octets(ec.x)]).toString('base64url');
    expect(parseJwk({ ...ec, x: added })).toEqual(parseJwk(ec));
    let short = ec;
    while (octets(short.x)[0] !== 0) {
      const pair = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
      short = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'short' };
    }
    const lost = octets(short.x).subarray(1).toString('base64url');
    expect(parseJwk({ ...short, x: lost })).toEqual(parseJwk(short));
    expect(reasonOf({ ...ec, x: octets(ec.x).subarray(1).toString('base64url') })).toBe(
      'has a point that is not on its curve',
    );
  });

  it('that is null is absent, the private ones too', () => {
    const absent = { d: null, p: null, q: null, dp: null, dq: null, qi: null, oth: null, k: null, priv: null };
    expect(parseJwk({ ...rsa, ...absent, use: null, key_ops: null, x5c: null })).toMatchObject({
      algs: expect.any(Set),
    });
    expect(parseJwk({ ...rsa, kid: null, alg: null })).toMatchObject({ algs: expect.any(Set) });
    expect(reasonOf({ ...rsa, n: null })).toBe('lacks the member "n"');
  });

  it('is missed by its name', () => {
    for (const alg of ALGS) {
      const jwk = good[alg] as Record<string, unknown>;
      for (const name of ['n', 'e', 'crv', 'x', 'y'].filter((member) => member in jwk)) {
        const { [name]: _, ...rest } = jwk;
        expect(reasonOf(rest), `${alg} ${name}`).toBe(`lacks the member "${name}"`);
      }
    }
  });
});

describe('an unusable EC key', () => {
  it.each([
    ['P-224', '"P-224"'],
    ['secp256k1', '"secp256k1"'],
    ['p-256', '"p-256"'],
    ['Ed25519', '"Ed25519"'],
    ['constructor', '"constructor"'],
  ])('has the curve %s', (crv, name) => {
    expect(reasonOf({ ...ec, crv })).toBe(`has the curve ${name}, which is not one of P-256, P-384, P-521`);
  });

  it('has a curve that is no string', () => {
    expect(reasonOf({ ...ec, crv: 256 })).toBe('has a curve, which is not one of P-256, P-384, P-521');
  });

  it.each(['ES256', 'ES384', 'ES512'])('D11: has a point off the curve of %s', (alg) => {
    const jwk = good[alg] as { x: string; y: string };
    const size = Buffer.from(jwk.x, 'base64url').length;
    const off = Buffer.from(jwk.y, 'base64url');
    off[size - 1] = (off.at(-1) as number) ^ 1;
    const zero = base64url(Buffer.alloc(size));
    for (const point of [{ y: base64url(off) }, { x: jwk.y, y: jwk.x }, { x: zero, y: zero }]) {
      expect(reasonOf({ ...jwk, ...point })).toBe('has a point that is not on its curve');
    }
  });

  it('has a coordinate that is not reduced', () => {
    // A coordinate of P-521 plus the prime fits into its octets.
    const jwk = good['ES512'] as { x: string; y: string };
    for (const name of ['x', 'y'] as const) {
      const reduced = BigInt(`0x${Buffer.from(jwk[name], 'base64url').toString('hex')}`);
      const octets = Buffer.from((reduced + 2n ** 521n - 1n).toString(16).padStart(132, '0'), 'hex');
      expect(reasonOf({ ...jwk, [name]: base64url(octets) }), name).toBe('has a point that is not on its curve');
    }
  });

  it('has coordinates that are too long for its curve', () => {
    const octets = Buffer.from(ec.y as string, 'base64url');
    for (const y of [
      Buffer.concat([Buffer.alloc(1, 1), octets]),
      Buffer.from((good['ES384'] as JWK).y as string, 'base64url'),
    ])
      for (const name of ['x', 'y'])
        expect(reasonOf({ ...ec, [name]: base64url(y) })).toContain(`has a member "${name}" of the wrong length`);
  });
});

describe('an unusable OKP key', () => {
  it.each(['X25519', 'X448', 'Ed448', 'ed25519', 'P-256'])('has the curve %s', (crv) => {
    expect(reasonOf({ ...okp, crv })).toBe(`has the curve "${crv}", which is not one of Ed25519`);
  });

  it('has a point of another length', () => {
    for (const length of [31, 33, 57]) {
      expect(reasonOf({ ...okp, x: base64url(Buffer.alloc(length, 7)) })).toContain('"x" of the wrong length');
    }
  });

  it.each(Array.from({ length: 19 }, (_, index) => index))('has y = p + %i, which is not canonical', (over) => {
    expect(reasonOf({ ...okp, x: base64url(encodingOfY(ed25519.Point.Fp.ORDER + BigInt(over))) })).toBe(
      'has an Ed25519 point in an encoding that is not canonical',
    );
  });

  it('has a y with which no point is on the curve', () => {
    const ys = Array.from({ length: 200 }, (_, index) => BigInt(index + 2));
    const usable = ys.filter((y) => reasonOf({ ...okp, x: base64url(encodingOfY(y)) }) === undefined);
    expect(usable).toEqual(ys.filter(isOnCurve));
    expect(reasonOf({ ...okp, x: base64url(encodingOfY(2n)) })).toBe('has an Ed25519 point that is not on its curve');
  });
});

describe('an unusable AKP key', () => {
  it.each([
    [{ pub: 'AA' }, 'lacks the member "alg"'],
    [{ alg: 'ML-DSA-44' }, 'lacks the member "pub"'],
    [{ alg: 'ML-DSA-44', pub: base64url(Buffer.alloc(1_311)) }, 'has a member "pub" of the wrong length'],
    [{ alg: 'ML-DSA-65', pub: base64url(Buffer.alloc(1_312)) }, 'has a member "pub" of the wrong length'],
    [{ alg: 'SLH-DSA-SHA2-128s', pub: 'AA' }, 'has an algorithm that is not one of ML-DSA-44'],
    [{ alg: 44, pub: 'AA' }, 'has an algorithm that is not one of ML-DSA-44'],
  ])('is like %.60j', (members, reason) => {
    expect(reasonOf({ kty: 'AKP', ...members })).toContain(reason);
  });
});

describe('an object that plays tricks', () => {
  it('cannot be read, and does no harm', () => {
    const throwing = Object.defineProperty({ ...rsa }, 'n', {
      enumerable: true,
      get: () => {
        throw new Error('boom');
      },
    });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const entry of [throwing, proxy, { ...rsa, key_ops: proxy }]) {
      expect(parseJwk(entry)).toEqual({ reason: 'cannot be read' });
    }
  });

  it('is validated by what is kept, though its members change from one look to the next', () => {
    let looks = 0;
    const entry = {
      ...rsa,
      get e() {
        looks += 1;
        return looks === 1 ? 'AQAB' : 'AQ';
      },
    };
    expect(parseJwk(entry)).toHaveProperty('jwk.e', 'AQAB');
  });

  it('neither inherits a member nor speaks by toJSON', () => {
    expect(reasonOf(Object.create(rsa))).toBe('lacks a key type ("kty")');
    const judged = parseJwk({ ...rsa, toJSON: () => ({ d: 'secret' }) });
    expect(JSON.stringify(judged)).not.toContain('secret');
    const polluted = JSON.parse(
      `{ "__proto__": { "use": "enc", "d": "AQ" }, "kty": "RSA", "n": "${rsa.n}", "e": "AQAB" }`,
    );
    expect(parseJwk(polluted)).toHaveProperty('jwk', { kty: 'RSA', n: rsa.n, e: 'AQAB' });
  });
});

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

/** 32 octets that say `y`, which may be on the curve or not. */
function encodingOfY(y: bigint): Buffer {
  return Buffer.from(numberToBytesLE(y, 32));
}

function isOnCurve(y: bigint): boolean {
  try {
    ed25519.Point.fromBytes(encodingOfY(y));
    return true;
  } catch {
    return false;
  }
}
