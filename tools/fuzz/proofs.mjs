// DPoP proofs and client certificates of the fuzzer. Each is wrong in a way that can be named, but
// for one in fifty.
import { createHash, KeyObject, randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { decode, edited, encode, odd, place, printable, signedBy, weighted } from './parts.mjs';
import { clean, memberChange, partChanged, partsMixed } from './tokens.mjs';

export const PUBLIC_URL = 'https://api.example.com/shop';
export const FORMATS = ['nginx', 'xfcc', 'client-cert', 'alb'];
/** Which applications ask for nonces. */
export const hasNonces = (format) => format === 'nginx' || format === 'xfcc';
/** In everything that must come back to no client and stand in no log. */
export const MARK = 'mark-of-a-proof';

const HEADERS = {
  nginx: 'ssl-client-cert',
  xfcc: 'x-forwarded-client-cert',
  'client-cert': 'client-cert',
  alb: 'x-amzn-mtls-clientcert-leaf',
};
const PROOFS = 40;
/** In milliseconds. */
const FRESH_FOR = 60_000;
const NAMES = 'typ alg jwk crit kid b64 jku x5c zip __proto__ constructor'.split(' ');
const CLAIMS = 'jti htm htu iat ath nonce exp nbf __proto__ toString'.split(' ');

/** A client with a key and a certificate, and an attacker with others. */
export async function proofMaterial(issuer, nonceOf) {
  const [own, attacker] = await Promise.all([issuer.createDpopKey(), issuer.createDpopKey()]);
  const token = await issuer.sign({ sub: 'user' }, { dpop: own, expiresIn: '1h' });
  const other = await issuer.sign({ sub: 'other' }, { dpop: own, expiresIn: '1h' });
  const [certificate, attackers] = [newCertificate(), newCertificate()];
  const cnf = { 'x5t#S256': sha256(certificate) };
  const certified = await issuer.sign({ sub: 'user', cnf }, { expiresIn: '1h' });
  const ownKey = KeyObject.from(own.privateKey);
  const attackerKey = KeyObject.from(attacker.privateKey);
  const given = { nonce: undefined };
  const kept = new Map();
  const good = new Set();

  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: own.jwk };
  const claims = (path) => ({
    jti: `${MARK}-${randomUUID()}`,
    htm: 'GET',
    htu: PUBLIC_URL + path,
    iat: Math.floor(Date.now() / 1_000),
    ath: sha256(token),
    nonce: given.nonce,
  });
  const signWith = (key, head, payload) =>
    signedBy(`${encode(head)}.${encode(payload)}`, { key, dsaEncoding: 'ieee-p1363' }, 'sha256');
  const fresh = (path) => signWith(ownKey, header, claims(path));
  given.nonce = await nonceOf({ authorization: `DPoP ${token}`, dpop: fresh('/guard') });
  /** One of several good proofs that are never sent as they are. */
  const proof = (path, index) => {
    let proofs = kept.get(path);
    if (!(proofs?.until > Date.now())) {
      proofs = { until: Date.now() + FRESH_FOR, list: Array.from({ length: PROOFS }, () => fresh(path)) };
      kept.set(path, proofs);
      for (const each of proofs.list) good.add(each);
    }
    return proofs.list[index];
  };
  const resigned = (path, changes, head = {}) =>
    signWith(ownKey, { ...header, ...head }, { ...claims(path), ...changes });
  const forged = (path, head) => signWith(attackerKey, { ...header, ...head }, claims(path));
  return { token, other, certified, certificate, attackers, own, attacker, good, fresh, proof, resigned, forged };
}

/** What is sent to which of two applications; where `isProven`, with a proof that is made then. */
export function provenRequests(material, format, paths) {
  const sent = (path) =>
    weighted(
      [1, goodRequests(material, format)],
      [2, otherSchemes(material)],
      [
        27,
        changedProofs(material, format, path).map((dpop) => ({
          kind: 'proof',
          headers: { authorization: `DPoP ${material.token}`, dpop },
        })),
      ],
      [
        20,
        certificates(material, format).map((headers) => ({
          kind: 'certificate',
          headers: { authorization: `Bearer ${material.certified}`, ...headers },
        })),
      ],
    );
  const common = { isProven: false, isGood: false };
  return fc
    .constantFrom(...paths)
    .chain((path) => fc.tuple(fc.nat(1), sent(path)).map(([api, rest]) => ({ ...common, api, path, ...rest })));
}

