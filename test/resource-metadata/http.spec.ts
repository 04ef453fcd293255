import { VersioningType, type INestApplication } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JwksAuthGuard, JwksModule, JwksService, type JwksModuleOptions } from '../../lib/index.js';
import { ProtectedResourceModule, type ProtectedResourceOptions } from '../../lib/resource-metadata/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type MakeAdapter } from '../e2e/support/api.js';
import { CatchAll, Hostile } from '../e2e/support/hostile-app.js';

const ROOT = '/.well-known/oauth-protected-resource';
const RESOURCE = 'https://api.example.com/mcp';
const ISSUER = 'https://id.example.com/';
const jwks: JwksModuleOptions = { issuer: ISSUER, audience: RESOURCE, prefetch: false };

function start(
  makeAdapter: MakeAdapter,
  options: Partial<ProtectedResourceOptions> = {},
  prepare?: (app: INestApplication) => unknown,
): Promise<Api> {
  const imports = [JwksModule.forRoot(jwks), ProtectedResourceModule.forRoot({ resource: RESOURCE, ...options })];
  const guard = { provide: APP_GUARD, useExisting: JwksAuthGuard };
  return Api.start(makeAdapter, { imports, providers: [guard], controllers: [CatchAll] }, prepare);
}

/** What a client of RFC 9728 finds, for which all of `api.example.com` is this application. */
async function discover(api: Api, resource: string): Promise<oauth.ResourceServer> {
  const toApi = async (url: string): Promise<Response> => {
    const { pathname, search, host } = new URL(url);
    const { status, headers, body } = await api.call(pathname + search, { headers: { host } });
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': headers['content-type'] ?? '' } });
  };
  const response = await oauth.resourceDiscoveryRequest(new URL(resource), { [oauth.customFetch]: toApi });
  return oauth.processResourceDiscoveryResponse(new URL(resource), response);
}

describe.each(ADAPTERS)('protected resource metadata on %s', (_, makeAdapter) => {
  it.each([
    'https://api.example.com',
    'https://api.example.com/',
    RESOURCE,
    `${RESOURCE}/`,
    `${RESOURCE}?tenant=a`,
    'https://api.example.com/v1/notes.api/mcp',
  ])('is found by a client of %s', async (resource) => {
    await using api = await start(makeAdapter, { resource, scopesSupported: ['notes:read'], resourceName: 'Notes' });
    expect(await discover(api, resource)).toEqual({
      resource,
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
      scopes_supported: ['notes:read'],
      resource_name: 'Notes',
    });
  });

  it('is the same at every location', async () => {
    await using api = await start(makeAdapter);
    const { body, headers } = await api.call(ROOT);
    expect(body).toMatchObject({ resource: RESOURCE });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=600',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
    });
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
    for (const path of [`${ROOT}/`, `${ROOT}/mcp`, `${ROOT}/mcp/`, `${ROOT}/mcp?a=b`, `${ROOT}?a=b`])
      expect((await api.call(path)).body, path).toEqual(body);
  });

  it('M3: is at no other path', async () => {
    await using api = await start(makeAdapter);
    for (const path of [
      `${ROOT}/other`,
      `${ROOT}/mcp/other`,
      `${ROOT}x`,
      `/mcp${ROOT}`,
      `${ROOT}/../${ROOT}x`,
      `${ROOT}//mcp`,
    ])
      expect((await api.call(path)).status, path).toBe(401);
  });

  it('answers HEAD, conditional requests and preflights, and no other method', async () => {
    await using api = await start(makeAdapter);
    for (const path of [ROOT, `${ROOT}/mcp`]) {
      const got = await api.call(path);
      const head = await api.call(path, { method: 'HEAD' });
      expect([head.status, head.body]).toEqual([200, '']);
      expect({ ...head.headers, date: '' }).toEqual({ ...got.headers, date: '' });
      const unchanged = await api.call(path, { headers: { 'if-none-match': got.headers.etag ?? '' } });
      expect([unchanged.status, unchanged.body]).toEqual([304, '']);
      const preflight = await api.call(path, {
        method: 'OPTIONS',
        headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      });
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const { status, headers } = await api.call(path, { method });
        expect([status, headers.allow], method).toEqual([405, 'GET, HEAD, OPTIONS']);
      }
    }
  });

  it('M1: says what is configured, whatever the request says of its host', async () => {
    await using api = await start(makeAdapter);
    const { body, headers } = await api.call(ROOT);
    const lies = [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', 'x-forwarded-prefix': '/evil' },
      { forwarded: 'host=evil.example;proto=http' },
      { origin: 'https://evil.example' },
    ];
    for (const lie of lies) {
      const answer = await api.call(ROOT, { headers: lie });
      expect(answer.body).toEqual(body);
      expect(answer.headers.etag).toBe(headers.etag);
      expect(JSON.stringify(answer.headers)).not.toContain('evil');
    }
  });

  it('is not touched by guards, interceptors, pipes, the global prefix and versions', async () => {
    const hostile = [APP_GUARD, APP_INTERCEPTOR, APP_PIPE].map((provide) => ({ provide, useClass: Hostile }));
    const imports = [JwksModule.forRoot(jwks), ProtectedResourceModule.forRoot({ resource: RESOURCE })];
    for (const type of [VersioningType.URI, VersioningType.HEADER, VersioningType.MEDIA_TYPE]) {
      const prepare = (app: INestApplication) => {
        app.setGlobalPrefix('api');
        app.useGlobalGuards(new Hostile());
        if (type === VersioningType.HEADER) app.enableVersioning({ type, header: 'x-version', defaultVersion: '1' });
        else app.enableVersioning({ type, key: 'v=', defaultVersion: '1' } as { type: VersioningType.URI });
      };
      await using api = await Api.start(makeAdapter, { imports, providers: hostile, controllers: [CatchAll] }, prepare);
      for (const path of [ROOT, `${ROOT}/mcp`]) expect((await api.call(path)).status).toBe(200);
    }
  });

  it('takes its options from elsewhere too', async () => {
    const useFactory = async () => ({ resource: RESOURCE });
    const imports = [JwksModule.forRoot(jwks), ProtectedResourceModule.forRootAsync({ useFactory })];
    await using api = await Api.start(makeAdapter, { imports });
    expect((await api.call(ROOT)).body).toMatchObject({ resource: RESOURCE });
  });
});

