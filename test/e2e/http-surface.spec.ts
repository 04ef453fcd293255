import { All, Controller, Get, Post, Version, VersioningType } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksAuthGuard, JwksModule, Public } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

@Controller('orders')
class OrdersController {
  @Get()
  list() {
    return { listed: true };
  }

  @Post()
  create() {
    return {};
  }

  @All('any')
  any() {
    return {};
  }

  @Get('reports')
  @Version('1')
  @Public()
  first() {
    return { version: 1 };
  }

  @Get('reports')
  @Version('2')
  second(@Claims('sub') sub: string) {
    return { version: 2, sub };
  }
}

@Authenticated({ scopes: ['base'] })
abstract class BaseController {
  @Get()
  list() {
    return {};
  }

  @Get('open')
  @Public()
  open() {
    return {};
  }

  @Get('closed')
  @Authenticated({ scopes: ['closed'] })
  closed() {
    return {};
  }
}

/**
 * Inherits the options of its class, overrides an open and a closed handler without saying
 * anything.
 */
@Controller('inherited')
class InheritedController extends BaseController {
  @Get('open')
  override open() {
    return {};
  }

  @Get('closed')
  override closed() {
    return {};
  }
}

describe.each(ADAPTERS)('the HTTP surface, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    api = await Api.start(
      makeAdapter,
      {
        imports: [JwksModule.forRoot({ ...issuer.options(), realm: 'orders' })],
        controllers: [OrdersController, InheritedController],
        providers: [{ provide: APP_GUARD, useExisting: JwksAuthGuard }],
      },
      (app) => {
        app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' });
        app.enableCors({ origin: 'https://shop.example.com' });
      },
    );
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  const MISSING = 'Bearer realm="orders"';
  const described = (error: string, text: string) =>
    `Bearer realm="orders", error="${error}", error_description="${text}"`;
  const MALFORMED = described('invalid_token', 'The access token is malformed');
  const TWICE = described('invalid_request', 'The request has more than one access token');

  it.each<[string, Record<string, string | string[]>, number, string]>([
    ['none', {}, 401, MISSING],
    ['empty', { authorization: '' }, 401, MISSING],
    ['blanks', { authorization: ' \t ' }, 401, MISSING],
    ['Basic', { authorization: 'Basic dXNlcjpwYXNz' }, 401, MISSING],
    ['Digest', { authorization: 'Digest username="a", realm="b"' }, 401, MISSING],
    ['a scheme that begins alike', { authorization: 'BearerToken abc' }, 401, MISSING],
    ['the scheme alone', { authorization: 'Bearer' }, 401, MISSING],
    ['the scheme and a blank', { authorization: 'Bearer ' }, 401, MISSING],
    ['quotes', { authorization: 'Bearer "abc"' }, 401, MALFORMED],
    ['a parameter', { authorization: 'Bearer token=abc' }, 401, MALFORMED],
    ['two tokens', { authorization: 'Bearer a b' }, 400, TWICE],
    ['two joined by a proxy', { authorization: 'Bearer a, Bearer b' }, 400, TWICE],
    ['two headers', { authorization: ['Bearer a', 'Bearer a'] }, 400, TWICE],
    ['two headers of different schemes', { authorization: ['Basic a', 'Bearer a'] }, 400, TWICE],
    ['9 kB', { authorization: `Bearer ${'a'.repeat(9_000)}` }, 401, MALFORMED],
    ['15 kB', { authorization: `Bearer ${'a.'.repeat(7_500)}` }, 401, MALFORMED],
    ['15 kB of blanks', { authorization: `Bearer${' '.repeat(15_000)}a` }, 401, MALFORMED],
    ['15 kB of a scheme', { authorization: 'x'.repeat(15_000) }, 401, MISSING],
  ])('answers an Authorization header with one challenge: %s', async (_name, headers, status, challenge) => {
    const answer = await api.call('/orders', { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers['www-authenticate']).toBe(challenge);
  });

  it('leaves a header over the limit of Node to Node', async () => {
    const answer = await api.call('/orders', { headers: { authorization: `Bearer ${'a'.repeat(17_000)}` } });
    expect(answer.status).toBe(431);
  });

  it.each(['bearer', 'BEARER', 'BeArEr  '])('takes the scheme in any case: %s', async (scheme) => {
    const headers = { authorization: `${scheme} ${await issuer.sign()}` };
    expect((await api.call('/orders', { headers })).status).toBe(200);
  });

  it('answers HEAD as GET, challenge included and without a body', async () => {
    const refused = await api.call('/orders', { method: 'HEAD' });
    expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': MISSING }, body: '' });
    expect((await api.call('/orders', { method: 'HEAD', token: await issuer.sign() })).status).toBe(200);
  });

  it('asks a preflight for no token, and a handler for OPTIONS for one', async () => {
    const headers = { origin: 'https://shop.example.com', 'access-control-request-method': 'GET' };
    expect((await api.call('/orders', { method: 'OPTIONS', headers })).status).toBe(204);
    expect((await api.call('/orders', { headers: { origin: headers.origin } })).status).toBe(401);
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('guards a handler of all methods: %s', async (method) => {
    expect((await api.call('/orders/any', { method })).status).toBe(401);
    const { status } = await api.call('/orders/any', { method, token: await issuer.sign() });
    expect([200, 201]).toContain(status);
  });

  it('distinguishes versions of one path', async () => {
    const version = (number: string) => ({ 'x-version': number });
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call('/orders/reports', { headers: version('1') })).resolves.toMatchObject({ status: 200 });
    await expect(api.call('/orders/reports', { headers: version('2') })).resolves.toMatchObject({ status: 401 });
    await expect(api.call('/orders/reports', { headers: version('2'), token })).resolves.toMatchObject({
      body: { version: 2, sub: 'alice' },
    });
  });

  it.each([
    ['/inherited', 'base'],
    ['/inherited/open', 'base'],
    ['/inherited/closed', 'base'],
  ])(
    'has an inherited class keep its options, and an overriding handler fall back to them: %s',
    async (path, scope) => {
      expect((await api.call(path)).status).toBe(401);
      expect((await api.call(path, { token: await issuer.sign({ scope: 'other closed' }) })).status).toBe(403);
      expect((await api.call(path, { token: await issuer.sign({ scope }) })).status).toBe(200);
    },
  );
});
