import { createPublicKey } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { JwksClient } from '../../lib/client/jwks-client.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { SigningKey } from '../../lib/keys/signing-key.js';
import { JwksConfigurationError, JwksError } from '../../lib/core/errors.js';
import type { JwksClientOptions } from '../../lib/options/jwks-options.js';
import { TestProxy } from '../sources/test-proxy.js';
import { testCertificates } from '../support/certificates.js';
import { signToken, testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { clientAt, clientOf, faultOf, jwksOf, startIssuer, startServer } from './support.js';

/** A JWKS URI that publishes two keys, and a client with nothing but that URI. */
async function twoKeys(options: Partial<JwksClientOptions> = {}) {
  const [a, b] = [await testKey('ES256', 'a'), await testKey('RS256', 'b')];
  const server = await startServer();
  server.on('/jwks', { body: jwksOf(a, b) });
  const jwksUri = server.url('/jwks');
  return { a, b, server, jwksUri, client: clientOf({ jwksUri, ...options }) };
}

const claims = () => ({ iss: 'https://id.example.com', aud: 'orders-api', exp: Math.floor(Date.now() / 1000) + 60 });

describe('what users of PyJWKClient find here', () => {
  it('parity: PyJWKClient(uri)', async () => {
    const { client } = await twoKeys();
    expect(await client.getSigningKey('a')).toMatchObject({ kid: 'a', kty: 'EC', alg: 'ES256' });
  });

  it('parity: lifespan=300 (cache.ttl)', async () => {
    const clock = new ManualClock();
    const { jwksUri, server } = await twoKeys();
    const client = clientAt(clock, { jwksUri, cache: { ttl: '300s', refreshAhead: 1, staleIfError: 0 } });
    await client.getSigningKey('a');
    await clock.pass('299s');
    await client.getSigningKey('a');
    expect(server.requests).toHaveLength(1);
    await clock.pass('1s');
    await client.getSigningKey('a');
    expect(server.requests).toHaveLength(2);
  });

  it.each([0, -1, '-5m'])('parity: lifespan %s is refused', (ttl) => {
    const make = () => new JwksClient({ jwksUri: 'https://id.example.com/jwks', cache: { ttl } });
    expect(make).toThrow(JwksConfigurationError);
    expect(make).toThrow(/"cache\.ttl"/);
  });

  it('parity: cache_jwk_set=True, in a store of the application (cache.store)', async () => {
    const { jwksUri, server } = await twoKeys();
    const store = createCache({ stores: [new Keyv()] });
    await clientOf({ jwksUri, cache: { store } }).getSigningKey('a');
    await vi.waitFor(() => expect(clientOf({ jwksUri, cache: { store } }).getSigningKey('a')).resolves.toBeDefined());
    expect(server.requests).toHaveLength(1);
  });

  it('parity: cache_jwk_set=False (cache.store: false) fetches for every look-up, once for concurrent ones', async () => {
    const { client, server } = await twoKeys({ cache: { store: false } });
    await client.getSigningKey('a');
    await client.getSigningKey('a');
    expect(server.requests).toHaveLength(2);
    await Promise.all([client.getSigningKey('a'), client.getSigningKey('b'), client.getSigningKeys()]);
    expect(server.requests).toHaveLength(3);
  });

  it('parity: cache_keys: a key is made once, and goes when its set no longer has it', async () => {
    const { client, server, a, b } = await twoKeys();
    const key = await client.getSigningKey('a');
    await client.getJwkSet({ refresh: true });
    expect(await client.getSigningKey('a')).toBe(key);
    expect(await key.toCryptoKey()).toBe(await key.toCryptoKey());
    server.on('/jwks', { body: jwksOf(b) });
    await client.getJwkSet({ refresh: true });
    expect(await faultOf(client.getSigningKey(a.kid))).toMatchObject({ code: 'key_not_found', kid: 'a' });
  });

  it('parity: headers (http.headers), to exactly the configured URL', async () => {
    const elsewhere = await startServer();
    const { client, server } = await twoKeys({ http: { headers: { 'X-Api-Key': 'secret' }, retries: 0 } });
    await client.getSigningKeys();
    expect(server.requests[0]?.headers['x-api-key']).toBe('secret');
    server.on('/jwks', { status: 302, headers: { location: elsewhere.url('/jwks') } });
    expect(await faultOf(client.getJwkSet({ refresh: true }))).toMatchObject({ code: 'jwks_unavailable' });
    expect(elsewhere.requests).toEqual([]);
  });

  it.each(['stall', 'stall-in-body', 'drip'] as const)('parity: timeout=30 (http.timeout), for a %s', async (fault) => {
    const { client, server } = await twoKeys({ http: { timeout: 50, retries: 0 } });
    server.on('/jwks', { body: { keys: [] }, fault });
    expect(await faultOf(client.getSigningKeys())).toMatchObject({
      code: 'jwks_unavailable',
      message: expect.stringContaining('timed out') as string,
    });
  });

  it('parity: timeout=30 (http.deadline), over all tries', async () => {
    const { client, server } = await twoKeys({ http: { timeout: '5s', deadline: 100, retries: 100 } });
    server.on('/jwks', { status: 503 });
    const fault = await faultOf(client.getSigningKeys());
    expect(fault.code).toBe('jwks_unavailable');
    expect(server.requests.length).toBeGreaterThan(0);
  });

  it('parity: ssl_context (http.tls): a private CA and a client certificate', async () => {
    const { ca, server: certificate, client: orders } = await testCertificates();
    const server = await startServer({ tls: { ...certificate, ca, requestCert: true, rejectUnauthorized: true } });
    server.on('/jwks', { body: jwksOf(await testKey()) });
    const http = { retries: 0 };
    const jwksUri = server.url('/jwks');
    expect(await faultOf(clientOf({ jwksUri, http }).getSigningKeys())).toMatchObject({ code: 'jwks_unavailable' });
    const trusting = clientOf({ jwksUri, http: { ...http, tls: { ca, cert: orders.cert, key: orders.key } } });
    expect(await trusting.getSigningKeys()).toHaveLength(1);
    expect(server.requests).toMatchObject([{ clientName: 'orders-api' }]);
  });

  it('parity: ssl_context (http.tls) that is none is rejected', () => {
    const make = (tls: object) => () => new JwksClient({ jwksUri: 'https://id.example.com/jwks', http: { tls } });
    expect(make({ ca: '-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----' })).toThrow(/"http\.tls\.ca"/);
    expect(make({ cert: 'no' })).toThrow(JwksConfigurationError);
  });

  it('parity: proxies, by http.proxy and by the environment', async () => {
    const proxy = await TestProxy.start();
    onTestFinished(() => proxy.close());
    const { client, jwksUri } = await twoKeys({ http: { proxy: proxy.url } });
    await client.getSigningKeys();
    expect(proxy.asked).toHaveLength(1);
    vi.stubEnv('http_proxy', proxy.url);
    vi.stubEnv('no_proxy', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(jwksUri).port) };
    const remote = { jwksUri: 'http://id.example.com/jwks', allowInsecure: true };
    await clientOf(remote).getSigningKeys();
    expect(proxy.asked).toHaveLength(2);
    await clientOf({ jwksUri, http: { proxy: false } }).getSigningKeys();
    vi.stubEnv('no_proxy', 'example.com');
    await faultOf(clientOf({ ...remote, http: { retries: 0 } }).getSigningKeys());
    await clientOf({ jwksUri }).getSigningKeys();
    expect(proxy.asked).toHaveLength(2);
  });

  it('parity: get_signing_key(kid) finds a key that is new in exactly 2 requests', async () => {
    const { client, server, a, b } = await twoKeys();
    server.once('/jwks', { body: jwksOf(a) }, { body: jwksOf(a, b) });
    expect(await client.getSigningKey('b')).toMatchObject({ kid: 'b' });
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.headers).toMatchObject({ 'cache-control': 'no-cache' });
  });

  it('parity: get_signing_key(kid) fails after 2 requests for an unknown key', async () => {
    const { client, server } = await twoKeys();
    expect(await faultOf(client.getSigningKey('nobody'))).toMatchObject({ code: 'key_not_found', kid: 'nobody' });
    expect(server.requests).toHaveLength(2);
  });

  it.each([undefined, null, 7, {}, 'x'.repeat(257)])('parity: get_signing_key(%j) asks nobody', async (kid) => {
    const { client, server } = await twoKeys();
    expect(await faultOf(client.getSigningKey(kid as string))).toMatchObject({ code: 'key_not_found' });
    expect(server.requests).toHaveLength(0);
  });

  it('parity: get_signing_key_from_jwt(token)', async () => {
    const { client, b } = await twoKeys();
    expect(await client.getSigningKeyFromJwt(await signToken(b, { sub: 'alice' }))).toMatchObject({ kid: 'b' });
  });

  it('parity: get_signing_key_from_jwt(token) takes algorithms and the issuer seriously', async () => {
    const { jwksUri, a, b } = await twoKeys();
    const client = clientOf({ jwksUri, algorithms: ['ES256'], issuer: 'https://id.example.com' });
    const keyOf = async (token: string) => (await faultOf(client.getSigningKeyFromJwt(token))).code;
    expect(await keyOf(await signToken(b, claims()))).toBe('alg_not_allowed');
    expect(await keyOf(await signToken(a, { iss: 'https://id.example.com/' }))).toBe('issuer_untrusted');
    expect(await keyOf(await signToken(a, claims(), { kid: 'nobody' }))).toBe('key_not_found');
    expect(await keyOf('no.jwt')).toBe('token_malformed');
  });

  it('parity: get_signing_keys(refresh): use is sig or absent', async () => {
    const { client, server, a, b } = await twoKeys();
    const { use: _, ...unspecified } = b.jwk;
    server.on('/jwks', { body: { keys: [a.jwk, unspecified, { ...b.jwk, kid: 'c', use: 'enc' }] } });
    expect((await client.getSigningKeys()).map(({ kid }) => kid)).toEqual(['a', 'b']);
    server.on('/jwks', { body: jwksOf(b) });
    expect(await client.getSigningKeys()).toHaveLength(2);
    expect((await client.getSigningKeys({ refresh: true })).map(({ kid }) => kid)).toEqual(['b']);
  });

  it('parity: get_signing_keys() without any is an error', async () => {
    const { client, server, a } = await twoKeys();
    server.on('/jwks', { body: { keys: [{ ...a.jwk, use: 'enc' }] } });
    expect(await faultOf(client.getSigningKeys())).toMatchObject({ code: 'jwks_invalid' });
  });

  it("parity: get_jwk_set(refresh), PyJWKSet.keys, set['kid']", async () => {
    const { client, server } = await twoKeys();
    const set = await client.getJwkSet();
    expect(set).toBeInstanceOf(JwkSet);
    expect([...set]).toEqual([set.get('a'), set.get('b')]);
    expect(set.get('c')).toBeUndefined();
    expect(await client.getJwkSet()).toBe(set);
    expect(server.requests).toHaveLength(1);
    await client.getJwkSet({ refresh: true });
    expect(server.requests).toHaveLength(2);
  });

  it('parity: fetch_data(): the raw document, straight from the source', async () => {
    const { client, server, a } = await twoKeys();
    await client.getJwkSet();
    const document = { keys: [a.jwk, { kty: 'new', kid: 'x' }], note: 'hello' };
    server.on('/jwks', { body: document });
    expect(await client.fetchJwkSet()).toEqual(document);
    expect((await client.getJwkSet()).size).toBe(2);
  });

  it('parity: match_kid(keys, kid), static', async () => {
    const { client } = await twoKeys();
    const keys = await client.getSigningKeys();
    expect(JwksClient.matchKid(keys, 'b')).toBe(keys[1]);
    expect(JwksClient.matchKid(await client.getJwkSet(), 'a')).toBe(keys[0]);
    expect(JwksClient.matchKid(keys, 'B')).toBeUndefined();
  });

  it('parity: PyJWK.key_id, key_type, algorithm_name, public_key_use, key', async () => {
    const { client, b } = await twoKeys();
    const key = await client.getSigningKey('b');
    expect(key).toBeInstanceOf(SigningKey);
    expect(key).toMatchObject({ kid: 'b', kty: 'RSA', alg: 'RS256', use: 'sig' });
    expect(await key.toCryptoKey()).toMatchObject({ type: 'public', algorithm: { name: 'RSASSA-PKCS1-v1_5' } });
    const token = await signToken(b, claims());
    for (const form of [key.toKeyObject(), createPublicKey(key.toPem()), await key.toCryptoKey()]) {
      expect(await jwtVerify(token, form)).toMatchObject({ payload: { aud: 'orders-api' } });
    }
  });

  it('parity: PyJWKClientError > PyJWKClientConnectionError; PyJWKSetError', async () => {
    const { client, server } = await twoKeys({ http: { retries: 0 }, cache: { store: false } });
    server.on('/jwks', { status: 500 });
    const unavailable = await faultOf(client.getSigningKeys());
    server.on('/jwks', { body: '<html>' });
    const invalid = await faultOf(client.getSigningKeys());
    expect(unavailable).toMatchObject({ name: 'JwksConnectionError' });
    expect(invalid).toMatchObject({ name: 'InvalidJwkSetError' });
    for (const error of [unavailable, invalid]) expect(error).toBeInstanceOf(JwksError);
  });

  it('parity: a failed refresh keeps the cached set', async () => {
    const { client, server } = await twoKeys({ http: { retries: 0 } });
    const key = await client.getSigningKey('a');
    server.on('/jwks', { status: 500 });
    expect(await faultOf(client.getJwkSet({ refresh: true }))).toMatchObject({ code: 'jwks_unavailable' });
    expect(await client.getSigningKey('a')).toBe(key);
  });

  it('parity: a failed refresh keeps the cached set beyond its lifespan (staleIfError), and no longer', async () => {
    const clock = new ManualClock();
    const { jwksUri, server } = await twoKeys();
    const cache = { ttl: '5m', staleIfError: '1h' };
    const client = clientAt(clock, { jwksUri, cache, http: { retries: 0 } });
    const key = await client.getSigningKey('a');
    await server.close();
    await clock.pass('64m');
    expect(await client.getSigningKey('a')).toBe(key);
    await clock.pass('1m');
    expect(await faultOf(client.getSigningKey('a'))).toMatchObject({ code: 'jwks_unavailable' });
  });

  it.each(['file:///etc/jwks.json', 'data:,{}', 'ftp://id.example.com/jwks', 'javascript:0'])(
    'parity: http(s) schemes only: %s',
    (jwksUri) => {
      expect(() => new JwksClient({ jwksUri })).toThrow(/takes an https URL, not one of/);
    },
  );

  it.each([301, 302, 303, 307, 308])('parity: redirects are not followed: %i', async (status) => {
    const { client, server } = await twoKeys({ http: { retries: 0 } });
    server.on('/moved', { body: jwksOf(await testKey()) });
    server.on('/jwks', { status, headers: { location: server.url('/moved') } });
    const fault = await faultOf(client.getSigningKeys());
    expect(fault).toMatchObject({ code: 'jwks_unavailable' });
    expect(fault.message).toContain(`which leads to ${server.url('/moved')}; redirects are not followed: give`);
    expect(server.requests).toHaveLength(1);
  });

  it('parity: the whole decode workflow with audience and issuer', async () => {
    const { jwksUri, a } = await twoKeys();
    const client = clientOf({ jwksUri, issuer: 'https://id.example.com', audience: 'orders-api' });
    const good = await signToken(a, { ...claims(), sub: 'alice' });
    const verified = await client.verify<{ sub: string }>(good);
    expect(verified).toMatchObject({ claims: { sub: 'alice' }, issuer: 'https://id.example.com', key: { kid: 'a' } });
    expect(verified.header).toEqual(decodeProtectedHeader(good));
    const refusals = [
      [{ aud: 'other' }, 'claim_invalid'],
      [{ iss: 'https://other.example.com' }, 'issuer_untrusted'],
      [{ exp: 1 }, 'token_expired'],
    ] as const;
    for (const [bad, code] of refusals) {
      expect(await faultOf(client.verify(await signToken(a, { ...claims(), ...bad })))).toMatchObject({ code });
    }
  });

  it.each([
    ['failover: [{ jwks }]', (jwks: { keys: object[] }) => ({ failover: [{ jwks }] })],
    ['jwks beside jwksUri', (jwks: { keys: object[] }) => ({ jwks })],
  ])('parity: fall back to a backup key when look-up fails: %s', async (_, backup) => {
    const spare = await testKey('ES256', 'spare');
    const { jwksUri, server } = await twoKeys();
    const clock = new ManualClock();
    const options = { jwksUri, http: { retries: 0 }, ...backup(jwksOf(spare)) } as JwksClientOptions;
    const client = clientAt(clock, options);
    await server.close();
    expect(await client.getSigningKey('spare')).toMatchObject({ kid: 'spare' });
    await server.restart();
    // It comes back by itself, at the latest after minTtl.
    await clock.pass('1m');
    expect(await client.getSigningKey('a')).toMatchObject({ kid: 'a' });
    expect(await faultOf(client.getSigningKey('spare'))).toMatchObject({ code: 'key_not_found' });
  });
});

