// Key sets of the fuzzer.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { edited, encode, nested, ODD, signedBy } from './random.mjs';

/** Not generateKeyPairSync: in Node 20 the export of such a key may wait for itself. */
const generate = promisify(generateKeyPair);

/** An issuer whose keys come and go, and keys that nobody should take. */
export async function setMaterial(changing) {
  return {
    attacker: await generate('ed25519'),
    weak: await generate('rsa', { modulusLength: 1_024 }),
    changingIssuer: changing.issuer,
    changingKeys: changing.jwks.keys,
    token: await changing.sign({}, { expiresIn: '1h' }),
  };
}

/** A set among whose entries are such as let anybody sign, and tokens signed that way. */
export function setCase(random, material) {
  const entries = [
    random.of([
      () => material.changingKeys[0],
      () => oddEntry(random, material),
      () => mutated(random, material.changingKeys[0]),
    ])(),
  ];
  for (let index = random.below(6); index > 0; index -= 1)
    entries.splice(random.below(entries.length + 1), 0, oddEntry(random, material));
  const body = random.of([
    { keys: entries },
    { keys: entries },
    { keys: entries },
    { keys: entries, odd: nested(60) },
    entries,
    { keys: {} },
    '<html>',
    { keys: [] },
    null,
  ]);
  const claims = {
    iss: material.changingIssuer,
    aud: 'orders-api',
    sub: 'forged',
    exp: Math.floor(Date.now() / 1_000) + 300,
  };
  const spoken = (alg, kid) => `${encode({ alg, kid })}.${encode(claims)}`;
  const one = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]);
  return {
    body,
    forged: [
      `${spoken('EdDSA', 'low')}.${one.toString('base64url')}`,
      `${spoken('HS256', 'secret')}.${one.toString('base64url')}`,
      signedBy(spoken('RS256', 'weak'), material.weak.privateKey, 'sha256'),
      signedBy(spoken('EdDSA', 'burnt'), material.attacker.privateKey),
      signedBy(spoken('EdDSA', material.changingKeys[0].kid), material.attacker.privateKey),
    ],
  };
}

function oddEntry(random, { attacker, weak, changingKeys }) {
  const jwk = (key) => key.export({ format: 'jwk' });
  return random.of([
    () => random.of(ODD),
    () => ({ kty: 'oct', kid: 'secret', k: Buffer.alloc(32, 1).toString('base64url') }),
    () => ({ kty: 'OKP', crv: 'Ed25519', kid: 'low', x: Buffer.from([1, ...Array(31).fill(0)]).toString('base64url') }),
    () => ({ ...jwk(weak.publicKey), kid: 'weak' }),
    () => ({ ...jwk(attacker.privateKey), kid: 'burnt' }),
    () => ({ ...jwk(attacker.publicKey), kid: 'burnt', use: 'enc' }),
    () => ({ ...jwk(attacker.publicKey), kid: 'burnt', key_ops: ['sign'] }),
    () => ({ kty: 'RSA', kid: 'weak', e: 'AQ', n: Buffer.alloc(256, 0xff).toString('base64url') }),
    () => ({ ...changingKeys[0], kid: 'off', y: changingKeys[0].x }),
    () => ({ kty: random.text(9), deep: nested(40) }),
    () => ({ ...changingKeys[0] }),
  ])();
}

function mutated(random, value) {
  const copy = { ...value };
  const name = random.of(Object.keys(copy));
  if (random.below(3) === 0) delete copy[name];
  else copy[name] = random.below(2) === 0 ? random.of(ODD) : edited(random, String(copy[name]));
  return copy;
}