function goodRequests({ token, certified, certificate }, format) {
  const headers = { authorization: `Bearer ${certified}`, [HEADERS[format]]: written(format, certificate) };
  return fc.oneof(
    fc.constantFrom('DPoP', 'dpop', 'DPOP').map((scheme) => ({
      kind: 'good proof',
      headers: { authorization: `${scheme} ${token}` },
      isProven: true,
      isGood: true,
    })),
    fc.constant({ kind: 'good certificate', headers, isGood: true }),
  );
}

/** With a good proof. */
function otherSchemes({ token }) {
  const scheme = fc.constantFrom('Bearer', 'bearer', 'DPoPx', 'DPoP,', 'XDPoP', 'JWT', 'Basic', 'DPoP="', '');
  return scheme.map((name) => ({
    kind: 'scheme',
    headers: { authorization: `${name} ${token}`.trim() },
    isProven: true,
  }));
}

function changedProofs(material, format, path) {
  const good = fc.nat(PROOFS - 1).map((index) => material.proof(path, index));
  const part = (index, names) =>
    fc.tuple(good, memberChange(names)).map(([proof, change]) => {
      const parts = proof.split('.');
      parts[index] = encode(change(decode(parts[index])));
      return parts.join('.');
    });
  return weighted(
    [4, edited(good, 3)],
    [2, partChanged(good)],
    [1, partsMixed(good)],
    [2, part(0, NAMES)],
    [2, part(1, CLAIMS)],
    [3, badClaims(material, format).map((changes) => material.resigned(path, changes))],
    [3, badHeaders(material).map((changes) => material.resigned(path, {}, changes))],
    [
      2,
      fc
        .constantFrom({}, { jwk: material.attacker.jwk }, { kid: 'x' }, { jwk: undefined })
        .map((changes) => material.forged(path, changes)),
    ],
    [1, fc.constantFrom('', material.token, material.other, `${material.token}.`)],
  )
    .map(cut)
    .filter((proof) => !material.good.has(proof.trim()));
}

function badClaims({ other }, format) {
  const withOne = (name, ...values) => fc.constantFrom(...values).map((value) => ({ [name]: value }));
  const now = Math.floor(Date.now() / 1_000);
  const wrong = [
    '',
    '/shop/guard',
    'https://api.example.com',
    'https://api.example.com/guard',
    'https://api.example.com@evil.example/shop/guard',
    'https://api.example.com/shop/guard/..',
    'https://api.example.com/shop\\guard',
    'https://api.example.com:444/shop/guard',
    'http://api.example.com/shop/guard',
    'https://api.example.com.evil.example/shop/guard',
    'https://evil.example/?https://api.example.com/shop/guard',
    'javascript:1',
  ];
  return fc.oneof(
    withOne('jti', '', null, 1, [], {}, `${MARK}${'x'.repeat(257)}`, undefined),
    withOne('htm', 'POST', 'get', 'GET ', '', null, 1, ['GET'], undefined),
    withOne('htu', ...wrong, null, 1, ['x'], undefined),
    printable(60).map((text) => ({ htu: text })),
    withOne('ath', '', 'x', sha256(other), sha256(''), null, 1, undefined),
    odd.map((ath) => ({ ath })),
    withOne('iat', String(now), null, {}, true, undefined),
    hasNonces(format)
      ? withOne('nonce', '', 'x', null, 1, undefined, 'A'.repeat(22), '\u00e9'.repeat(11))
      : withOne('iat', 0, -1, 1e300, now - 3_600, now + 60),
  );
}

