// Tokens and headers of the fuzzer: each is made of its seed alone, beside keys and signatures,
// which differ from run to run.
import { generateKeyPair, KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { decode, edited, encode, nested, odd, place, printable, signedBy, weighted } from './parts.mjs';

const ALGS = ['ES256', 'EdDSA', 'RS256'];
const NAMES = 'alg kid typ crit jwk jku x5u x5c b64 zip cty enc __proto__ constructor'.split(' ');
const CLAIMS = ['iss', 'aud', 'exp', 'nbf', 'iat', 'sub', 'cnf', 'scope', '__proto__', 'toString'];

/** Good tokens, and the key of an attacker. */
export async function tokenMaterial(issuer) {
  const tokens = [];
  for (const alg of ALGS) {
    for (let index = 0; index < 20; index += 1) {
      const claims = { sub: `user-${index}`, scope: 'read', roles: ['a', { b: index }] };
      tokens.push(await issuer.sign(claims, { alg, expiresIn: '1h' }));
    }
  }
  const [signer] = issuer.keys.filter((key) => key.alg === 'EdDSA');
  return {
    tokens,
    good: new Set(tokens),
    attacker: await promisify(generateKeyPair)('ed25519'),
    issuer: issuer.issuer,
    signer: { kid: signer.kid, key: KeyObject.from(signer.privateKey) },
  };
}

/**
 * What is sent: a mutated token or header, and in one of fifty cases a good token, so that refusing
 * everything fails too.
 */
export function requests(material) {
  const good = fc.constantFrom(...material.tokens);
  const authorization = weighted(
    [1, good.map((token) => ({ kind: 'good token', authorization: `Bearer ${token}`, isGood: true }))],
    [8, headers(material, good)],
    [
      41,
      changedTokens(material, good).map((token) => ({
        kind: 'token',
        authorization: clean(`Bearer ${token}`),
        isGood: false,
      })),
    ],
  );
  return fc
    .tuple(authorization, fc.record({ api: fc.nat(1), path: fc.nat(1) }))
    .map((parts) => Object.assign({}, ...parts));
}

/**
 * Tokens that were changed in their text, in their parts, or in their claims before they were
 * signed.
 */
function changedTokens(material, good) {
  const changed = weighted(
    [2, edited(good, 3)],
    [2, partChanged(good)],
    [1, partsMixed(good)],
    [2, headerChanged(good)],
    [1, payloadChanged(good)],
    [2, claimsSigned(material)],
    [1, forged(good, material)],
  );
  // Some changes change nothing.
  return changed.filter((token) => !material.good.has(clean(token)));
}

/**
 * Headers in which a good token stands in another way: only those of RFC 9110 and RFC 6750 may be
 * accepted.
 */
function headers(material, good) {
  const scheme = fc.constantFrom(
    'Bearer',
    'bearer',
    'BEARER',
    'Bearer',
    'Basic',
    'DPoP',
    'JWT',
    'Bear',
    'Bearerx',
    'Bearer,',
    '',
  );
  const blank = fc.constantFrom(' ', '  ', '\t', '', ' \t', ' , ', '=', ': ', '     ');
  const tail = weighted(
    [8, fc.constantFrom('', '', ' ', '\t', ',', ' x', '=', ';a=b')],
    [1, good.map((token) => `, Bearer ${token}`)],
    [1, printable(39)],
  );
  const padding = fc.constantFrom('a', ' ', 'Bearer ', '.').map((unit) => unit.repeat(2_000));
  return fc.tuple(scheme, blank, good, tail, weighted([19, fc.constant('')], [1, padding])).map((parts) => {
    const authorization = clean(parts.join(''));
    const read = /^bearer +([^ \t]+)[ \t]*$/i.exec(authorization.trim());
    return { kind: 'header', authorization, isGood: read !== null && material.good.has(read[1]) };
  });
}

/** The octets of one part flipped, filled or turned round, and now and then cut off. */
export function partChanged(good) {
  const how = fc.oneof(
    fc.tuple(place, fc.nat(7)).map(
      ([where, bit]) =>
        (bytes) =>
          (bytes[where.at(bytes.length)] ^= 1 << bit),
    ),
    fc.tuple(place, fc.nat(255)).map(
      ([where, octet]) =>
        (bytes) =>
          bytes.fill(octet, where.at(bytes.length)),
    ),
    fc.constant((bytes) => bytes.reverse()),
  );
  const end = weighted([3, fc.constant(undefined)], [1, place]);
  return fc.tuple(good, fc.nat(2), how, end).map(([token, index, change, cut]) => {
    const parts = token.split('.');
    const bytes = Buffer.from(parts[index], 'base64url');
    change(bytes);
    parts[index] = bytes.subarray(0, cut?.at(bytes.length)).toString('base64url');
    return parts.join('.');
  });
}

/** Parts of three tokens, and now and then a part too many, too few or replaced. */
export function partsMixed(good) {
  const splice = fc.record({ at: fc.nat(3), drop: fc.nat(1), part: fc.oneof(fc.constantFrom('', 'e30'), good) });
  const spliced = weighted([2, fc.constant(undefined)], [1, splice]);
  return fc.tuple(good, good, good, spliced).map(([header, payload, signature, extra]) => {
    const parts = [header, payload, signature].map((token, index) => token.split('.')[index]);
    if (extra) parts.splice(extra.at, extra.drop, extra.part);
    return parts.join('.');
  });
}

function headerChanged(good) {
  return fc
    .tuple(good, memberChange(NAMES), weighted([1, fc.constant(false)], [2, fc.constant(true)]))
    .map(([token, change, isSigned]) => {
      const [header, payload, signature] = token.split('.');
      return `${encode(change(decode(header)))}.${payload}.${isSigned ? signature : ''}`;
    });
}

function payloadChanged(good) {
  return fc.tuple(good, memberChange(CLAIMS)).map(([token, change]) => {
    const [header, payload, signature] = token.split('.');
    return `${header}.${encode(change(decode(payload)))}.${signature}`;
  });
}

/**
 * Leaves a member out, or adds one. Written as text: an assignment to __proto__ makes no member.
 */
export function memberChange(names) {
  const name = fc.constantFrom(...names);
  const value = fc.oneof(
    odd,
    odd.map((one) => [one]),
    fc.tuple(name, odd).map(([key, one]) => ({ [key]: one })),
    printable(299),
  );
  const added = fc.tuple(name, value).map(
    ([key, one]) =>
      (object) =>
        `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(key)}:${JSON.stringify(one)}}`,
  );
  const removed = name.map((key) => (object) => JSON.stringify({ ...object, [key]: undefined }));
  return weighted([3, added], [1, removed]);
}

/** Well signed, by the issuer's own key: the claims alone are bad. */
function claimsSigned({ signer, issuer }) {
  const input = (claims) => `${encode({ alg: 'EdDSA', kid: signer.kid })}.${encode(claims)}`;
  return badClaims(issuer).map((claims) => signedBy(input(claims), signer.key));
}

function badClaims(issuer) {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer, aud: 'orders-api', sub: 'user', iat: now, exp: now + 3_600 };
  const json = JSON.stringify(claims);
  const withOne = (name, ...values) => fc.constantFrom(...values).map((value) => ({ ...claims, [name]: value }));
  const brokenUtf8 = [Buffer.from(`${json.slice(0, -1)},"x":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')];
  return fc.oneof(
    withOne('exp', 0, 1, now - 60, '9999999999', null, [], {}, true, now - 6),
    withOne('nbf', now + 86_400, 'soon', null, 1e300),
    withOne('iat', now + 86_400, 'soon', null),
    withOne('aud', '', 'orders', 'orders-api ', 'Orders-api', [], ['x'], [1, 'orders-api'], {}, null, 1),
    withOne('iss', `${issuer}/`, issuer.toUpperCase(), [issuer], '', null, 'https://evil.example'),
    withOne('sub', 1, null, {}, ['user']),
    withOne('cnf', {}, null, { jkt: 'x' }),
    fc.integer({ min: 40, max: 439 }).map((depth) => ({ ...claims, deep: nested(depth) })),
    fc.constant([claims]),
    fc.constantFrom('text', 1, null, true),
    fc.constantFrom(json.replace(/"exp":\d+/, '"exp":1e400'), `\ufeff${json}`, Buffer.concat(brokenUtf8)),
  );
}

/** Signed by the attacker, under the issuer's kid, another or none. */
function forged(good, { attacker, signer }) {
  const jwk = attacker.publicKey.export({ format: 'jwk' });
  const header = fc.constantFrom(
    { kid: signer.kid },
    { kid: signer.kid, jwk },
    { kid: 'x', jwk },
    { jwk },
    { kid: '' },
    {},
  );
  return fc.tuple(good, fc.constantFrom('EdDSA', 'Ed25519'), header).map(([token, alg, rest]) => {
    const [, payload] = token.split('.');
    return signedBy(`${encode({ alg, ...rest })}.${payload}`, attacker.privateKey);
  });
}

/** What a client can send in a header, and Node takes: 16 kB in all. */
export function clean(value) {
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').slice(0, 15_000);
}
