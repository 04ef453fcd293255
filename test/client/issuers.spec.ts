import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { beforeEach, describe, expect, it } from 'vitest';
import { JwksConfigurationError } from '../../lib/core/errors.js';
import type { TestIssuer } from '../../lib/testing/index.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { clientOf, faultOf, jwksOf, serviceOf, startIssuer, startServer } from './support.js';

const KID = 'the-kid';

describe('one issuer', () => {
  it.each(['https://id.example.com', 'https://ID.example.com/', 'https://id.example.com/?', '', undefined, 'null'])(
    'F6: never stands in for another: %s',
    async (iss) => {
      const key = await testKey();
      const server = await startServer();
      const issuer = 'https://id.example.com/';
      const jwks = serviceOf({ issuer, audience: false, jwksUri: server.url('/jwks') });
      expect(await faultOf(jwks.verify(await signToken(key, { iss, exp: 9e9 })))).toMatchObject({
        code: 'issuer_untrusted',
      });
      expect(server.requests).toEqual([]);
    },
  );

  it('takes tokens of any issuer, and of none, only where issuer: false says so', async () => {
    const key = await testKey();
    const jwks = serviceOf({ issuer: false, audience: false, jwks: jwksOf(key) });
    expect((await jwks.verify(await signToken(key, { exp: 9e9 }))).issuer).toBeUndefined();
    expect((await jwks.verify(await signToken(key, { iss: 'x', exp: 9e9 }))).issuer).toBe('x');
    expect(await faultOf(jwks.verify(await signToken(key, { iss: 'x', exp: 9e9 }), { issuer: 'y' }))).toMatchObject({
      code: 'issuer_untrusted',
    });
  });

  it('needs no name in look-ups, and takes only its own', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    const [kid = ''] = issuer.kids;
    expect(await jwks.getSigningKey(kid)).toBe(await jwks.client(issuer.issuer).getSigningKey(kid));
    expect(await faultOf(jwks.client('https://other').getSigningKey(kid))).toMatchObject({
      code: 'issuer_untrusted',
    });
  });
});