function badHeaders({ own, attacker }) {
  const withOne = (name, ...values) => fc.constantFrom(...values).map((value) => ({ [name]: value }));
  const jwk = (changes) => ({ ...own.jwk, ...changes });
  const padded = Buffer.concat([Buffer.alloc(1), Buffer.from(own.jwk.x, 'base64url')]).toString('base64url');
  return fc.oneof(
    withOne('typ', 'JWT', 'at+jwt', 'DPoP+jwt', 'application/dpop+jwt', ' dpop+jwt', null, ['dpop+jwt'], undefined),
    withOne('alg', 'none', 'HS256', 'ES384', 'ES512', 'RS256', 'EdDSA', 'es256', null, ['ES256'], undefined),
    withOne('crit', [], ['b64'], ['x'], null, {}),
    withOne('jwk', attacker.jwk, [own.jwk], own.jwk.x, null, {}, undefined),
    fc
      .constantFrom(
        { d: own.jwk.x },
        { k: 'x' },
        { kty: 'oct', k: own.jwk.x },
        { kty: 'RSA', n: own.jwk.x, e: 'AQAB' },
        { kty: 'OKP', crv: 'Ed25519' },
        { crv: 'P-384' },
        { crv: 'secp256k1' },
        { y: own.jwk.x },
        { x: own.jwk.y, y: own.jwk.x },
        { x: `${own.jwk.x}=` },
        { x: padded },
        { x: '' },
        { use: 'enc' },
        { key_ops: ['sign'] },
        { alg: 'ES384' },
      )
      .map((changes) => ({ jwk: jwk(changes) })),
    fc.constantFrom('kty', 'crv', 'x', 'y').map((name) => ({ jwk: jwk({ [name]: undefined }) })),
    fc.tuple(fc.constantFrom('x', 'y'), edited(fc.constant(own.jwk.x))).map(([name, text]) => ({
      jwk: jwk({ [name]: text === own.jwk[name] ? '' : text }),
    })),
  );
}

/**
 * Headers in which the certificate of the client never is that of the connection: changed, from the
 * attacker, before that of the proxy, or under another name.
 */
function certificates({ certificate, attackers }, format) {
  const name = HEADERS[format];
  const theirs = written(format, attackers);
  const hex = createHash('sha256').update(certificate).digest('hex');
  const victims = fc.constantFrom(
    written(format, certificate),
    `Hash=${hex}`,
    `Hash=${hex};Cert="${escaped(certificate)}"`,
    `Cert="${escaped(certificate)}`,
    'By=a;Cert="',
  );
  // The subject is the attacker's choice, and Envoy escapes its quotation marks.
  const hostile = `Hash=${hex.replace(/./g, '0')};Subject="O=a\\,Cert=${escaped(certificate)}\\;b\\"c,CN=d"`;
  const flipped = fc.tuple(place, fc.nat(7)).map(([where, bit]) => {
    const bytes = Buffer.from(certificate);
    bytes[where.at(bytes.length)] ^= 1 << bit;
    return written(format, bytes);
  });
  const proxied = fc.constantFrom(theirs, ...(format === 'xfcc' ? [hostile] : []));
  const before = weighted([2, victims], [3, edited(victims, 3)]);
  const elsewhere = fc
    .constantFrom(...FORMATS.filter((each) => each !== format))
    .map((each) => ({ [HEADERS[each]]: written(each, certificate), 'x-forwarded-for': '127.0.0.1' }));
  return weighted(
    [3, flipped.map((value) => ({ [name]: value }))],
    [3, edited(fc.constant(theirs), 3).map((value) => ({ [name]: cut(value) }))],
    [
      5,
      fc
        .tuple(before, fc.constantFrom(',', ', ', ' ,'), proxied)
        .map(([value, comma, last]) => ({ [name]: cut(value).slice(0, 6_000) + comma + last })),
    ],
    [1, elsewhere],
    [1, printable(200).map((value) => ({ [name]: cut(value) }))],
  );
}

/** Bytes that look like one: whether a certificate is valid has no say. */
function newCertificate() {
  const body = randomBytes(600);
  return Buffer.concat([Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff]), body]);
}

function written(format, der) {
  if (format === 'client-cert') return `:${der.toString('base64')}:`;
  if (format === 'xfcc') return `By=spiffe://a;Hash=${createHash('sha256').update(der).digest('hex')};URI=spiffe://b`;
  return escaped(der);
}

function escaped(der) {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  return encodeURIComponent(`-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
}

/** What fits beside a token into the 16 kB that Node takes. */
function cut(value) {
  return clean(value).slice(0, 12_000);
}

function sha256(data) {
  return createHash('sha256').update(data).digest('base64url');
}
