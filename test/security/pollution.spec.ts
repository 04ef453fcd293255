import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, JwksModule } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';

@Controller()
class OrdersController {
  @Get('admin')
  @Authenticated({ scopes: ['admin'] })
  admin() {
    return 'secret';
  }

  @Get('plain')
  @Authenticated()
  plain() {
    return 'orders';
  }
}

describe.each(ADAPTERS)('a polluted Object.prototype, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    const imports = [JwksModule.forRoot(issuer.options())];
    api = await Api.start(makeAdapter, { imports, controllers: [OrdersController] });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await issuer.close();
  });

  it.each([
    ['optional', true],
    ['scopes', []],
    ['anyOfScopes', ['read']],
    ['scope', 'admin'],
    ['scopesFrom', ['sub']],
    ['audience', false],
    ['issuer', 'https://evil.example.com'],
    ['requiredClaims', []],
    ['clockTolerance', '100y'],
    ['user', { id: 1 }],
    ['authorization', 'Bearer abc'],
  ])('opens no route by %s', async (name, value) => {
    const poor = await issuer.sign({ sub: 'mallory' });
    const expired = await issuer.sign({ sub: 'mallory' }, { expiresIn: '-1h' });
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false });
    try {
      const statuses = await Promise.all([
        api.call('/admin', {}),
        api.call('/admin', { token: poor }),
        api.call('/plain', { token: expired }),
        api.call('/plain', {}),
      ]);
      expect(statuses.map(({ status }) => status).every((status) => status >= 400)).toBe(true);
    } finally {
      Reflect.deleteProperty(Object.prototype, name);
    }
    expect((await api.call('/plain', { token: poor })).status).toBe(200);
  });
});