describe('several issuers', () => {
  const A = 'https://a.example.com';
  const B = 'https://b.example.com';
  let keys: Record<string, TestKey>;
  let stores: Record<string, () => object>;

  beforeEach(async () => {
    // Made under another name each, and published under the same kid.
    const rename = (key: TestKey) => ({ ...key, kid: KID, jwk: { ...key.jwk, kid: KID } });
    keys = { [A]: rename(await testKey('ES256', 'a')), [B]: rename(await testKey('ES256', 'b')) };
    const shared = createCache({ stores: [new Keyv()] });
    stores = { 'in memory': () => ({}), 'in a shared store': () => ({ cache: { store: shared } }) };
  });

  async function twoIssuers(options: object = {}) {
    const server = await startServer();
    for (const [name, path] of [
      [A, '/a'],
      [B, '/b'],
    ] as const) {
      server.on(path, { body: jwksOf(keys[name] as TestKey) });
    }
    const issuers = [
      { issuer: A, jwksUri: server.url('/a') },
      { issuer: B, jwksUri: server.url('/b') },
    ];
    return { server, jwks: serviceOf({ issuers, audience: false, ...options }) };
  }

  const token = (iss: string, signer: string) => signToken(keys[signer] as TestKey, { iss, sub: signer, exp: 9e9 });

  describe.each(['in memory', 'in a shared store'])('with sets %s', (where) => {
    it.each([
      [A, B],
      [B, A],
    ])('F1: never verify a token with the key of another, cold (%s first)', async (first, second) => {
      const { jwks } = await twoIssuers(stores[where]?.());
      expect(await faultOf(jwks.verify(await token(first, second)))).toMatchObject({ code: 'signature_invalid' });
      expect((await jwks.verify(await token(first, first))).issuer).toBe(first);
      expect(await faultOf(jwks.verify(await token(second, first)))).toMatchObject({ code: 'signature_invalid' });
      expect((await jwks.verify(await token(second, second))).issuer).toBe(second);
    });

    it('F2: never meet among concurrent first requests', async () => {
      const { jwks, server } = await twoIssuers({ ...stores[where]?.(), refetchLimit: { burst: 0 } });
      const pairs = [A, B].flatMap((iss) => [A, B].map((signer) => ({ iss, signer })));
      const rounds = Array.from({ length: 100 }, (_, index) => pairs[index % 4] as (typeof pairs)[0]);
      const tokens = await Promise.all(rounds.map(({ iss, signer }) => token(iss, signer)));
      const outcomes = await Promise.allSettled(tokens.map((each) => jwks.verify(each)));
      expect(outcomes.map(({ status }) => status)).toEqual(
        rounds.map(({ iss, signer }) => (iss === signer ? 'fulfilled' : 'rejected')),
      );
      expect(server.requests).toHaveLength(2);
    });
  });

  it('answer look-ups by name, each with its own key of the same kid', async () => {
    const { jwks } = await twoIssuers();
    const [a, b] = [await jwks.client(A).getSigningKey(KID), await jwks.client(B).getSigningKey(KID)];
    expect(a.jwk.x).toBe(keys[A]?.jwk.x);
    expect(b.jwk.x).toBe(keys[B]?.jwk.x);
    expect(await jwks.getSigningKeyFromJwt(await token(B, B))).toBe(b);
    expect([...(await jwks.client(A).getJwkSet())]).toEqual([a]);
    expect(await jwks.client(B).getSigningKeys()).toEqual([b]);
    expect(await jwks.client(B).fetchJwkSet()).toEqual(jwksOf(keys[B] as TestKey));
  });

  it('give each caller a document of its own, by one request', async () => {
    const { jwks, server } = await twoIssuers();
    const client = jwks.client(A);
    const [one, other] = await Promise.all([client.fetchJwkSet(), client.fetchJwkSet()]);
    expect(server.requests).toHaveLength(1);
    one.keys.length = 0;
    expect(other).toEqual(jwksOf(keys[A] as TestKey));
  });

  it('must be named where a look-up could mean any of them', async () => {
    const { jwks } = await twoIssuers();
    const nameless = { code: 'configuration_invalid', option: 'issuer' };
    expect(await faultOf(jwks.getSigningKey(KID))).toMatchObject(nameless);
    expect(await faultOf(jwks.getSigningKeys())).toMatchObject(nameless);
    expect(await faultOf(jwks.getJwkSet())).toMatchObject(nameless);
    expect(await faultOf(jwks.fetchJwkSet())).toMatchObject(nameless);
    expect(() => jwks.client()).toThrow(/name one of them, as in client/);
    expect(await faultOf(jwks.client('https://c.example.com').getSigningKey(KID))).toMatchObject({
      code: 'issuer_untrusted',
    });
  });

  it('may be those of a client without Nest', async () => {
    const { server } = await twoIssuers();
    const list = [A, B].map((issuer, index) => ({ issuer, jwksUri: server.url(index === 0 ? '/a' : '/b') }));
    for (const issuers of [list, (iss: string) => list.find(({ issuer }) => issuer === iss)]) {
      const client = clientOf({ issuers, audience: false, http: { allowPrivateAddresses: true } });
      for (const issuer of [A, B]) expect((await client.verify(await token(issuer, issuer))).issuer).toBe(issuer);
      expect(await faultOf(client.verify(await token(A, B)))).toMatchObject({ code: 'signature_invalid' });
      expect(await faultOf(client.verify(await token('https://c.example.com', A)))).toMatchObject({
        code: 'issuer_untrusted',
      });
      expect(await faultOf(client.getSigningKeys())).toMatchObject({ option: 'issuer' });
      expect(() => client.status()).toThrow(/name one of them/);
      expect(await client.client(B).getSigningKeys()).toHaveLength(1);
      expect(client.client(B).status()).toMatchObject({ issuer: B, state: 'fresh' });
    }
    expect(() => clientOf({ issuers: [] })).toThrow(JwksConfigurationError);
  });

  it('F4: cost no request where a token names none of them, and leave nothing behind', async () => {
    const { jwks, server } = await twoIssuers();
    const outsiders = Array.from({ length: 1_000 }, (_, index) => `https://evil-${index}.example.com`);
    const others = [`${A}/`, A.toUpperCase(), ` ${A}`, `${A}\0`, '__proto__', 'constructor', ''];
    for (const iss of [...outsiders, ...others]) {
      expect(await faultOf(jwks.verify(await token(iss, A)))).toMatchObject({ code: 'issuer_untrusted' });
    }
    expect(server.requests).toEqual([]);
    expect(jwks.status().map(({ issuer }) => issuer)).toEqual([A, B]);
  });

  it('have rules of their own', async () => {
    const [es, ed] = [await testKey('ES256'), await testKey('EdDSA')];
    const jwks = serviceOf({
      audience: 'all',
      algorithms: ['ES256'],
      issuers: [
        { issuer: A, jwks: jwksOf(es, ed) },
        { issuer: B, jwks: jwksOf(es, ed), algorithms: ['EdDSA'], audience: 'b-only', validate: () => ({ from: 'b' }) },
      ],
    });
    const signed = (key: TestKey, iss: string, aud: string) => signToken(key, { iss, aud, exp: 9e9 });
    expect(await jwks.authenticate({ token: await signed(es, A, 'all') })).toMatchObject({
      user: { claims: { iss: A } },
    });
    expect(await jwks.authenticate({ token: await signed(ed, B, 'b-only') })).toMatchObject({ user: { from: 'b' } });
    expect((await faultOf(jwks.verify(await signed(ed, A, 'all')))).code).toBe('alg_not_allowed');
    expect((await faultOf(jwks.verify(await signed(es, B, 'b-only')))).code).toBe('alg_not_allowed');
    expect((await faultOf(jwks.verify(await signed(ed, B, 'all')))).code).toBe('claim_invalid');
  });

  it('can be narrowed by one call to one of them', async () => {
    const { jwks } = await twoIssuers();
    expect((await jwks.verify(await token(A, A), { issuer: A })).issuer).toBe(A);
    expect((await jwks.verify(await token(A, A), { issuer: [B, A] })).issuer).toBe(A);
    expect(await faultOf(jwks.verify(await token(A, A), { issuer: B }))).toMatchObject({ code: 'issuer_untrusted' });
    const outsider = 'https://c.example.com';
    expect(await faultOf(jwks.verify(await token(outsider, A), { issuer: outsider }))).toMatchObject({
      code: 'issuer_untrusted',
    });
  });

  it('have clients that take their own tokens alone, and outlive a close() of one', async () => {
    const { jwks } = await twoIssuers();
    const client = jwks.client(A);
    expect((await client.verify(await token(A, A))).issuer).toBe(A);
    expect(await faultOf(client.verify(await token(B, B)))).toMatchObject({ code: 'issuer_untrusted' });
    expect(await faultOf(client.getSigningKeyFromJwt(await token(B, B)))).toMatchObject({ code: 'issuer_untrusted' });
    expect(client.status()).toMatchObject({ issuer: A, state: 'fresh' });
    await client.close();
    expect(await client.getSigningKey(KID)).toBeDefined();
  });
});

