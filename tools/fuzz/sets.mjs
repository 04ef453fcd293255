// Key sets of the fuzzer.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { edited, encode, nested, odd, printable, signedBy, weighted } from './parts.mjs';

/** Not generateKeyPairSync: in Node 20 the export of such a key may wait for itself. */
const generate = promisify(generateKeyPair);

/** An issuer whose keys come and go, and keys that must never be accepted. */
export async function setMaterial(changing) {
  return {
    attacker: await generate('ed25519'),
    weak: await generate('rsa', { modulusLength: 1_024 }),
    key: changing.jwks.keys[0],
    claims: { iss: changing.issuer, aud: 'orders-api', sub: 'forged' },
    token: await changing.sign({}, { expiresIn: '1h' }),
  };
}

/** Bodies of a JWK Set, many with an entry that would let any client sign. */
export function setBodies(material) {
  const oddEntry = oddEntries(material);
  const first = fc.oneof(fc.constant(material.key), oddEntry, mutated(material.key));
  const entries = fc
    .tuple(first, fc.array(oddEntry, { maxLength: 5 }), fc.nat(5))
    .map(([one, others, at]) => others.toSpliced(at, 0, one));
  return weighted(
    [3, entries.map((keys) => ({ keys }))],
    [1, entries.map((keys) => ({ keys, odd: nested(60) }))],
    [1, entries],
    [4, fc.constantFrom({ keys: {} }, '<html>', { keys: [] }, null)],
  );
}

/** Tokens that a set of `setBodies` would make acceptable if the library took such an entry. */
export function forgedTokens({ attacker, weak, key, claims }) {
  const exp = Math.floor(Date.now() / 1_000) + 300;
  const input = (alg, kid) => `${encode({ alg, kid })}.${encode({ ...claims, exp })}`;
  const one = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]).toString('base64url');
  return [
    `${input('EdDSA', 'low')}.${one}`,
    `${input('HS256', 'secret')}.${one}`,
    signedBy(input('RS256', 'weak'), weak.privateKey, 'sha256'),
    signedBy(input('EdDSA', 'burnt'), attacker.privateKey),
    signedBy(input('EdDSA', key.kid), attacker.privateKey),
  ];
}

function oddEntries({ attacker, weak, key }) {
  const jwk = (half) => half.export({ format: 'jwk' });
  const lowOrder = Buffer.from([1, ...Array(31).fill(0)]);
  const hostile = fc.constantFrom(
    { kty: 'oct', kid: 'secret', k: Buffer.alloc(32, 1).toString('base64url') },
    { kty: 'OKP', crv: 'Ed25519', kid: 'low', x: lowOrder.toString('base64url') },
    { ...jwk(weak.publicKey), kid: 'weak' },
    { ...jwk(attacker.privateKey), kid: 'burnt' },
    { ...jwk(attacker.publicKey), kid: 'burnt', use: 'enc' },
    { ...jwk(attacker.publicKey), kid: 'burnt', key_ops: ['sign'] },
    { kty: 'RSA', kid: 'weak', e: 'AQ', n: Buffer.alloc(256, 0xff).toString('base64url') },
    { ...key, kid: 'off', y: key.x },
    { ...key },
  );
  const deep = printable(8).map((kty) => ({ kty, deep: nested(40) }));
  return weighted([1, odd], [9, hostile], [1, deep]);
}

/** The key without one of its members, or with another value in its place. */
function mutated(key) {
  return fc.constantFrom(...Object.keys(key)).chain((name) => {
    const { [name]: value, ...rest } = key;
    const replaced = fc.oneof(odd, edited(fc.constant(String(value))));
    return weighted([1, fc.constant(rest)], [2, replaced.map((other) => ({ ...key, [name]: other }))]);
  });
}
