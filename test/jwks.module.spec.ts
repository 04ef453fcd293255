import 'reflect-metadata';
import { ConsoleLogger, Controller, Get, Injectable, Logger, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  Authenticated,
  Claims,
  JWKS_MODULE_OPTIONS,
  JwksAuthGuard,
  JwksConfigurationError,
  JwksModule,
  JwksService,
  JwksStrategy,
  type JwksModuleOptions,
  type JwksOptionsFactory,
} from '../lib/index.js';
import { provideTestIssuer, TestIssuer } from '../lib/testing/index.js';
import { faultOf, startIssuer } from './client/support.js';

let issuer: TestIssuer;

beforeEach(async () => {
  issuer = await startIssuer();
});

type Imports = NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>;

async function start(imports: Imports): Promise<INestApplication> {
  const module = await Test.createTestingModule({ imports }).compile();
  const app = module.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  return app.init();
}

async function serviceIn(...imports: Imports): Promise<JwksService> {
  return (await start(imports)).get(JwksService);
}

@Injectable()
class Settings implements JwksOptionsFactory {
  createJwksOptions(): JwksModuleOptions {
    return issuer.options();
  }
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

describe('JwksModule', () => {
  it('takes options that are at hand', async () => {
    const jwks = await serviceIn(JwksModule.forRoot(issuer.options()));
    expect((await jwks.verify(await issuer.sign({ sub: 'alice' }))).claims.sub).toBe('alice');
  });

  it.each<[string, () => ReturnType<typeof JwksModule.forRootAsync>]>([
    ['useFactory', () => JwksModule.forRootAsync({ useFactory: async () => issuer.options() })],
    [
      'useFactory with inject',
      () =>
        JwksModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: (settings: Settings) => settings.createJwksOptions(),
        }),
    ],
    ['useClass', () => JwksModule.forRootAsync({ useClass: Settings })],
    ['useExisting', () => JwksModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings })],
  ])('takes options from elsewhere: %s', async (_, module) => {
    const jwks = await serviceIn(module());
    expect((await jwks.verify(await issuer.sign())).issuer).toBe(issuer.issuer);
  });

  it('provides the service, the guard and the strategy', async () => {
    const app = await start([JwksModule.forRoot(issuer.options())]);
    for (const provided of [JwksService, JwksAuthGuard, JwksStrategy])
      expect(app.get(provided)).toBeInstanceOf(provided);
  });

  it.each([undefined, null, 'https://id.example.com'])('says what it needs where forRoot(%j) is called', (options) => {
    const call = () => JwksModule.forRoot(options as never);
    expect(call).toThrow(JwksConfigurationError);
    expect(call).toThrow('JwksModule.forRoot needs options: at least { issuer, audience }');
    expect(() => JwksModule.forRootAsync(options as never)).toThrow('useFactory, useClass or useExisting');
    expect(() => JwksModule.forRootAsync({})).toThrow('useFactory, useClass or useExisting');
  });

  it.each<[object | undefined, string | undefined]>([
    [{ issuer: undefined, audience: 'a' }, 'issuer'],
    [{ issuer: 'https://id.example.com', audience: undefined }, 'audience'],
    [{ issuer: 'https://id.example.com', audience: 'a', cache: { ttl: 0 } }, 'cache.ttl'],
    [{ issuer: 'https://id.example.com', audience: 'a', jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, 'jwks'],
    [{ issuer: 'https://id.example.com', audience: 'a', failover: [{ jwks: null }] }, 'failover[0].jwks'],
    [{ issuer: 'https://id.example.com', audience: 'a', http: { tls: { cert: 'no' } } }, 'http.tls'],
    [{ issuer: 'https://id.example.com', audience: 'a', http: { proxy: 'socks5://proxy' } }, 'http.proxy'],
  ])('E18: fails at start-up, sync and async, for %j', async (options, option) => {
    const modules = [
      JwksModule.forRoot(options as never),
      JwksModule.forRootAsync({ useFactory: () => options as never }),
    ];
    for (const module of modules) {
      const fault = await faultOf(Test.createTestingModule({ imports: [module] }).compile());
      expect(fault).toMatchObject({ code: 'configuration_invalid', option });
    }
  });

  it('fails at start-up where a factory forgets its return', async () => {
    const module = JwksModule.forRootAsync({ useFactory: () => undefined as never });
    expect(await faultOf(Test.createTestingModule({ imports: [module] }).compile())).toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('JwksModule needs options') as string,
    });
  });

  it('lets a test put other options in the place of its own', async () => {
    const module = await Test.createTestingModule({
      imports: [JwksModule.forRoot({ issuer: undefined as never, audience: 'orders-api' })],
    })
      .overrideProvider(JWKS_MODULE_OPTIONS)
      .useValue(issuer.options())
      .compile();
    onTestFinished(() => module.close());
    await module.init();
    expect((await module.get(JwksService).verify(await issuer.sign())).issuer).toBe(issuer.issuer);
    expect(JWKS_MODULE_OPTIONS).toBe('JWKS_MODULE_OPTIONS');
  });

  it('works with an issuer that starts with the module', async () => {
    const app = await start([
      provideTestIssuer({ audience: 'orders-api' }),
      JwksModule.forRootAsync({ inject: [TestIssuer], useFactory: (own: TestIssuer) => own.options() }),
    ]);
    const token = await app.get(TestIssuer).sign();
    expect(await app.get(JwksService).verify(token)).toBeDefined();
  });
});

