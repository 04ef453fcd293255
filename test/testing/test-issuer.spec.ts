import { generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestIssuer } from '../../lib/testing/index.js';

let issuer: TestIssuer;

beforeEach(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
});

afterEach(() => issuer.close());

/** Verifies with the set as it is published. */
async function verify(token: string, options = { issuer: issuer.issuer, audience: 'orders-api' }) {
  const jwks = (await (await fetch(issuer.jwksUri)).json()) as Parameters<typeof createLocalJWKSet>[0];
  return jwtVerify(token, createLocalJWKSet(jwks), options);
}

const get = async (url: string) => (await fetch(url)).json() as Promise<Record<string, unknown>>;

describe('what a TestIssuer publishes', () => {
  it('gives its issuer and jwks_uri by OpenID Connect and by RFC 8414 discovery', async () => {
    const document = await get(`${issuer.issuer}/.well-known/openid-configuration`);
    expect(document).toMatchObject({ issuer: issuer.issuer, jwks_uri: issuer.jwksUri });
    expect(await get(`${issuer.url}/.well-known/oauth-authorization-server`)).toEqual(document);
  });

  it.each([
    [
      '/tenants/a',
      '/tenants/a/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/tenants/a',
      '/tenants/a/jwks',
    ],
    ['/', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'],
    ['/b/', '/b/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/b', '/b/jwks'],
  ])('has an issuer with the path %s', async (issuerPath, openid, oauth, jwks) => {
    await using other = await TestIssuer.start({ issuerPath });
    expect(other.issuer).toBe(`${other.url}${issuerPath}`);
    expect(other.jwksUri).toBe(`${other.url}${jwks}`);
    expect(await get(`${other.url}${openid}`)).toMatchObject({ issuer: other.issuer, jwks_uri: other.jwksUri });
    expect(await get(`${other.url}${oauth}`)).toMatchObject({ issuer: other.issuer });
    expect(decodeJwt(await other.sign()).iss).toBe(other.issuer);
  });

  it('rejects an issuerPath without its slash', async () => {
    await expect(TestIssuer.start({ issuerPath: 'tenant' })).rejects.toThrow('issuerPath');
  });

  it('lists public members alone', async () => {
    const { keys } = (await get(issuer.jwksUri)) as { keys: Record<string, unknown>[] };
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
    expect(issuer.jwks.keys).toEqual(keys);
  });

  it('answers 304 to the ETag of the set as it is, and 200 once it has changed', async () => {
    const first = await fetch(issuer.jwksUri);
    expect(first.headers.get('content-type')).toBe('application/jwk-set+json');
    const conditional = { headers: { 'if-none-match': first.headers.get('etag')! } };
    const again = await fetch(issuer.jwksUri, conditional);
    expect([again.status, await again.text()]).toEqual([304, '']);
    await issuer.rotate();
    expect((await fetch(issuer.jwksUri, conditional)).status).toBe(200);
  });

  it('sends Cache-Control when reported to', async () => {
    const header = async () => (await fetch(issuer.jwksUri)).headers.get('cache-control');
    expect(await header()).toBeNull();
    issuer.cacheControl = 'max-age=60';
    expect(await header()).toBe('max-age=60');
  });

  it('knows GET and HEAD and no other page', async () => {
    const head = await fetch(issuer.jwksUri, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(issuer.jwksUri, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${issuer.url}/elsewhere`)).status).toBe(404);
  });

  it('hands the module what it needs', async () => {
    expect(issuer.options()).toEqual({ issuer: issuer.issuer, audience: 'orders-api' });
    await using open = await TestIssuer.start();
    expect(open.options()).toEqual({ issuer: open.issuer, audience: false });
  });
});

describe('sign', () => {
  it('makes a token that verifies, with the claims of an access token', async () => {
    const before = Math.floor(Date.now() / 1000);
    const { payload, protectedHeader } = await verify(await issuer.sign());
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: issuer.kids[0], typ: 'at+jwt' });
    expect(payload).toMatchObject({ iss: issuer.issuer, aud: 'orders-api', sub: 'test-user' });
    expect(payload.iat).toBeGreaterThanOrEqual(before);
    expect(payload.exp).toBe(payload.iat! + 300);
  });

  it('adds, replaces and removes claims and header members', async () => {
    const token = await issuer.sign(
      { sub: 'alice', scope: 'a b', aud: undefined },
      { header: { typ: 'JWT', cty: 'x', kid: undefined } },
    );
    expect(decodeJwt(token)).toMatchObject({ sub: 'alice', scope: 'a b' });
    expect(decodeJwt(token)).not.toHaveProperty('aud');
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'JWT', cty: 'x' });
  });

  it('counts exp from iat, backwards too', async () => {
    expect(decodeJwt(await issuer.sign({ iat: 1000 }, { expiresIn: '1h' }))).toMatchObject({ iat: 1000, exp: 4600 });
    expect(decodeJwt(await issuer.sign({ iat: 1000 }, { expiresIn: -10_000 }))).toMatchObject({ exp: 990 });
    expect(decodeJwt(await issuer.sign({ exp: undefined }))).not.toHaveProperty('exp');
    await expect(issuer.sign({}, { expiresIn: 'soon' })).rejects.toThrow('expiresIn');
  });

  it('takes the time from `now`', async () => {
    await using other = await TestIssuer.start({ now: () => 5_000_000 });
    expect(decodeJwt(await other.sign())).toMatchObject({ iat: 5000, exp: 5300 });
  });

  it('leaves out aud where the issuer has no audience', async () => {
    await using other = await TestIssuer.start();
    expect(decodeJwt(await other.sign())).not.toHaveProperty('aud');
  });

  it.each(['RS256', 'PS256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])('signs with %s', async (alg) => {
    await using other = await TestIssuer.start({ alg });
    const token = await other.sign();
    expect(decodeProtectedHeader(token)).toMatchObject({ alg, kid: other.kids[0] });
    await expect(jwtVerify(token, createLocalJWKSet(other.jwks as never))).resolves.toBeDefined();
  });

  it('signs with the first of several algorithms, or with the one asked for', async () => {
    await using other = await TestIssuer.start({ alg: ['ES384', 'EdDSA'] });
    expect(decodeProtectedHeader(await other.sign())).toMatchObject({ alg: 'ES384', kid: other.kids[0] });
    expect(decodeProtectedHeader(await other.sign({}, { alg: 'EdDSA' }))).toMatchObject({
      alg: 'EdDSA',
      kid: other.kids[1],
    });
  });

  it('makes and publishes a key of another algorithm for the first token that asks for it', async () => {
    await using other = await TestIssuer.start();
    const token = await other.sign({}, { alg: 'EdDSA' });
    await expect(jwtVerify(token, createLocalJWKSet(other.jwks as never))).resolves.toBeDefined();
    expect(decodeProtectedHeader(await other.sign({}, { alg: 'EdDSA' })).kid).toBe(decodeProtectedHeader(token).kid);
    expect(decodeProtectedHeader(await other.sign()).alg).toBe('ES256');
  });

  it('forges with another key under its own kid', async () => {
    const forged = await issuer.sign({}, { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey });
    expect(decodeProtectedHeader(forged)).toMatchObject({ alg: 'ES256', kid: issuer.kids[0] });
    await expect(verify(forged)).rejects.toThrow('signature verification failed');
  });

  it('makes HMAC and unsecured tokens, which an API must reject', async () => {
    const hmac = await issuer.sign({}, { alg: 'HS256', kid: 'any', key: new Uint8Array(32) });
    expect(decodeProtectedHeader(hmac)).toMatchObject({ alg: 'HS256', kid: 'any' });
    const unsecured = await issuer.sign({ sub: 'mallory' }, { alg: 'none' });
    expect(unsecured.split('.')[2]).toBe('');
    expect(decodeProtectedHeader(unsecured).alg).toBe('none');
    expect(decodeJwt(unsecured).sub).toBe('mallory');
  });

  it('signs a header with critical members', async () => {
    const token = await issuer.sign({}, { header: { crit: ['urn:x'], 'urn:x': true } });
    await expect(verify(token)).rejects.toThrow('urn:x');
  });
});

describe('keys', () => {
  it('belong to one issuer alone', async () => {
    await using other = await TestIssuer.start();
    expect(other.jwks.keys[0]!.x).not.toBe(issuer.jwks.keys[0]!.x);
  });

  it('rotate: the new one signs, the old one stays published', async () => {
    const [old] = issuer.kids;
    const before = await issuer.sign();
    const kid = await issuer.rotate();
    expect(issuer.kids).toEqual([old, kid]);
    const after = await issuer.sign();
    expect(decodeProtectedHeader(after).kid).toBe(kid);
    await verify(before);
    await verify(after);
  });

  it('rotate without keeping: only the new one is published', async () => {
    const before = await issuer.sign();
    const kid = await issuer.rotate({ keep: false, kid: 'second', alg: 'EdDSA' });
    expect(kid).toBe('second');
    expect(issuer.kids).toEqual(['second']);
    await verify(await issuer.sign());
    await expect(verify(before)).rejects.toThrow('no applicable key');
  });

  it('rotate under an old kid: new material', async () => {
    const before = await issuer.sign();
    const [kid] = issuer.kids;
    expect(await issuer.rotate({ kid: kid! })).toBe(kid);
    expect(issuer.kids).toEqual([kid]);
    await expect(verify(before)).rejects.toThrow('signature verification failed');
    await verify(await issuer.sign());
  });

  it('revoke: no longer published, still able to sign where named, and put back by publish', async () => {
    const [old] = issuer.kids as [string];
    const kid = await issuer.rotate();
    issuer.revoke(kid);
    expect(issuer.kids).toEqual([old]);
    expect(decodeProtectedHeader(await issuer.sign()).kid).toBe(old);
    const token = await issuer.sign({}, { kid });
    await expect(verify(token)).rejects.toThrow('no applicable key');
    issuer.publish(kid);
    await verify(token);
  });

  it('revoke of the last: an empty set, until there is another', async () => {
    const [kid] = issuer.kids as [string];
    issuer.revoke(kid);
    expect(await get(issuer.jwksUri)).toEqual({ keys: [] });
    await expect(issuer.sign()).rejects.toThrow('publishes no key');
    issuer.publish(kid);
    await verify(await issuer.sign());
    issuer.revoke(kid);
    expect(await issuer.rotate()).not.toBe(kid);
    await verify(await issuer.sign());
  });

  it('name the kids there are when asked for another', async () => {
    await expect(issuer.sign({}, { kid: 'nobody' })).rejects.toThrow(`only ${issuer.kids[0]}`);
    expect(() => issuer.revoke('nobody')).toThrow('no key "nobody"');
    expect(() => issuer.publish('nobody')).toThrow('no key "nobody"');
  });

  it('come with their private halves', async () => {
    expect(issuer.keys[0]).toMatchObject({
      kid: issuer.kids[0],
      alg: 'ES256',
      privateKey: { type: 'private' },
      publicKey: { type: 'public' },
    });
  });
});

describe('outages', () => {
  const code = (error: unknown) => ((error as Error).cause as { code?: string }).code;

  it('rejects connections while down, resets what is open, and comes back on the same port', async () => {
    const { issuer: url } = issuer;
    await issuer.slow('1h');
    const hanging = fetch(issuer.jwksUri).catch(code);
    await expect.poll(() => issuer.jwksRequests).toBe(1);
    await issuer.down();
    expect(['UND_ERR_SOCKET', 'ECONNRESET']).toContain(await hanging);
    expect(await fetch(issuer.jwksUri).catch(code)).toBe('ECONNREFUSED');
    await issuer.down();
    await issuer.up();
    expect(issuer.issuer).toBe(url);
    expect((await fetch(issuer.jwksUri)).status).toBe(200);
    expect(issuer.jwksRequests).toBe(2);
  });

  it('holds answers back while slow, and lets them go when that ends', async () => {
    await issuer.slow('1h');
    const [kid] = issuer.kids;
    let answered = false;
    const answer = get(issuer.jwksUri).finally(() => (answered = true));
    await expect.poll(() => issuer.jwksRequests).toBe(1);
    await issuer.rotate();
    expect(answered).toBe(false);
    await issuer.up();
    expect(((await answer) as { keys: { kid: string }[] }).keys.map((key) => key.kid)).toEqual([kid]);
  });

  it('answers after the delay', async () => {
    await issuer.slow(20);
    expect((await fetch(issuer.jwksUri)).status).toBe(200);
    await expect(issuer.slow('a while')).rejects.toThrow('slow takes');
    await expect(issuer.slow(-1)).rejects.toThrow('slow takes');
  });

  it('answers 200 with garbage', async () => {
    await issuer.garbage();
    const page = await fetch(issuer.jwksUri);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
    expect(await page.text()).toContain('<!doctype html>');
    await issuer.garbage({ keys: [null] });
    expect(await get(`${issuer.issuer}/.well-known/openid-configuration`)).toEqual({ keys: [null] });
  });

  it('returns a status and its headers', async () => {
    await issuer.status(503, { 'retry-after': '5' });
    const response = await fetch(issuer.jwksUri);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    await issuer.up();
    expect((await fetch(issuer.jwksUri)).status).toBe(200);
  });

  it('leaves down for another mode', async () => {
    await issuer.down();
    await issuer.status(500);
    expect((await fetch(issuer.jwksUri)).status).toBe(500);
  });

  it('is gone after close', async () => {
    const { jwksUri } = issuer;
    await issuer.close();
    await issuer.close();
    expect(await fetch(jwksUri).catch(code)).toBe('ECONNREFUSED');
  });

  it('takes the port it is reported to', async () => {
    const port = Number(new URL(issuer.url).port);
    await issuer.close();
    await using other = await TestIssuer.start({ port });
    expect(other.url).toBe(`http://127.0.0.1:${port}`);
    await expect(TestIssuer.start({ port })).rejects.toThrow('EADDRINUSE');
  });
});

describe('requests', () => {
  it('are recorded, oldest first, and counted', async () => {
    await using other = await TestIssuer.start({ now: () => 7 });
    await fetch(`${other.issuer}/.well-known/openid-configuration`);
    await fetch(`${other.jwksUri}?v=1`, { headers: { 'cache-control': 'no-cache' } });
    expect(other.requests).toMatchObject([
      { method: 'GET', path: '/.well-known/openid-configuration', at: 7 },
      { method: 'GET', path: '/jwks?v=1', at: 7, headers: { 'cache-control': 'no-cache' } },
    ]);
    expect(other.jwksRequests).toBe(1);
    other.clearRequests();
    expect([other.requests.length, other.jwksRequests]).toEqual([0, 0]);
  });
});