describe('protected resource metadata', () => {
  it.each([
    { ignoreTrailingSlash: true },
    { routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true } },
  ])('is served by Fastify with %j', async (settings) => {
    const module = {
      imports: [JwksModule.forRoot(jwks), ProtectedResourceModule.forRoot({ resource: `${RESOURCE}/` })],
    };
    await using api = await Api.start((() => new FastifyAdapter(settings)) as MakeAdapter, module);
    for (const path of [ROOT, `${ROOT}/`, `${ROOT}/mcp`, `${ROOT}/mcp/`])
      expect((await api.call(path)).status).toBe(200);
  });

  it('is served by Express with strict routing', async () => {
    await using api = await start(ADAPTERS[0][1], {}, (app) =>
      app.getHttpAdapter().getInstance().set('strict routing', true),
    );
    for (const path of [ROOT, `${ROOT}/`, `${ROOT}/mcp`, `${ROOT}/mcp/`])
      expect((await api.call(path)).status).toBe(200);
  });

  it('M5: differs between two applications in one process', async () => {
    const other = 'https://other.example.com/api';
    await using first = await start(ADAPTERS[0][1]);
    await using second = await start(ADAPTERS[1][1], { resource: other });
    expect((await first.call(ROOT)).body).toMatchObject({ resource: RESOURCE });
    expect((await second.call(ROOT)).body).toMatchObject({ resource: other });
    expect((await first.call('/')).headers['www-authenticate']).toContain('https://api.example.com/');
    expect((await second.call('/')).headers['www-authenticate']).toContain('https://other.example.com/');
    expect((await first.call(`${ROOT}/api`)).status).toBe(401);
  });
});

