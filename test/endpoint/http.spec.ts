import { Module, VersioningType, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { createLocalJWKSet, generateKeyPair, exportJWK, jwtVerify, type JSONWebKeySet } from 'jose';
import { describe, expect, it } from 'vitest';
import { JwksModule, JwksService } from '../../lib/index.js';
import { JwksEndpointModule, JwksKeyRing, JwksSigner, type JwksEndpointOptions } from '../../lib/endpoint/index.js';
import { ADAPTERS, Api, type Answer, type MakeAdapter } from '../e2e/support/api.js';
import { CatchAll, Hostile } from '../e2e/support/hostile-app.js';

const SET = '/.well-known/jwks.json';
const METADATA = '/.well-known/oauth-authorization-server';
const ISSUER = 'https://billing.internal';
const APP = 'https://app.example.com';

function start(
  makeAdapter: MakeAdapter,
  options: JwksEndpointOptions,
  metadata: ModuleMetadata = {},
  prepare?: (app: INestApplication) => unknown,
) {
  const imports = [...(metadata.imports ?? []), JwksEndpointModule.forRoot(options)];
  return Api.start(makeAdapter, { ...metadata, imports }, prepare);
}

function keysOf(answer: Answer): JSONWebKeySet {
  return answer.body as JSONWebKeySet;
}

describe.each(ADAPTERS)('the endpoint on %s', (name, makeAdapter) => {
  it('answers GET and HEAD with the same headers', async () => {
    await using api = await start(makeAdapter, { issuer: ISSUER, keys: {} });
    const got = await api.call(SET);
    expect(got.status).toBe(200);
    expect(got.headers).toMatchObject({
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=600, stale-while-revalidate=60, stale-if-error=86400',
      'x-content-type-options': 'nosniff',
    });
    expect(got.headers.etag).toMatch(/^"[\w-]{43}"$/);
    expect(got.headers).not.toHaveProperty('access-control-allow-origin');
    expect(got.headers).not.toHaveProperty('vary');
    expect(keysOf(got).keys).toHaveLength(1);
    const head = await api.call(SET, { method: 'HEAD' });
    expect({ ...head.headers, date: '' }).toEqual({ ...got.headers, date: '' });
    expect([head.status, head.body]).toEqual([200, '']);
  });

  it('answers 304 where the client has the set', async () => {
    await using api = await start(makeAdapter, { keys: {} });
    const { headers } = await api.call(SET);
    const etag = headers.etag ?? '';
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await api.call(SET, { method, headers: { 'if-none-match': tag } });
        expect([answer.status, answer.body], tag).toEqual([304, '']);
        expect(answer.headers).toMatchObject({ etag, 'cache-control': headers['cache-control'] });
      }
    }
    expect((await api.call(SET, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it('answers 405 with Allow to other methods, whatever they bring', async () => {
    await using api = await start(makeAdapter, { issuer: ISSUER, keys: {} });
    for (const path of [SET, METADATA]) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await api.call(path, { method });
        expect(answer.status, method).toBe(405);
        expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
      }
      const options = await api.call(path, { method: 'OPTIONS' });
      expect([options.status, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
      expect(options.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('answers origins of the list, and keeps them apart in caches', async () => {
    await using api = await start(makeAdapter, { keys: {}, cors: [APP] });
    for (const origin of [APP, 'https://other.example.com', 'null', undefined]) {
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST']) {
        const { headers } = await api.call(SET, { method, ...(origin && { headers: { origin } }) });
        expect(headers.vary, method).toBe('Origin');
        expect(headers['access-control-allow-origin']).toBe(origin === APP ? APP : undefined);
        expect(headers).not.toHaveProperty('access-control-allow-credentials');
      }
    }
    const headers = { origin: APP, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x' };
    const preflight = await api.call(SET, { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({ 'access-control-allow-methods': 'GET, HEAD, OPTIONS' });
    const { etag = '' } = (await api.call(SET)).headers;
    const unchanged = await api.call(SET, { headers: { origin: APP, 'if-none-match': etag } });
    expect(unchanged.headers).toMatchObject({ vary: 'Origin', 'access-control-allow-origin': APP });
  });

  it('answers every origin with *', async () => {
    await using api = await start(makeAdapter, { keys: {}, cors: '*' });
    for (const headers of [{ origin: APP }, {}]) {
      const answer = await api.call(SET, { headers });
      expect(answer.headers['access-control-allow-origin']).toBe('*');
      expect(answer.headers).not.toHaveProperty('vary');
    }
  });

  it('serves the metadata of an issuer, with the path of the issuer after the well-known name', async () => {
    await using plain = await start(makeAdapter, { issuer: `${ISSUER}/`, path: 'keys.json', keys: {} });
    const answer = await plain.call(METADATA);
    expect(answer.body).toEqual({ issuer: `${ISSUER}/`, jwks_uri: `${ISSUER}/keys.json` });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
    expect((await plain.call(METADATA, { headers: { 'if-none-match': answer.headers.etag } })).status).toBe(304);
    expect((await plain.call('/keys.json')).status).toBe(200);
    await using tenant = await start(makeAdapter, { issuer: `${ISSUER}/tenants/a/`, keys: {} });
    expect((await tenant.call(`${METADATA}/tenants/a`)).body).toEqual({
      issuer: `${ISSUER}/tenants/a/`,
      jwks_uri: `${ISSUER}${SET}`,
    });
    expect((await tenant.call(METADATA)).status).toBe(404);
    await using none = await start(makeAdapter, { keys: {} });
    expect((await none.call(METADATA)).status).toBe(404);
  });

  it('is not touched by guards, interceptors, pipes, filters, prefix, versions and catch-all routes', async () => {
    const hostile = [APP_GUARD, APP_INTERCEPTOR, APP_PIPE].map((provide) => ({ provide, useClass: Hostile }));
    const filter = { provide: APP_FILTER, useValue: { catch: () => undefined } };
    for (const type of [VersioningType.URI, VersioningType.HEADER, VersioningType.MEDIA_TYPE]) {
      const prepare = (app: INestApplication) => {
        app.setGlobalPrefix('api');
        app.useGlobalGuards(new Hostile());
        app.useGlobalInterceptors(new Hostile());
        if (type === VersioningType.HEADER) app.enableVersioning({ type, header: 'x-version', defaultVersion: '1' });
        else app.enableVersioning({ type, key: 'v=', defaultVersion: '1' } as { type: VersioningType.URI });
      };
      const metadata = { controllers: [CatchAll], providers: [...hostile, filter] };
      await using api = await start(makeAdapter, { issuer: ISSUER, keys: {} }, metadata, prepare);
      for (const headers of [{}, { 'x-version': '2', accept: 'application/json;v=2' }]) {
        const answer = await api.call(SET, { headers });
        expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/jwk-set+json']);
        expect((await api.call(METADATA, { headers })).status).toBe(200);
      }
    }
  });

  it('comes before a catch-all route of the application, and leaves it the rest', async () => {
    await using api = await start(makeAdapter, { keys: {} }, { controllers: [CatchAll] });
    expect(keysOf(await api.call(SET)).keys).toHaveLength(1);
    expect((await api.call('/orders')).body).toBe('caught');
  });

  it('publishes fixed keys, and the keys of a function', async () => {
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    const key = { ...(await exportJWK(publicKey)), kid: 'a' };
    await using fixed = await start(makeAdapter, { keys: [key], maxAge: '1h' });
    const answer = await fixed.call(SET);
    expect(answer.body).toEqual({ keys: [{ ...key, alg: 'ES256', use: 'sig' }] });
    expect(answer.headers['cache-control']).toMatch(/^public, max-age=3600, /);
    await using given = await start(makeAdapter, { keys: async () => [key] });
    expect((await given.call(SET)).body).toEqual(answer.body);
  });

  it('answers 503 with Retry-After, kept by no cache, where there is nothing to publish', async () => {
    const keys = () => Promise.reject(new Error('the KMS is down'));
    await using api = await start(makeAdapter, { keys, cors: '*' });
    const answer = await api.call(SET);
    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(JSON.stringify(answer.body)).not.toContain('KMS');
  });

  it('provides a signer and the ring, which JwksModule of the same application can consume', async () => {
    const metadata = {
      imports: [
        JwksModule.forRootAsync({
          inject: [JwksKeyRing],
          useFactory: (ring: JwksKeyRing) => ({ issuer: ISSUER, audience: 'orders', source: ring.source() }),
        }),
      ],
    };
    await using api = await start(makeAdapter, { issuer: ISSUER, keys: {} }, metadata);
    const token = await api.app.get(JwksSigner).sign({ sub: 'worker' }, { audience: 'orders' });
    expect((await api.app.get(JwksService).verify(token)).claims).toMatchObject({ sub: 'worker', iss: ISSUER });
    const verified = await jwtVerify(token, createLocalJWKSet(keysOf(await api.call(SET))), { audience: 'orders' });
    expect(verified.payload.iss).toBe(ISSUER);
  });

  it('takes its options from elsewhere too', async () => {
    const imports = [JwksEndpointModule.forRootAsync({ useFactory: async () => ({ keys: {}, path: '/jwks' }) })];
    await using api = await Api.start(makeAdapter, { imports });
    expect((await api.call('/jwks')).status).toBe(200);
    expect(name).toBeTruthy();
  });
});

describe('the module', () => {
  it('starts without HTTP, for processes that only sign', async () => {
    const { NestFactory } = await import('@nestjs/core');
    @Module({ imports: [JwksEndpointModule.forRoot({ issuer: ISSUER, keys: {} })] })
    class Worker {}
    const app = await NestFactory.createApplicationContext(Worker, { logger: false });
    expect(await app.get(JwksSigner).sign({})).toMatch(/^eyJ/);
    await app.close();
  });

  it('fails the start of the application for options that cannot be', async () => {
    const [, makeAdapter] = ADAPTERS[0];
    await expect(start(makeAdapter, { keys: [] })).rejects.toMatchObject({ option: 'keys' });
    await expect(start(makeAdapter, { mirror: true })).rejects.toMatchObject({ option: 'mirror' });
  });
});