describe('issuers in one store', () => {
  it('F3: do not meet, however their names are chosen', async () => {
    const store = createCache({ stores: [new Keyv()] });
    const names = ['a', 'a:b', 'a","b', 'https://a', 'a|b', 'jwks:v1:', '__proto__', 'false', 'é', 'e\u0301'];
    const services = await Promise.all(
      names.map(async (issuer, index) => {
        const key = await testKey('ES256', `key-${index}`);
        const server = await startServer();
        server.on('/jwks', { body: jwksOf({ ...key, jwk: { ...key.jwk, kid: KID } }) });
        const jwksUri = server.url('/jwks');
        return { key, server, make: () => serviceOf({ issuer, audience: false, jwksUri, cache: { store } }) };
      }),
    );
    // The first round fills the store, the second reads it.
    for (const round of [1, 2]) {
      for (const { key, make, server } of services) {
        const found = await make().getSigningKey(KID);
        expect(found.jwk.x).toBe(key.jwk.x);
        expect(server.requests.length, `round ${round}`).toBeLessThanOrEqual(1);
      }
    }
  });

  it('H2: are reported apart by where the keys come from, failover included', async () => {
    const store = createCache({ stores: [new Keyv()] });
    const server = await startServer();
    const [mine, planted] = [await testKey('ES256', 'mine'), await testKey('ES256', 'planted')];
    server.on('/jwks', { status: 500 });
    const options = { issuer: 'https://a', audience: false, jwksUri: server.url('/jwks') } as const;
    const shared = { cache: { store }, http: { retries: 0 } };
    const other = serviceOf({ ...options, ...shared, failover: [{ jwks: jwksOf(planted) }] });
    expect(await other.getSigningKey('planted')).toBeDefined();
    const own = serviceOf({ ...options, ...shared, failover: [{ jwks: jwksOf(mine) }] });
    expect((await own.getSigningKeys()).map(({ kid }) => kid)).toEqual(['mine']);
  });
});

describe('issuers by discovery', () => {
  it('are each discovered, and loaded, once', async () => {
    const issuers: TestIssuer[] = [await startIssuer(), await startIssuer({ issuerPath: '/tenants/b' })];
    const jwks = serviceOf({ audience: 'orders-api', issuers: issuers.map(({ issuer }) => ({ issuer })) });
    await Promise.all(
      issuers.flatMap((issuer) => Array.from({ length: 20 }, async () => jwks.verify(await issuer.sign()))),
    );
    for (const { requests } of issuers) expect(requests).toHaveLength(2);
  });
});
