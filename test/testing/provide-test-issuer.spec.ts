import 'reflect-metadata';
import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Authenticated, Claims, JWKS_MODULE_OPTIONS, JwksModule } from '../../lib/index.js';
import { provideTestIssuer, TestIssuer } from '../../lib/testing/index.js';

const reachable = (issuer: TestIssuer) =>
  fetch(issuer.jwksUri).then(
    (response) => response.ok,
    () => false,
  );

describe('provideTestIssuer', () => {
  it('starts an issuer with the module and closes it with the application', async () => {
    const module = await Test.createTestingModule({
      imports: [provideTestIssuer({ audience: 'orders-api' })],
    }).compile();
    const issuer = module.get(TestIssuer);
    expect(issuer.audience).toBe('orders-api');
    expect(await reachable(issuer)).toBe(true);
    await module.close();
    expect(await reachable(issuer)).toBe(false);
  });

  it('provides to every module', async () => {
    @Module({
      providers: [{ provide: 'trust', inject: [TestIssuer], useFactory: (issuer: TestIssuer) => issuer.options() }],
    })
    class FeatureModule {}
    const module = await Test.createTestingModule({ imports: [FeatureModule, provideTestIssuer()] }).compile();
    expect(module.get('trust', { strict: false })).toEqual({ issuer: module.get(TestIssuer).issuer, audience: false });
    await module.close();
  });

  it('leaves an issuer that it was handed to the test that started it', async () => {
    await using issuer = await TestIssuer.start();
    const module = await Test.createTestingModule({ imports: [provideTestIssuer(issuer)] }).compile();
    expect(module.get(TestIssuer)).toBe(issuer);
    await module.close();
    expect(await reachable(issuer)).toBe(true);
  });

  it('goes among the providers of one module as well', async () => {
    const module = await Test.createTestingModule({
      providers: [provideTestIssuer({ audience: 'orders-api' })],
    }).compile();
    const issuer = module.get(TestIssuer);
    expect(issuer.audience).toBe('orders-api');
    await module.close();
    expect(await reachable(issuer)).toBe(false);
  });

  it('makes one issuer per call', async () => {
    const [one, two] = await Promise.all(
      [0, 1].map(() => Test.createTestingModule({ imports: [provideTestIssuer()] }).compile()),
    );
    expect(one!.get(TestIssuer).issuer).not.toBe(two!.get(TestIssuer).issuer);
    await Promise.all([one!.close(), two!.close()]);
  });
});

@Controller('me')
@Authenticated()
class MeController {
  @Get()
  me(@Claims('sub') sub: string) {
    return { sub };
  }
}

async function me(app: INestApplication, token: string): Promise<{ status: number; body: unknown }> {
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/me`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: await response.json() };
}

describe('an application under test', () => {
  it('takes its options from the issuer that is provided', async () => {
    const module = await Test.createTestingModule({
      imports: [
        provideTestIssuer({ audience: 'orders-api' }),
        JwksModule.forRootAsync({ inject: [TestIssuer], useFactory: (issuer: TestIssuer) => issuer.options() }),
      ],
      controllers: [MeController],
    }).compile();
    const app = module.createNestApplication();
    const issuer = module.get(TestIssuer);
    expect(await me(app, await issuer.sign({ sub: 'alice' }))).toEqual({ status: 200, body: { sub: 'alice' } });
    await app.close();
    expect(await reachable(issuer)).toBe(false);
  });

  it('runs unchanged on the options of an issuer', async () => {
    @Module({
      imports: [JwksModule.forRoot({ issuer: 'https://id.example.com/', audience: 'orders-api' })],
      controllers: [MeController],
    })
    class AppModule {}
    await using issuer = await TestIssuer.start({ audience: 'orders-api' });
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(JWKS_MODULE_OPTIONS)
      .useValue(issuer.options())
      .compile();
    const app = module.createNestApplication();
    expect(await me(app, await issuer.sign({ sub: 'alice' }))).toEqual({ status: 200, body: { sub: 'alice' } });
    await app.close();
  });
});
