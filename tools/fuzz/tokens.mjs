// Tokens and headers of the fuzzer: each is made of its random numbers alone, beside keys and
// signatures, which differ from run to run.
import { generateKeyPairSync, KeyObject } from 'node:crypto';
import { edited, encode, nested, ODD, signedBy } from './random.mjs';

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
    attacker: generateKeyPairSync('ed25519'),
    issuer: issuer.issuer,
    signer: { kid: signer.kid, key: KeyObject.from(signer.privateKey) },
  };
}

export function goodCase(random, { tokens }) {
  return { authorization: `Bearer ${random.of(tokens)}`, isGood: true };
}

/** A token that was changed in its text, in its parts, or in its claims before it was signed. */
export function tokenCase(random, material) {
  const make = random.of([
    textChanged,
    textChanged,
    partChanged,
    partChanged,
    partsMixed,
    headerChanged,
    headerChanged,
    payloadChanged,
    claimsSigned,
    claimsSigned,
    forged,
  ]);
  const token = make(random, material);
  // Some changes change nothing.
  if (material.good.has(clean(token))) return tokenCase(random, material);
  return { authorization: clean(`Bearer ${token}`), isGood: false };
}

/**
 * A header in which a good token stands in another way: only the ways of RFC 9110 and RFC 6750 may
 * let it in.
 */
export function headerCase(random, material) {
  const token = random.of(material.tokens);
  const scheme = random.of([
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
  ]);
  const blank = random.of([' ', '  ', '\t', '', ' \t', ' , ', '=', ': ', '     ']);
  const tail = random.of([
    '',
    '',
    ' ',
    '\t',
    ',',
    ' x',
    `, Bearer ${random.of(material.tokens)}`,
    '=',
    ';a=b',
    random.text(40),
  ]);
  const padding = random.below(20) === 0 ? random.of(['a', ' ', 'Bearer ', '.']).repeat(2_000) : '';
  const authorization = clean(scheme + blank + token + tail + padding);
  const read = /^bearer +([^ \t]+)[ \t]*$/i.exec(authorization.trim());
  return { authorization, isGood: read !== null && material.good.has(read[1]) };
}

function textChanged(random, { tokens }) {
  let token = random.of(tokens);
  for (let times = 1 + random.below(3); times > 0; times -= 1) token = edited(random, token);
  return token;
}

function partChanged(random, { tokens }) {
  const parts = random.of(tokens).split('.');
  const place = random.below(3);
  const bytes = Buffer.from(parts[place], 'base64url');
  const changed = random.of([
    () => (bytes[random.below(bytes.length)] ^= 1 << random.below(8)),
    () => bytes.fill(random.below(256), random.below(bytes.length)),
    () => bytes.reverse(),
  ]);
  changed();
  parts[place] = bytes
    .subarray(0, random.below(4) === 0 ? random.below(bytes.length) : bytes.length)
    .toString('base64url');
  return parts.join('.');
}

function partsMixed(random, { tokens }) {
  const parts = [0, 1, 2].map((place) => random.of(tokens).split('.')[place]);
  if (random.below(3) === 0) parts.splice(random.below(4), random.below(2), random.of(['', 'e30', random.of(tokens)]));
  return parts.join('.');
}

function headerChanged(random, { tokens }) {
  const [header, payload, signature] = random.of(tokens).split('.');
  const changed = withMember(random, JSON.parse(Buffer.from(header, 'base64url').toString()), NAMES);
  return `${encode(changed)}.${payload}.${random.below(3) === 0 ? '' : signature}`;
}

function payloadChanged(random, { tokens }) {
  const [header, payload, signature] = random.of(tokens).split('.');
  const changed = withMember(random, JSON.parse(Buffer.from(payload, 'base64url').toString()), CLAIMS);
  return `${header}.${encode(changed)}.${signature}`;
}

/** Well signed, by the issuer's own key: the claims alone are bad. */
function claimsSigned(random, { signer, issuer }) {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer, aud: 'orders-api', sub: 'user', iat: now, exp: now + 300 };
  const bad = random.of([
    () => ({ ...claims, exp: random.of([0, 1, now - 60, '9999999999', null, [], {}, true, now - 6]) }),
    () => ({ ...claims, nbf: random.of([now + 600, 'soon', null, 1e300]) }),
    () => ({ ...claims, iat: random.of([now + 600, 'soon', null]) }),
    () => ({
      ...claims,
      aud: random.of(['', 'orders', 'orders-api ', 'Orders-api', [], ['x'], [1, 'orders-api'], {}, null, 1]),
    }),
    () => ({
      ...claims,
      iss: random.of([`${issuer}/`, issuer.toUpperCase(), [issuer], '', null, 'https://evil.example']),
    }),
    () => ({ ...claims, sub: random.of([1, null, {}, ['user']]) }),
    () => ({ ...claims, cnf: random.of([{}, null, { jkt: 'x' }]) }),
    () => ({ ...claims, deep: nested(40 + random.below(400)) }),
    () => [claims],
    () => random.of(['text', 1, null, true]),
    () => JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400'),
    () => `\ufeff${JSON.stringify(claims)}`,
    () =>
      Buffer.concat([
        Buffer.from(JSON.stringify({ ...claims, x: 1 }).slice(0, -2)),
        Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x7d]),
      ]),
  ])();
  return signedBy(`${encode({ alg: 'EdDSA', kid: signer.kid })}.${encode(bad)}`, signer.key);
}

function forged(random, { tokens, attacker, signer }) {
  const [, payload] = random.of(tokens).split('.');
  const jwk = attacker.publicKey.export({ format: 'jwk' });
  const header = random.of([
    { kid: signer.kid },
    { kid: signer.kid, jwk },
    { kid: 'x', jwk },
    { jwk },
    { kid: '' },
    {},
  ]);
  return signedBy(`${encode({ alg: random.of(['EdDSA', 'Ed25519']), ...header })}.${payload}`, attacker.privateKey);
}

function withMember(random, object, names) {
  const name = random.of(names);
  const value = random.of([
    () => random.of(ODD),
    () => [random.of(ODD)],
    () => ({ [random.of(names)]: random.of(ODD) }),
    () => random.text(300),
  ])();
  // Written as text: an assignment to __proto__ makes no member.
  const rest = JSON.stringify(object).slice(0, -1);
  return random.below(4) === 0
    ? JSON.stringify({ ...object, [name]: undefined })
    : `${rest},${JSON.stringify(name)}:${JSON.stringify(value)}}`;
}

/** What a client can send in a header, and Node takes: 16 kB in all. */
function clean(value) {
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').slice(0, 15_000);
}
