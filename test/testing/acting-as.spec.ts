import 'reflect-metadata';
import { Controller, Get, Module, Req, type INestApplication } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import {
  AccessToken,
  Authenticated,
  Claims,
  JwksAuthGuard,
  JwksModule,
  JwksService,
  Public,
  type VerifiedToken,
} from '../../lib/index.js';
import { actingAs } from '../../lib/testing/index.js';

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  list(
    @Claims('sub') sub: string,
    @AccessToken() token: string,
    @Req() request: { user: unknown; auth: VerifiedToken },
  ) {
    return { sub, hasToken: token.split('.').length === 3, user: request.user, auth: request.auth.claims['sub'] };
  }

  @Get('write')
  @Authenticated({ scopes: ['orders:write'] })
  write() {
    return 'written';
  }

  @Get('admin')
  @Authenticated({ claims: { 'realm_access.roles': 'admin' } })
  admin() {
    return 'administered';
  }

  @Get('recent')
  @Authenticated({ stepUp: { maxAge: '5m' } })
  recent() {
    return 'recent';
  }

  @Get('public')
  @Public()
  open(@Claims() claims: unknown) {
    return { claims: claims ?? null };
  }
}

type Adapter = ExpressAdapter | FastifyAdapter;

async function started(builder: TestingModuleBuilder, adapter: Adapter = new ExpressAdapter()) {
  const app: INestApplication = (await builder.compile()).createNestApplication<NestFastifyApplication>(
    adapter as FastifyAdapter,
  );
  await app.listen(0, '127.0.0.1');
  return {
    async get(path: string) {
      const response = await fetch(`${await app.getUrl()}${path}`);
      return {
        status: response.status,
        body: await response.text(),
        challenge: response.headers.get('www-authenticate'),
      };
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

const controllerAlone = () => Test.createTestingModule({ controllers: [OrdersController] });

describe('actingAs', () => {
  it.each<[string, () => Adapter]>([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ])('makes every request one of the user, without a token and a JwksModule, on %s', async (_, adapter) => {
    const builder = controllerAlone()
      .overrideGuard(JwksAuthGuard)
      .useValue(actingAs({ sub: 'alice' }));
    await using app = await started(builder, adapter());
    const { status, body } = await app.get('/orders');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      sub: 'alice',
      hasToken: true,
      auth: 'alice',
      user: { claims: { sub: 'alice' } },
    });
    expect(await app.get('/orders/write')).toMatchObject({
      status: 403,
      challenge:
        'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is required", scope="orders:write"',
    });
    expect((await app.get('/orders/admin')).status).toBe(403);
    expect((await app.get('/orders/public')).body).toBe('{"claims":null}');
  });

  it('gives the user scopes, claims, and what validate would return', async () => {
    const guard = actingAs(
      { sub: 'alice', realm_access: { roles: ['admin'] } },
      { scopes: ['orders:read', 'orders:write'], user: { id: 7 } },
    );
    await using app = await started(controllerAlone().overrideGuard(JwksAuthGuard).useValue(guard));
    expect((await app.get('/orders/write')).body).toBe('written');
    expect((await app.get('/orders/admin')).body).toBe('administered');
    expect(JSON.parse((await app.get('/orders')).body)).toMatchObject({ user: { id: 7 } });
  });

  it('acts with a bound token if it is said to, and else with one that is not', async () => {
    @Controller('bound')
    class BoundController {
      @Get()
      @Authenticated({ senderConstrained: true })
      how(@Req() request: { auth: VerifiedToken }) {
        return request.auth.senderConstrained;
      }
    }
    const boundAlone = () => Test.createTestingModule({ controllers: [BoundController] }).overrideGuard(JwksAuthGuard);
    await using bound = await started(boundAlone().useValue(actingAs({}, { senderConstrained: 'dpop' })));
    expect(await bound.get('/bound')).toMatchObject({ status: 200, body: 'dpop' });
    await using bearer = await started(boundAlone().useValue(actingAs({})));
    expect((await bearer.get('/bound')).status).toBe(401);
  });

  it('reads scopes of the claims where no others are given', async () => {
    const builder = controllerAlone()
      .overrideGuard(JwksAuthGuard)
      .useValue(actingAs({ scp: ['orders:write'] }));
    await using app = await started(builder);
    expect((await app.get('/orders/write')).status).toBe(200);
  });

  it('makes the login of the user as recent as auth_time says', async () => {
    const ask = async (ago: number) => {
      const guard = actingAs({ auth_time: Math.floor(Date.now() / 1000) - ago });
      await using app = await started(controllerAlone().overrideGuard(JwksAuthGuard).useValue(guard));
      return await app.get('/orders/recent');
    };
    expect((await ask(60)).body).toBe('recent');
    expect((await ask(600)).status).toBe(401);
  });

  it('takes the place of a guard for the whole application', async () => {
    @Controller('plain')
    class Plain {
      @Get()
      get(@Claims('sub') sub: string) {
        return sub;
      }
    }
    @Module({
      imports: [JwksModule.forRoot({ issuer: 'https://id.example.com/', audience: 'orders-api', prefetch: false })],
      controllers: [Plain],
      providers: [{ provide: APP_GUARD, useExisting: JwksAuthGuard }],
    })
    class AppModule {}
    const builder = Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(JwksAuthGuard)
      .useValue(actingAs({ sub: 'bob' }));
    await using app = await started(builder);
    expect(await app.get('/plain')).toMatchObject({ status: 200, body: 'bob' });
  });

  it('keeps the claims of the caller apart from those that handlers see', async () => {
    const claims = { sub: 'alice', list: ['a'] };
    const guard = actingAs(claims);
    claims.sub = 'mallory';
    await using app = await started(controllerAlone().overrideGuard(JwksAuthGuard).useValue(guard));
    expect(JSON.parse((await app.get('/orders')).body)).toMatchObject({ sub: 'alice' });
  });
});

describe('a fake in the place of JwksService', () => {
  const application = (fake: object) =>
    Test.createTestingModule({
      imports: [JwksModule.forRoot({ issuer: 'https://id.example.com/', audience: 'orders-api', prefetch: false })],
      controllers: [OrdersController],
    })
      .overrideProvider(JwksService)
      .useValue(fake);
  const ask = async (fake: object, token?: string) => {
    const module = await application(fake).compile();
    module.useLogger(false);
    const app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` });
    const response = await fetch(`${await app.getUrl()}/orders`, { headers });
    await app.close();
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('needs only verify', async () => {
    const asked: unknown[] = [];
    const verify = async (token: string) => {
      asked.push(token);
      return { claims: { sub: 'alice' } };
    };
    expect(await ask({ verify }, 'abc')).toMatchObject({ status: 200, body: { sub: 'alice' } });
    expect(asked).toEqual(['abc']);
    expect(await ask({ verify })).toMatchObject({ status: 401, body: { code: 'token_missing' } });
  });

  it.each<[string, object]>([
    ['without verify', {}],
    ['whose verify resolves to bare claims', { verify: async () => ({ sub: 'alice' }) }],
  ])('%s is an error that says what it lacks', async (_, fake) => {
    const guard = new JwksAuthGuard(fake as JwksService, { getAllAndOverride: () => undefined } as never, {} as never);
    const context = {
      getType: () => 'http',
      getHandler: () => undefined,
      getClass: () => undefined,
      getArgByIndex: () => ({ headers: { authorization: 'Bearer abc' } }),
      getArgs: () => [],
    };
    await expect(guard.canActivate(context as never)).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('needs a function verify that resolves to { claims }') as string,
    });
    expect((await ask(fake, 'abc')).status).toBe(500);
  });
});
