import { OrGuard } from '@nest-lab/or-guard';
import { Controller, Get, Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksAuthGuard, JwksModule } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

@Injectable()
class ApiKeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>().headers['x-api-key'] === 'secret';
  }
}

@Controller()
class OrdersController {
  @Get('either')
  @UseGuards(OrGuard([ApiKeyGuard, JwksAuthGuard], { throwLastError: true }))
  either(@Claims('sub') sub: string | undefined) {
    return { sub: sub ?? null };
  }

  @Get('plain')
  plain(@Claims('sub') sub: string | undefined) {
    return { sub: sub ?? null };
  }

  @Get('orders')
  @Authenticated()
  orders(@Claims('sub') sub: string | undefined) {
    return { sub: sub ?? null };
  }
}

describe.each(ADAPTERS)('the guard in an OrGuard, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [OrdersController],
      providers: [ApiKeyGuard],
    });
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  it('lets either in, and gives claims where there was a token', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call('/either', { token })).resolves.toMatchObject({ status: 200, body: { sub: 'alice' } });
    const headers = { 'x-api-key': 'secret' };
    await expect(api.call('/either', { headers })).resolves.toMatchObject({ status: 200, body: { sub: null } });
  });

  it('rejects neither with its own answer', async () => {
    const answer = await api.call('/either', { token: await issuer.sign({}, { expiresIn: '-1h' }) });
    expect(answer).toMatchObject({ status: 401, body: { code: 'token_expired' } });
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    await expect(api.call('/either')).resolves.toMatchObject({ status: 401, body: { code: 'token_missing' } });
  });
});

class AllowAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

describe('a test that leaves authentication out', () => {
  const statuses = async (
    override: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
  ): Promise<number[]> => {
    await using issuer = await TestIssuer.start();
    const builder = Test.createTestingModule({
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [OrdersController],
      providers: [ApiKeyGuard, { provide: APP_GUARD, useExisting: JwksAuthGuard }],
    });
    const module = await override(builder).compile();
    const app = module.createNestApplication(new ExpressAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const answers = await Promise.all(['/plain', '/orders'].map((path) => fetch(`${url}${path}`)));
    await app.close();
    return answers.map(({ status }) => status);
  };

  it('overrides the provider behind a global guard', async () => {
    const [plain] = await statuses((builder) => builder.overrideProvider(JwksAuthGuard).useClass(AllowAll));
    expect(plain).toBe(200);
  });

  it('overrides the guard that @Authenticated() brings', async () => {
    await using issuer = await TestIssuer.start();
    const module = await Test.createTestingModule({
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [OrdersController],
      providers: [ApiKeyGuard],
    })
      .overrideGuard(JwksAuthGuard)
      .useClass(AllowAll)
      .compile();
    const app = module.createNestApplication(new ExpressAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const response = await fetch(`${await app.getUrl()}/orders`);
    expect(response.status).toBe(200);
    await expect(response.json()).resolves.toEqual({ sub: null });
    await app.close();
  });

  it('gets 401 otherwise', async () => {
    await expect(statuses()).resolves.toEqual([401, 401]);
  });
});
