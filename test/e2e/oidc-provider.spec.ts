import 'reflect-metadata';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksClient, JwksModule, type JwksModuleOptions } from '../../lib/index.js';
import { OidcIdentityProvider } from '../support/oidc-provider.js';

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const ADAPTERS = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
] as const;

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  list(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('audit')
  @Authenticated({ scopes: ['orders:audit'] })
  audit() {
    return {};
  }
}

interface Api {
  readonly app: INestApplication;
  /** Status and body of `GET /orders`. */
  orders(token: string): Promise<{ status: number; body: unknown }>;
}

async function startApi(adapter: ExpressAdapter | FastifyAdapter, options: JwksModuleOptions): Promise<Api> {
  const module = await Test.createTestingModule({
    imports: [JwksModule.forRoot(options)],
    controllers: [OrdersController],
  }).compile();
  const app = module.createNestApplication(adapter);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const orders = async (token: string) => {
    const response = await fetch(`${url}/orders`, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: await response.json() };
  };
  return { app, orders };
}

const ACCEPTED = { status: 200, body: { sub: 'shop' } };

describe('tokens of oidc-provider', () => {
  let idp: OidcIdentityProvider;
  let client: JwksClient;

  beforeAll(async () => {
    idp = await OidcIdentityProvider.start({ algorithms: ALGORITHMS });
    client = new JwksClient({ issuer: idp.issuer, audience: idp.audience });
  });

  afterAll(async () => {
    await client.close();
    await idp.close();
  });

  it.each(ALGORITHMS)('are verified by a JwksClient: %s', async (alg) => {
    const token = await idp.token({ alg });
    expect(decodeProtectedHeader(token).alg).toBe(alg);
    const { claims, header, issuer, key } = await client.verify(token);
    expect(claims).toMatchObject({ iss: idp.issuer, aud: 'orders-api', sub: 'shop', scope: 'orders:read' });
    expect(header).toMatchObject({ alg, typ: 'at+jwt' });
    expect([issuer, key.kid, key.alg]).toEqual([idp.issuer, header.kid, alg]);
  });

  it('are verified as access tokens alone where tokenType says so', async () => {
    await expect(client.verify(await idp.token(), { tokenType: 'at+jwt' })).resolves.toBeDefined();
    await expect(client.verify(await idp.token(), { tokenType: 'JWT' })).rejects.toMatchObject({
      code: 'claim_invalid',
    });
  });

  describe.each(ADAPTERS)('on %s', (_, adapter) => {
    let api: Api;

    beforeAll(async () => {
      api = await startApi(adapter(), { issuer: idp.issuer, audience: idp.audience });
    });

    afterAll(() => api.app.close());

    it.each(ALGORITHMS)('let a request in: %s', async (alg) => {
      expect(await api.orders(await idp.token({ alg }))).toEqual(ACCEPTED);
    });

    it('are rejected where their audience is another API', async () => {
      const other = await startApi(adapter(), { issuer: idp.issuer, audience: 'billing-api' });
      expect(await other.orders(await idp.token())).toMatchObject({ status: 401, body: { code: 'claim_invalid' } });
      await other.app.close();
    });
  });
});

describe.each(ADAPTERS)('an identity provider that changes under the feet of an application on %s', (_, adapter) => {
  let idp: OidcIdentityProvider;
  let api: Api;

  beforeEach(async () => {
    idp = await OidcIdentityProvider.start({ algorithms: ['ES256'] });
    api = await startApi(adapter(), { issuer: idp.issuer, audience: idp.audience });
  });

  afterEach(async () => {
    await api.app.close();
    await idp.close();
  });

  it('rotates its key: accepted on its first use, for two requests in all', async () => {
    const before = await idp.token();
    expect(await api.orders(before)).toEqual(ACCEPTED);
    expect(idp.jwksRequests).toBe(1);
    const kid = await idp.rotate();
    const after = await idp.token();
    expect(decodeProtectedHeader(after).kid).toBe(kid);
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.orders(after)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(idp.jwksRequests).toBe(2);
    expect(await api.orders(before)).toMatchObject({ status: 401, body: { code: 'key_not_found' } });
  });

  it('rotates to another algorithm, the old key still published: both are accepted', async () => {
    const before = await idp.token();
    expect(await api.orders(before)).toEqual(ACCEPTED);
    await idp.rotate({ alg: 'EdDSA', keep: true });
    expect(await api.orders(await idp.token())).toEqual(ACCEPTED);
    expect(await api.orders(before)).toEqual(ACCEPTED);
    expect(idp.jwksRequests).toBe(2);
  });

  it('stops: a good token is still accepted, one of a new key is once the provider is back', async () => {
    const token = await idp.token();
    expect(await api.orders(token)).toEqual(ACCEPTED);
    await idp.rotate();
    const unknown = await idp.token();
    await idp.stop();
    expect(await api.orders(token)).toEqual(ACCEPTED);
    expect((await api.orders(unknown)).status).toBe(503);
    expect(await api.orders(token)).toEqual(ACCEPTED);
    await idp.listen();
    await expect.poll(() => api.orders(unknown), { timeout: 8000 }).toEqual(ACCEPTED);
  });

  it('is down before the first token: 503, and no client hears that its token is bad', async () => {
    const token = await idp.token();
    await idp.stop();
    const late = await startApi(adapter(), {
      issuer: idp.issuer,
      audience: idp.audience,
      prefetch: false,
      http: { retries: 0 },
    });
    expect(await late.orders(token)).toMatchObject({ status: 503, body: { code: 'jwks_unavailable' } });
    await late.app.close();
  });
});