describe('the authorization servers', () => {
  const started = async (jwksOptions: object, options: object = {}): Promise<unknown> => {
    const imports = [
      JwksModule.forRoot({ audience: RESOURCE, prefetch: false, ...jwksOptions } as JwksModuleOptions),
      ProtectedResourceModule.forRoot({ resource: RESOURCE, ...options }),
    ];
    await using api = await Api.start(ADAPTERS[0][1], { imports });
    const { body } = await api.call(ROOT);
    return (body as { authorization_servers?: unknown }).authorization_servers;
  };
  const others = ['https://other.example.com'];

  it('are all issuers of JwksModule', async () => {
    const issuers = [{ issuer: ISSUER }, { issuer: 'https://id.example.com/tenants/b' }];
    expect(await started({ issuers })).toEqual([ISSUER, 'https://id.example.com/tenants/b']);
  });

  it('are those of the option, where they differ', async () => {
    expect(await started({ issuer: ISSUER }, { authorizationServers: others })).toEqual(others);
    const issuers = async () => undefined;
    expect(await started({ issuers, prefetch: false }, { authorizationServers: others })).toEqual(others);
  });

  it('have to be given where JwksModule does not know them, or they are no URLs', async () => {
    const fault = { name: 'JwksConfigurationError', option: 'authorizationServers' };
    await expect(started({ issuers: async () => undefined })).rejects.toMatchObject(fault);
    await expect(started({ issuer: false, jwksUri: `${ISSUER}keys` })).rejects.toMatchObject(fault);
    const google = { issuer: 'accounts.google.com', jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' };
    await expect(started(google)).rejects.toMatchObject(fault);
  });
});

describe('the module', () => {
  const resource = ProtectedResourceModule.forRoot({ resource: RESOURCE });
  const start = async (...imports: object[]) => {
    const api = await Api.start(ADAPTERS[1][1], { imports: imports as never });
    await api.app.close();
  };

  it('needs JwksModule', async () => {
    await expect(start(resource)).rejects.toThrow('needs JwksModule in this application');
  });

  it('is there once for a JwksModule', async () => {
    const orders = ProtectedResourceModule.forRoot({ resource: 'https://api.example.com/orders' });
    await expect(start(JwksModule.forRoot(jwks), resource, orders)).rejects.toThrow(
      /imported twice, for "https:\/\/api.example.com\/mcp" and "https:\/\/api.example.com\/orders"/,
    );
    await expect(start(JwksModule.forRoot(jwks), resource, resource)).resolves.toBeUndefined();
  });

  it('does not choose between several JwksModules', async () => {
    const apart = [JwksModule.forRoot({ ...jwks, isGlobal: false }), JwksModule.forRoot({ ...jwks, isGlobal: false })];
    await expect(start(...apart, resource)).rejects.toThrow('cannot tell several JwksModules apart');
    await expect(start(JwksModule.forRoot({ ...jwks, isGlobal: false }), resource)).resolves.toBeUndefined();
  });

  it('fails the start for options that cannot be, also without HTTP', async () => {
    const bad = ProtectedResourceModule.forRoot({ resource: 'http://api.example.com' });
    await expect(start(JwksModule.forRoot(jwks), bad)).rejects.toMatchObject({ option: 'resource' });
    const worker = { module: class Worker {}, imports: [resource] };
    const app = NestFactory.createApplicationContext(worker, { logger: false, abortOnError: false });
    await expect(app).rejects.toThrow('needs JwksModule');
  });

  it('explains that options are missing', async () => {
    for (const options of [undefined, null, 'https://api.example.com'])
      await expect(
        (async () => start(JwksModule.forRoot(jwks), ProtectedResourceModule.forRoot(options as never)))(),
      ).rejects.toMatchObject({ name: 'JwksConfigurationError' });
  });

  it('serves what it can where a test replaces JwksService', async () => {
    const { Test } = await import('@nestjs/testing');
    const module = await Test.createTestingModule({ imports: [JwksModule.forRoot(jwks), resource] })
      .overrideProvider(JwksService)
      .useValue({ verify: async () => ({ claims: {} }) })
      .compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    expect(await (await fetch(`${await app.getUrl()}${ROOT}`)).json()).toMatchObject({ resource: RESOURCE });
    await app.close();
  });

  describe('with a real issuer', () => {
    let issuer: TestIssuer;
    beforeAll(async () => {
      issuer = await TestIssuer.start({ audience: RESOURCE });
    });
    afterAll(() => issuer.close());

    it('names the issuer that a test puts in the place of the own one', async () => {
      const { Test } = await import('@nestjs/testing');
      const imports = [JwksModule.forRoot(jwks), resource, issuer.override()];
      const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication({ logger: false });
      await app.listen(0, '127.0.0.1');
      expect(await (await fetch(`${await app.getUrl()}${ROOT}`)).json()).toMatchObject({
        authorization_servers: [issuer.issuer],
      });
      await app.close();
    });
  });
});
