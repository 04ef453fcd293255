import 'reflect-metadata';
import { Controller, Get, HttpCode, Module, Post, UseGuards, type INestApplication, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOperation, ApiResponse, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Authenticated, JwksAuthGuard, JwksModule, Public, type JwksModuleOptions } from '../../lib/index.js';

const TRUST = { issuer: 'https://id.example.com/', audience: 'orders-api', prefetch: false } as const;

interface Options {
  readonly openApi?: JwksModuleOptions['openApi'];
  readonly isGlobal?: boolean;
  readonly adapter?: ExpressAdapter | FastifyAdapter;
}

interface Operation {
  readonly security?: unknown;
  readonly summary?: string;
  readonly responses: Record<string, { description: string; content?: unknown }>;
}

/** The operations of the document, by method and path. */
async function operationsOf(
  controllers: Type[],
  { openApi, isGlobal, adapter = new ExpressAdapter() }: Options = {},
): Promise<Record<string, Operation>> {
  @Module({
    imports: [JwksModule.forRoot({ ...TRUST, ...(openApi !== undefined && { openApi }) })],
    controllers,
    providers: isGlobal ? [{ provide: APP_GUARD, useExisting: JwksAuthGuard }] : [],
  })
  class AppModule {}
  const testing = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const app: INestApplication = testing.createNestApplication<NestFastifyApplication>(adapter as FastifyAdapter);
  const document = SwaggerModule.createDocument(app, new DocumentBuilder().addBearerAuth().build());
  await app.close();
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation as Operation]),
  );
  return Object.fromEntries(operations) as Record<string, Operation>;
}

const statuses = (operation: Operation | undefined) => Object.keys(operation?.responses ?? {}).map(Number);

@Controller('orders')
@Authenticated({ scopes: ['orders:read'] })
class OrdersController {
  @Get()
  list() {}

  @Post()
  @Authenticated({ scopes: ['orders:write', 'orders:read'] })
  create() {}

  @Get('any')
  @Authenticated({ scopes: ['a'], anyOfScopes: ['x', 'y'] })
  any() {}

  @Get('claims')
  @Authenticated({ claims: { tenant: 'acme' } })
  claims() {}

  @Get('plain')
  @Authenticated()
  plain() {}

  @Get('perhaps')
  @Authenticated({ optional: true })
  perhaps() {}

  @Get('health')
  @Public()
  health() {}
}

describe('The OpenAPI document of @nestjs/swagger', () => {
  it.each([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ])('lists security and refusals of each route on %s', async (_, adapter) => {
    const operations = await operationsOf([OrdersController], { adapter: adapter() });
    const shown = Object.entries(operations).map(([route, operation]) => [
      route,
      { security: operation.security, statuses: statuses(operation) },
    ]);
    expect(Object.fromEntries(shown)).toEqual({
      'get /orders': { security: [{ bearer: ['orders:read'] }], statuses: [200, 401, 403, 503] },
      'post /orders': { security: [{ bearer: ['orders:write', 'orders:read'] }], statuses: [201, 401, 403, 503] },
      'get /orders/any': { security: [{ bearer: ['a', 'x'] }, { bearer: ['a', 'y'] }], statuses: [200, 401, 403, 503] },
      'get /orders/claims': { security: [{ bearer: [] }], statuses: [200, 401, 403, 503] },
      'get /orders/plain': { security: [{ bearer: [] }], statuses: [200, 401, 503] },
      'get /orders/perhaps': { security: [{ bearer: [] }, {}], statuses: [200, 401, 503] },
      'get /orders/health': { security: [], statuses: [200] },
    });
  });

  it('names the scheme that openApi says', async () => {
    const operations = await operationsOf([OrdersController], { openApi: { scheme: 'oidc' } });
    expect(operations['get /orders']?.security).toEqual([{ oidc: ['orders:read'] }]);
  });

  it('stays as it is with openApi: false', async () => {
    const operations = await operationsOf([OrdersController], { openApi: false });
    expect(operations['get /orders']).not.toHaveProperty('security');
    expect(operations['get /orders/health']).not.toHaveProperty('security');
    expect(statuses(operations['get /orders'])).toEqual([200]);
  });

  it('shows what a global guard protects, and what a guard alone does', async () => {
    @Controller('undecorated')
    class Undecorated {
      @Get()
      get() {}
    }
    @Controller('guarded')
    class Guarded {
      @Get()
      @UseGuards(JwksAuthGuard)
      get() {}

      @Get('open')
      open() {}
    }
    const globally = await operationsOf([Undecorated, OrdersController], { isGlobal: true });
    expect(globally['get /undecorated']?.security).toEqual([{ bearer: [] }]);
    expect(globally['get /orders/health']?.security).toEqual([]);
    const alone = await operationsOf([Undecorated, Guarded]);
    expect(alone['get /undecorated']).not.toHaveProperty('security');
    expect(alone['get /guarded']?.security).toEqual([{ bearer: [] }]);
    expect(alone['get /guarded/open']).not.toHaveProperty('security');
  });

  it('keeps what the application says itself', async () => {
    @Controller('documented')
    @Authenticated()
    class Documented {
      @Get('operation')
      @ApiOperation({ summary: 'All of them' })
      @ApiResponse({ status: 401, description: 'Sign in first' })
      @ApiResponse({ status: 200, description: 'The orders', type: String })
      operation() {}

      @Get('security')
      @ApiBearerAuth('internal')
      security() {}

      @Post('code')
      @HttpCode(202)
      code() {}
    }
    const operations = await operationsOf([Documented]);
    expect(operations['get /documented/operation']).toMatchObject({
      summary: 'All of them',
      security: [{ bearer: [] }],
      responses: { 401: { description: 'Sign in first' }, 200: { description: 'The orders', content: {} } },
    });
    expect(operations['get /documented/security']?.security).toEqual([{ internal: [] }]);
    expect(statuses(operations['post /documented/code'])).toEqual([202, 401, 503]);
  });

  it('keeps what the compiler plugin of @nestjs/swagger found out', async () => {
    class Order {
      // As the plugin compiles a class with `id: string`.
      static _OPENAPI_METADATA_FACTORY() {
        return { id: { required: true, type: () => String } };
      }
    }
    @Controller('compiled')
    @Authenticated()
    class Compiled {
      static _OPENAPI_METADATA_FACTORY() {
        return { list: { summary: 'Lists the orders', type: [Order] }, open: { summary: 'Is open', type: Order } };
      }

      @Get()
      list() {}

      @Get('open')
      @Public()
      open() {}
    }
    const operations = await operationsOf([Compiled]);
    const items = { $ref: '#/components/schemas/Order' };
    expect(operations['get /compiled']).toMatchObject({
      summary: 'Lists the orders',
      security: [{ bearer: [] }],
      responses: { 200: { content: { 'application/json': { schema: { type: 'array', items } } } } },
    });
    expect(operations['get /compiled/open']).toMatchObject({
      summary: 'Is open',
      security: [],
      responses: { 200: { content: { 'application/json': { schema: items } } } },
    });
  });

  it('says nothing of a method that two controllers inherit with different rules', async () => {
    class Base {
      @Get()
      get() {}
    }
    @Controller('one')
    @Authenticated({ scopes: ['one'] })
    class One extends Base {}
    @Controller('two')
    @Authenticated({ scopes: ['two'] })
    class Two extends Base {}
    const both = await operationsOf([One, Two]);
    expect(both['get /one']).not.toHaveProperty('security');
    expect(both['get /two']).not.toHaveProperty('security');
    expect((await operationsOf([Two]))['get /two']?.security).toEqual([{ bearer: ['two'] }]);
  });
});