describe('what users of jwks-rsa find here', () => {
  it('parity: getKeysInterceptor (jwks): keys that are at hand, without the network', async () => {
    const key = await testKey();
    const client = clientOf({ jwks: jwksOf(key) });
    expect(await client.getSigningKey(key.kid)).toMatchObject({ kid: key.kid });
    expect(await faultOf(client.getSigningKey('other'))).toMatchObject({ code: 'key_not_found' });
  });

  it('parity: fetcher (http.fetch, a JwkSetSource)', async () => {
    const key = await testKey();
    const fetch = vi.fn(async () => Response.json(jwksOf(key)));
    const jwksUri = 'https://id.example.com/jwks';
    expect(await clientOf({ jwksUri, http: { fetch } }).getSigningKeys()).toHaveLength(1);
    expect(fetch).toHaveBeenCalledOnce();
    const close = vi.fn(async () => undefined);
    const source = { load: async () => ({ set: JwkSet.parse(jwksOf(key)), origin: 'vault' }), close };
    const client = new JwksClient({ source });
    expect(await client.getSigningKeys()).toHaveLength(1);
    expect(await client.fetchJwkSet()).toEqual({ keys: [key.jwk] });
    await client.close();
    expect(close).toHaveBeenCalledOnce();
  });
});

describe('what users of createRemoteJWKSet find here', () => {
  it('parity: cooldownDuration (refetchLimit): made-up kids cause 3 fetches in 30 seconds, and known keys never wait', async () => {
    const clock = new ManualClock();
    const { jwksUri, server } = await twoKeys();
    const client = clientAt(clock, { jwksUri });
    await client.getSigningKey('a');
    for (let kid = 0; kid < 20; kid += 1) await faultOf(client.getSigningKey(`made-up-${kid}`));
    expect(server.requests).toHaveLength(1 + 3);
    expect(await client.getSigningKey('a')).toMatchObject({ kid: 'a' });
    await clock.pass('30s');
    await faultOf(client.getSigningKey('made-up'));
    expect(server.requests).toHaveLength(1 + 3 + 1);
  });

  it('parity: cooldownDuration (refetchLimit: { burst: 0 })', async () => {
    const { client, server } = await twoKeys({ refetchLimit: { burst: 0 } });
    expect(await faultOf(client.getSigningKey('nobody'))).toMatchObject({ code: 'key_not_found' });
    expect(server.requests).toHaveLength(1);
  });

  it('parity: .fresh, .coolingDown, .jwks() (status)', async () => {
    const { client } = await twoKeys();
    expect(client.status()).toMatchObject({ state: 'empty', kids: [] });
    await client.getSigningKeys();
    const status = client.status();
    expect(status).toMatchObject({ state: 'fresh', kids: ['a', 'b'], algs: ['ES256', 'RS256'] });
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });
});

describe('JwksClient', () => {
  it.each([
    ['the same kid', 1],
    ['different kids', 5],
  ])('fetches once for 1,000 concurrent look-ups of %s at a cold start', async (_, count) => {
    const issuer = await startIssuer();
    for (let made = 1; made < count; made += 1) await issuer.rotate();
    const client = clientOf({ jwksUri: issuer.jwksUri });
    const kids = issuer.kids;
    const found = await Promise.all(
      Array.from({ length: 1_000 }, (__, index) => client.getSigningKey(kids[index % count] as string)),
    );
    expect(new Set(found).size).toBe(count);
    expect(issuer.requests).toHaveLength(1);
  });
});
