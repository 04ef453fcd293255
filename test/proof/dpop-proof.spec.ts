import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JwksError } from '../../lib/core/errors.js';
import {
  assertProves,
  assertRecent,
  assertSigned,
  parseDpopProof,
  replayKeyOf,
  type DpopProof,
} from '../../lib/proof/dpop-proof.js';
import { ProofKeys } from '../../lib/proof/proof-key.js';
import { ACCESS_TOKEN, newSigner, NOW, proofOf, signedText, URL_OF_REQUEST, type ProofSigner } from './support.js';

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256', 'ES384', 'ES512'];
const REQUEST = { method: 'GET', url: URL_OF_REQUEST, accessToken: ACCESS_TOKEN };
const WINDOW = { now: NOW, maxAge: 60_000, tolerance: 5_000 };

/** Every check of one proof, without nonce and replay. */
async function verify(text: unknown, keys = new ProofKeys(ALGORITHMS), request = REQUEST): Promise<DpopProof> {
  const proof = parseDpopProof(text, keys);
  assertProves(proof, request);
  await assertSigned(proof);
  assertRecent(proof, WINDOW);
  return proof;
}

/** What `verify` says: `accepted`, or the reason. */
async function outcomeOf(text: unknown, keys?: ProofKeys): Promise<string> {
  try {
    await verify(text, keys);
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ code: 'dpop_proof_invalid', hint: expect.any(String) as string });
    return (error as JwksError).message;
  }
}