describe('isGlobal', () => {
  @Controller()
  class OrdersController {
    constructor(readonly jwks: JwksService) {}

    @Authenticated()
    @Get()
    read(@Claims('sub') sub: string) {
      return { sub };
    }
  }

  @Module({ controllers: [OrdersController] })
  class OrdersModule {}

  it('is true: any module can use the service and the guard', async () => {
    const app = await start([JwksModule.forRoot(issuer.options()), OrdersModule]);
    expect(app.get(OrdersController, { strict: false }).jwks).toBe(app.get(JwksService));
  });

  it('false: a module that does not import it cannot', async () => {
    const options = { ...issuer.options(), isGlobal: false };
    const fault = await faultOf(
      Test.createTestingModule({ imports: [JwksModule.forRoot(options), OrdersModule] }).compile(),
    );
    expect(fault.message).toContain('JwksService');
  });

  it.each<[string, () => ReturnType<typeof JwksModule.forRoot>]>([
    ['forRoot', () => JwksModule.forRoot({ ...issuer.options(), isGlobal: false })],
    ['forRootAsync', () => JwksModule.forRootAsync({ isGlobal: false, useFactory: () => issuer.options() })],
  ])('false: a module that imports it can (%s)', async (_, make) => {
    const jwksModule = make();
    @Module({ imports: [jwksModule], controllers: [OrdersController] })
    class OwnModule {}
    const app = await start([OwnModule]);
    expect(app.get(OrdersController, { strict: false }).jwks).toBeInstanceOf(JwksService);
  });
});

describe('several modules in one process', () => {
  it('do not disturb each other', async () => {
    const other = await startIssuer();
    const [a, b] = [
      await serviceIn(JwksModule.forRoot(issuer.options())),
      await serviceIn(JwksModule.forRoot(other.options())),
    ];
    expect((await a.verify(await issuer.sign())).issuer).toBe(issuer.issuer);
    expect((await b.verify(await other.sign())).issuer).toBe(other.issuer);
    expect(await faultOf(a.verify(await other.sign()))).toMatchObject({ code: 'issuer_untrusted' });
    expect(await faultOf(b.verify(await issuer.sign()))).toMatchObject({ code: 'issuer_untrusted' });
  });

  it('can stand in one application, each for its part of it', async () => {
    const other = await startIssuer();
    @Injectable()
    class Part {
      constructor(readonly jwks: JwksService) {}
    }
    @Module({ imports: [JwksModule.forRoot({ ...issuer.options(), isGlobal: false })], providers: [Part] })
    class InnerModule {}
    @Module({ imports: [JwksModule.forRoot({ ...other.options(), isGlobal: false })], providers: [Part] })
    class OuterModule {}
    const app = await start([InnerModule, OuterModule]);
    const [inner, outer] = [InnerModule, OuterModule].map((each) => app.select(each).get(Part, { strict: true })) as [
      Part,
      Part,
    ];
    expect((await inner.jwks.verify(await issuer.sign())).issuer).toBe(issuer.issuer);
    expect((await outer.jwks.verify(await other.sign())).issuer).toBe(other.issuer);
  });
});

