import 'reflect-metadata';
import { Controller, Get, Module, Req, type DynamicModule, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import {
  Authenticated,
  Claims,
  JWKS_MODULE_OPTIONS,
  JwksModule,
  JwksService,
  type JwksModuleOptions,
} from '../../lib/index.js';
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

describe('an application whose provider is replaced', () => {
  const rules = { validate: () => ({ id: 7 }), claims: { tenant: 'acme' }, tokenType: 'at+jwt' } as const;

  async function trusting(options: JwksModuleOptions, replacement: DynamicModule) {
    @Module({ imports: [JwksModule.forRoot(options)], controllers: [UserController] })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule, replacement] }).compile();
    const app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    return {
      module,
      async ask(token: string) {
        const headers = { authorization: `Bearer ${token}` };
        const response = await fetch(`${await app.getUrl()}/user`, { headers });
        return response.ok ? response.json() : ((await response.json()) as { code: string }).code;
      },
      [Symbol.asyncDispose]: () => app.close(),
    };
  }

  @Controller('user')
  @Authenticated()
  class UserController {
    @Get()
    user(@Req() request: { user: unknown }) {
      return request.user;
    }
  }

  it('keeps validate, claims and every other rule', async () => {
    const options = {
      issuer: 'https://id.example.com/',
      audience: 'orders-api',
      jwksUri: 'https://x.example/',
      ...rules,
    };
    await using app = await trusting(options, provideTestIssuer({ audience: 'test-api' }));
    const issuer = app.module.get(TestIssuer);
    expect(await app.ask(await issuer.sign({ tenant: 'acme' }))).toEqual({ id: 7 });
    expect(await app.ask(await issuer.sign({ tenant: 'other' }))).toBe('claim_invalid');
    expect(await app.ask(await issuer.sign({ tenant: 'acme' }, { header: { typ: 'JWT' } }))).toBe('claim_invalid');
    expect(await app.ask(await issuer.sign({ tenant: 'acme', aud: 'orders-api' }))).toBe('claim_invalid');
    expect(
      app.module
        .get(JwksService, { strict: false })
        .status()
        .map(({ issuer: name }) => name),
    ).toEqual([issuer.issuer]);
  });

  it('takes an issuer that the test holds', async () => {
    await using issuer = await TestIssuer.start({ audience: 'orders-api' });
    const options = { issuer: 'https://id.example.com/', audience: 'orders-api', ...rules };
    await using app = await trusting(options, issuer.override());
    expect(await app.ask(await issuer.sign({ tenant: 'acme' }))).toEqual({ id: 7 });
  });

  it('replaces one of several issuers, the one that is named', async () => {
    const [first, second] = ['https://one.example.com', 'https://two.example.com'] as const;
    const options = {
      issuers: [{ issuer: first }, { issuer: second, ...rules }],
      audience: 'orders-api',
      prefetch: false,
    };
    await using issuer = await TestIssuer.start({ audience: 'orders-api' });
    await expect(trusting(options, issuer.override())).rejects.toMatchObject({ code: 'configuration_invalid' });
    await using app = await trusting(options, issuer.override({ inPlaceOf: second }));
    expect(await app.ask(await issuer.sign({ tenant: 'acme' }))).toEqual({ id: 7 });
    const trusted = app.module.get(JwksService, { strict: false }).status();
    expect(trusted.map(({ issuer: name }) => name)).toEqual([first, issuer.issuer]);
  });

  it('is found beside a function for issuers, with the rules of the one it stands for', async () => {
    const known = 'https://one.example.com';
    const issuers = (issuer: string) => (issuer === known ? { issuer, audience: 'orders-api', ...rules } : undefined);
    await using issuer = await TestIssuer.start({ audience: 'orders-api' });
    await using app = await trusting({ issuers }, issuer.override({ inPlaceOf: known }));
    expect(await app.ask(await issuer.sign({ tenant: 'acme' }))).toEqual({ id: 7 });
    expect(await app.ask(await issuer.sign({ tenant: 'other' }))).toBe('claim_invalid');
    await using plain = await trusting({ issuers }, issuer.override());
    expect(await plain.ask(await issuer.sign())).toMatchObject({ issuer: issuer.issuer });
    await using unknown = await trusting({ issuers }, issuer.override({ inPlaceOf: 'https://no.example.com' }));
    expect(await unknown.ask(await issuer.sign())).toBe('issuer_untrusted');
  });

  it('leaves options alone that name the test issuer', async () => {
    await using issuer = await TestIssuer.start({ audience: 'orders-api' });
    const options = { ...issuer.options(), audience: 'another-api' };
    await using app = await trusting(options, issuer.override());
    expect(await app.ask(await issuer.sign())).toBe('claim_invalid');
    expect(await app.ask(await issuer.sign({ aud: 'another-api' }))).toMatchObject({ issuer: issuer.issuer });
  });
});