describe('published values', () => {
  const RFC9449 =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA';

  it('of RFC 9449 section 7.1: the proof is accepted for its request, and its key has the thumbprint of section 6.1', async () => {
    const proof = parseDpopProof(RFC9449, new ProofKeys(['ES256']));
    assertProves(proof, {
      method: 'GET',
      url: 'https://resource.example.org/protectedresource',
      accessToken: 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
    });
    await assertSigned(proof);
    assertRecent(proof, { now: 1_562_262_618_000, maxAge: 0, tolerance: 0 });
    expect(proof.key.thumbprint).toBe('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
    expect(proof.claims.ath).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo');
  });

  const header = (alg: string, jwk: object) =>
    Buffer.from(JSON.stringify({ typ: 'dpop+jwt', alg, jwk })).toString('base64url');

  it('of RFC 7638 section 3.1: the thumbprint of an RSA key', () => {
    const jwk = {
      kty: 'RSA',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
      alg: 'RS256',
      kid: '2011-04-29',
    };
    const { thumbprint } = new ProofKeys(['RS256']).of(header('RS256', jwk));
    expect(thumbprint).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('of RFC 8037 appendix A.3: the thumbprint of an Ed25519 key', () => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
    const { thumbprint } = new ProofKeys(['EdDSA']).of(header('EdDSA', jwk));
    expect(thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });
});

describe('a DPoP proof', () => {
  let signer: ProofSigner;
  let rsa: ProofSigner;

  beforeAll(async () => {
    [signer, rsa] = await Promise.all([newSigner(), newSigner('RS256')]);
  });

  it.each(ALGORITHMS)('of %s is accepted', async (alg) => {
    expect(await outcomeOf(await proofOf(await newSigner(alg)))).toBe('accepted');
  });

  it('is accepted with members that RFC 9449 does not name', async () => {
    const proof = await proofOf(signer, { header: { kid: 'x', extra: 1 }, claims: { nbf: 'x', extra: {} } });
    expect(await outcomeOf(proof)).toBe('accepted');
  });

  it.each<[string, (own: ProofSigner) => Promise<unknown>, RegExp]>([
    ['none', () => Promise.resolve(undefined), /no DPoP header/],
    ['an empty one', () => Promise.resolve(''), /no DPoP header/],
    ['two, joined by Node', async (own) => `${await proofOf(own)}, ${await proofOf(own)}`, /more than one/],
    ['two, in a list', async (own) => [await proofOf(own), await proofOf(own)], /more than one/],
    ['one that is too long', (own) => proofOf(own, { claims: { x: 'x'.repeat(8_000) } }), /too long/],
    ['an opaque text', () => Promise.resolve('abc'), /compact form/],
    ['two parts', async (own) => (await proofOf(own)).split('.').slice(0, 2).join('.'), /compact form/],
    ['four parts', async (own) => `${await proofOf(own)}.e30`, /compact form/],
    ['padding', async (own) => `${await proofOf(own)}==`, /compact form/],
    ['white space', async (own) => ` ${await proofOf(own)}`, /compact form/],
    ['no signature', async (own) => (await proofOf(own)).replace(/[^.]+$/, ''), /compact form/],
    ['a payload that is no object', (own) => signedText(own, headerOf(own), '[]'), /compact form/],
    ['a payload that is nested too deeply', (own) => signedText(own, headerOf(own), deep()), /compact form/],
    ['typ JWT', (own) => proofOf(own, { header: { typ: 'JWT' } }), /"typ"/],
    ['no typ', (own) => proofOf(own, { header: { typ: undefined } }), /"typ"/],
    ['crit', (own) => proofOf(own, { header: { crit: ['x'], x: 1 } }), /critical/],
    ['no jwk', (own) => proofOf(own, { header: { jwk: undefined } }), /"jwk"/],
    ['a jwk that is a text', (own) => proofOf(own, { header: { jwk: 'x' } }), /"jwk"/],
    ['a jwk that is a list', (own) => proofOf(own, { header: { jwk: [own.jwk] } }), /"jwk"/],
    ['a private key', (own) => withJwk(own, { d: 'x' }), /"jwk"/],
    ['a jwk for encryption', (own) => withJwk(own, { use: 'enc' }), /"jwk"/],
    ['a jwk for another algorithm', (own) => withJwk(own, { alg: 'ES384' }), /"jwk"/],
    ['a padded coordinate', (own) => withJwk(own, { x: `${own.jwk.x}=` }), /"jwk"/],
    ['a coordinate with a zero before it', (own) => withJwk(own, { x: withZero(own.jwk.x) }), /"jwk"/],
    ['a point that is not on its curve', (own) => withJwk(own, { y: own.jwk.x }), /"jwk"/],
    ['a symmetric key', (own) => proofOf(own, { header: { jwk: { kty: 'oct', k: 'x' } } }), /"jwk"/],
    ['no jti', (own) => proofOf(own, { claims: { jti: undefined } }), /lacks/],
    ['an empty jti', (own) => proofOf(own, { claims: { jti: '' } }), /lacks/],
    ['a jti that is a number', (own) => proofOf(own, { claims: { jti: 1 } }), /lacks/],
    ['a jti of 257 characters', (own) => proofOf(own, { claims: { jti: 'x'.repeat(257) } }), /lacks/],
    ['no htm', (own) => proofOf(own, { claims: { htm: undefined } }), /lacks/],
    ['no htu', (own) => proofOf(own, { claims: { htu: undefined } }), /lacks/],
    ['no iat', (own) => proofOf(own, { claims: { iat: undefined } }), /lacks/],
    ['an iat that is a text', (own) => proofOf(own, { claims: { iat: '1767225600' } }), /lacks/],
    ['an iat without end', async (own) => signedText(own, headerOf(own), await endless(own)), /lacks/],
    ['no ath', (own) => proofOf(own, { claims: { ath: undefined } }), /lacks/],
    ['a nonce that is a number', (own) => proofOf(own, { claims: { nonce: 1 } }), /lacks/],
    ['another method', (own) => proofOf(own, { claims: { htm: 'POST' } }), /method/],
    ['the method in lower case', (own) => proofOf(own, { claims: { htm: 'get' } }), /method/],
    ['another host', (own) => proofOf(own, { claims: { htu: 'https://api.example.org/orders' } }), /URL.*host or port/],
    ['another path', (own) => proofOf(own, { claims: { htu: 'https://api.example.com/Orders' } }), /URL.*the paths/],
    ['another port', (own) => proofOf(own, { claims: { htu: 'https://api.example.com:8443/orders' } }), /host or port/],
    ['http', (own) => proofOf(own, { claims: { htu: 'http://api.example.com/orders' } }), /URL.*one is http/],
    ['a URL that is none', (own) => proofOf(own, { claims: { htu: '/orders' } }), /URL/],
    ['another access token', (own) => proofOf(own, { claims: { ath: 'x' } }), /access token/],
    ['an iat 66 seconds ago', (own) => proofOf(own, { claims: { iat: NOW / 1000 - 66 } }), /too old/],
    ['an iat in 6 seconds', (own) => proofOf(own, { claims: { iat: NOW / 1000 + 6 } }), /future/],
  ])('P5, P7, P17: is rejected: %s', async (_, make, reason) => {
    expect(await outcomeOf(await make(signer))).toMatch(reason);
  });

  it.each([65, 0, -5])('is accepted %s seconds after it was made', async (age) => {
    expect(await outcomeOf(await proofOf(signer, { claims: { iat: NOW / 1000 - age } }))).toBe('accepted');
  });

  it('is rejected with an algorithm that is not in the list, and with a key of another type', async () => {
    const proof = await proofOf(signer);
    expect(await outcomeOf(proof, new ProofKeys(['ES384']))).toMatch(/not allowed/);
    expect(await outcomeOf(await proofOf(rsa, { header: { jwk: signer.jwk } }))).toMatch(/"jwk"/);
  });

  it.each(['HS256', 'none'])('P17: is rejected with %s', async (alg) => {
    const [, payload] = (await proofOf(signer)).split('.');
    const head = Buffer.from(JSON.stringify({ typ: 'dpop+jwt', alg, jwk: signer.jwk })).toString('base64url');
    expect(await outcomeOf(`${head}.${payload}.AAAA`)).toMatch(/not allowed/);
  });

  it('is rejected when another key has signed it', async () => {
    expect(await outcomeOf(await proofOf(signer, { header: { jwk: (await newSigner()).jwk } }))).toMatch(/signature/i);
  });

  it('P13: is not taken for one with the same jti and another key, and for one with the same key it is', async () => {
    const claims = { jti: 'x' };
    const keyOf = async (own: ProofSigner) => replayKeyOf(await verify(await proofOf(own, { claims })));
    expect(await keyOf(signer)).toBe(await keyOf(signer));
    expect(await keyOf(signer)).not.toBe(await keyOf(await newSigner()));
    expect(await keyOf(signer)).toHaveLength(43);
  });

  it('P12: keeps the key of a header that was accepted, and nothing else', async () => {
    const keys = new ProofKeys(ALGORITHMS);
    const { header, key } = await verify(await proofOf(signer), keys);
    expect(keys.of(header)).not.toBe(key);
    keys.keep(header, key);
    expect(keys.of(header)).toBe(key);
  });

  it('P21: is rejected after any change of one character, also with its key kept', async () => {
    const proof = await proofOf(signer);
    const keys = new ProofKeys(ALGORITHMS);
    const { header, key } = await verify(proof, keys);
    keys.keep(header, key);
    const change = fc.tuple(fc.nat(proof.length - 1), fc.string({ unit: 'binary', maxLength: 2 }));
    await fc.assert(
      fc.asyncProperty(change, async ([index, text]) => {
        const changed = proof.slice(0, index) + text + proof.slice(index + 1);
        fc.pre(changed !== proof);
        expect(await outcomeOf(changed, keys)).not.toBe('accepted');
      }),
      { numRuns: 2_000 },
    );
  });

  it('P8: never throws anything but its error, whatever is signed', async () => {
    const json = fc.jsonValue();
    const members = fc.dictionary(fc.constantFrom('jti', 'htm', 'htu', 'iat', 'ath', 'nonce', '__proto__'), json);
    await fc.assert(
      fc.asyncProperty(members, fc.dictionary(fc.constantFrom('typ', 'jwk', 'kid'), json), async (claims, header) => {
        fc.pre(Object.keys(claims).length + Object.keys(header).length > 0);
        const outcome = await outcomeOf(await proofOf(signer, { claims, header }));
        if (Object.keys(claims).some((name) => name !== 'jti' && name !== 'nonce' && name !== '__proto__'))
          expect(outcome).not.toBe('accepted');
      }),
      { numRuns: 200 },
    );
  });
});

function headerOf({ alg, jwk }: ProofSigner): Record<string, unknown> {
  return { typ: 'dpop+jwt', alg, jwk };
}

function withJwk(signer: ProofSigner, members: Record<string, unknown>): Promise<string> {
  return proofOf(signer, { header: { jwk: { ...signer.jwk, ...members } } });
}

function withZero(coordinate = ''): string {
  return Buffer.concat([Buffer.alloc(1), Buffer.from(coordinate, 'base64url')]).toString('base64url');
}

function deep(): string {
  return '{"a":'.repeat(40) + '1' + '}'.repeat(40);
}

async function endless(signer: ProofSigner): Promise<string> {
  const [, payload = ''] = (await proofOf(signer)).split('.');
  return Buffer.from(payload, 'base64url')
    .toString()
    .replace(/"iat":\d+/, '"iat":1e400');
}