describe('prefetch', () => {
  it('true: loads in the background at start', async () => {
    await issuer.slow('1m');
    const jwks = await serviceIn(JwksModule.forRoot(issuer.options()));
    expect(jwks.status()[0]?.state).toBe('empty');
    await issuer.up();
    await vi.waitFor(() => expect(jwks.status()[0]?.state).toBe('fresh'));
    const fetched = issuer.jwksRequests;
    await jwks.verify(await issuer.sign());
    expect(issuer.jwksRequests).toBe(fetched);
  });

  it('true: an outage fails no start-up, and becomes no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    await issuer.down();
    const jwks = await serviceIn(JwksModule.forRoot({ ...issuer.options(), http: { retries: 0 } }));
    await vi.waitFor(() => expect(jwks.status()[0]?.lastFault?.code).toBe('jwks_unavailable'));
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("'required': start-up waits for the sets of all issuers", async () => {
    const other = await startIssuer();
    const issuers = [issuer, other].map((each) => ({ issuer: each.issuer }));
    const jwks = await serviceIn(JwksModule.forRoot({ issuers, audience: 'orders-api', prefetch: 'required' }));
    expect(jwks.status().map(({ state }) => state)).toEqual(['fresh', 'fresh']);
  });

  it("'required': start-up fails without them, with the fault", async () => {
    await issuer.down();
    const options = { ...issuer.options(), prefetch: 'required', http: { retries: 0 } } as const;
    const module = await Test.createTestingModule({ imports: [JwksModule.forRoot(options)] }).compile();
    const app = module.createNestApplication({ logger: false });
    onTestFinished(() => app.close());
    expect(await faultOf(app.init())).toMatchObject({ code: 'jwks_unavailable' });
    const jwks = module.get(JwksService);
    expect(await faultOf(jwks.getSigningKeys())).toMatchObject({ code: 'jwks_unavailable', retryable: false });
  });

  it('false: loads on first use', async () => {
    const jwks = await serviceIn(JwksModule.forRoot({ ...issuer.options(), prefetch: false }));
    await new Promise(setImmediate);
    expect(issuer.requests).toEqual([]);
    await jwks.verify(await issuer.sign());
    expect(issuer.jwksRequests).toBe(1);
  });
});

describe('shutdown', () => {
  it('R35: ends what is under way and leaves nothing that keeps the process', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    await issuer.slow('1m');
    const app = await start([JwksModule.forRoot(issuer.options())]);
    const jwks = app.get(JwksService);
    const waiting = faultOf(jwks.getSigningKeys());
    await vi.waitFor(() => expect(issuer.requests.length).toBeGreaterThan(0));
    await app.close();
    expect(await waiting).toMatchObject({ code: 'jwks_unavailable', retryable: false });
    await issuer.close();
    await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before));
    expect(await faultOf(jwks.getSigningKeys())).toMatchObject({ code: 'jwks_unavailable', retryable: false });
  });

  it("closes the application's own sources, whatever they make of it", async () => {
    const close = vi.fn(() => Promise.reject(new Error('already closed')));
    const source = { load: () => Promise.reject(new Error('none')), close };
    const app = await start([JwksModule.forRoot({ ...issuer.options(), source, prefetch: false })]);
    await app.close();
    expect(close).toHaveBeenCalledOnce();
  });
});

describe('logs', () => {
  it('report trouble and recovery, and hold no token', async () => {
    await issuer.down();
    const app = await start([JwksModule.forRoot({ ...issuer.options(), prefetch: false, http: { retries: 0 } })]);
    const lines: string[] = [];
    const write = (line: unknown) => void lines.push(String(line));
    Logger.overrideLogger({ log: write, error: write, warn: write, debug: write });
    onTestFinished(() => Logger.overrideLogger(new ConsoleLogger()));
    const jwks = app.get(JwksService);
    const token = await issuer.sign();
    await faultOf(jwks.verify(token));
    await issuer.up();
    await jwks.getJwkSet({ refresh: true });
    await faultOf(jwks.verify(`${token.slice(0, -8)}AAAAAAAA`));
    const text = lines.join('\n');
    expect(text).toContain(`Keys of "${issuer.issuer}" could not be loaded`);
    expect(text).toContain(`Keys of "${issuer.issuer}" are available again`);
    expect(text).toContain('1 signature_invalid: ');
    expect(text).not.toContain(token.split('.')[1]);
  });
});
