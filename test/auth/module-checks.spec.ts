import 'reflect-metadata';
import { Controller, Get, Injectable, Module, Scope, UseGuards, type INestApplication } from '@nestjs/common';
import { AuthGuard, PassportModule } from '@nestjs/passport';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  JwksConfigurationError,
  JwksModule,
  JwksService,
  JwksStrategy,
  type JwksModuleOptions,
} from '../../lib/index.js';
import { faultOf, jwksOf, startServer } from '../client/support.js';
import { signToken, testKey } from '../support/keys.js';

type Imports = NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>;

const key = await testKey();
const optionsOf = (issuer: string, isGlobal = true) =>
  ({ issuer, audience: false, jwks: jwksOf(key), isGlobal }) as const;

async function start(...imports: Imports): Promise<INestApplication> {
  const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  return app.init();
}

@Controller('passport')
@UseGuards(AuthGuard('jwks'))
class PassportController {
  @Get()
  get(): string {
    return 'ok';
  }
}

@Controller('default')
@UseGuards(AuthGuard())
class DefaultController {
  @Get()
  get(): string {
    return 'ok';
  }
}

const partOf = (issuer: string, controllers: (typeof PassportController)[] = []) => {
  @Module({ imports: [JwksModule.forRoot(optionsOf(issuer, false))], controllers })
  class Part {}
  return Part;
};

describe("A19: AuthGuard('jwks')", () => {
  it('fails the start beside two modules, in whatever order', async () => {
    for (const parts of [
      [partOf('https://a', [PassportController]), partOf('https://b')],
      [partOf('https://a'), partOf('https://b', [PassportController])],
    ]) {
      const fault = await faultOf(start(...parts));
      expect(fault).toBeInstanceOf(JwksConfigurationError);
      expect(fault.message).toContain("AuthGuard('jwks')");
    }
  });

  it('fails the start while another application uses it for another issuer', async () => {
    const first = await start(partOf('https://a', [PassportController]));
    const second = () => start(partOf('https://b', [PassportController]));
    expect(await faultOf(second())).toBeInstanceOf(JwksConfigurationError);
    await start(partOf('https://b'));
    const passport = await import('passport');
    expect((passport.default as unknown as { _strategy(name: string): unknown })._strategy('jwks')).toBe(
      first.get(JwksStrategy, { strict: false }),
    );
    await first.close();
    await second();
  });

  const bearer: Partial<JwksModuleOptions> = {};
  const nginx = (...trustedProxies: string[]) => ({ mtls: { certificate: 'nginx' as const, trustedProxies } });
  const secret = 'a secret of at least 32 characters';

  it.each<[string, Partial<JwksModuleOptions>, Partial<JwksModuleOptions>]>([
    ['a gateway', { boundTokens: 'verified-by-gateway' }, bearer],
    ['DPoP', { dpop: true }, bearer],
    ['DPoP alone', { dpop: { required: true } }, { dpop: true }],
    ['another public URL', { dpop: { publicUrl: 'https://a' } }, { dpop: { publicUrl: 'https://b' } }],
    ['no replay store', { dpop: { replay: false } }, { dpop: true }],
    ['a nonce', { dpop: { nonce: { secret } } }, { dpop: true }],
    ['another proxy', nginx('10.0.0.1'), nginx('10.0.0.2')],
    ['another header', nginx('10.0.0.1'), { mtls: { certificate: 'alb', trustedProxies: ['10.0.0.1'] } }],
    ['a function', { mtls: { certificate: () => undefined } }, nginx('10.0.0.1')],
  ])('fails the start while another application uses it that checks senders otherwise: %s', async (_, some, others) => {
    const part = (options: Partial<JwksModuleOptions>) => {
      const module = JwksModule.forRoot({ ...optionsOf('https://a'), ...options } as JwksModuleOptions);
      @Module({ imports: [module], controllers: [PassportController] })
      class Part {}
      return Part;
    };
    await start(part(some));
    await start(part(some));
    expect(await faultOf(start(part(others)))).toBeInstanceOf(JwksConfigurationError);
  });

  it('fails the start beside two modules where it is the default strategy, and not where another one is', async () => {
    const startBeside = (defaultStrategy: string) => {
      @Module({ imports: [PassportModule.register({ defaultStrategy })], controllers: [DefaultController] })
      class Default {}
      return start(partOf('https://a'), partOf('https://b'), Default);
    };
    expect(await faultOf(startBeside('jwks'))).toBeInstanceOf(JwksConfigurationError);
    await startBeside('local');
  });

  it('may be used by two applications with a function for issuers, also while one has some in use', async () => {
    const issuers = (issuer: string) => ({ issuer, jwks: jwksOf(key) });
    const module = () => {
      @Module({ imports: [JwksModule.forRoot({ issuers, audience: false })], controllers: [PassportController] })
      class Part {}
      return Part;
    };
    const first = await start(module());
    await first.get(JwksService).verify(await signToken(key, { iss: 'https://a', exp: 9e9 }));
    expect(first.get(JwksService).status()).toHaveLength(1);
    await start(module());
  });

  it('does not keep two modules from starting that do not use it', async () => {
    await start(partOf('https://a'), partOf('https://b'));
  });
});

describe('a JwksModule that would not work as it is written', () => {
  it('two for the whole application fail the start', async () => {
    const modules = ['https://a', 'https://b'].map((issuer) => JwksModule.forRoot(optionsOf(issuer)));
    expect(await faultOf(start(...modules))).toMatchObject({ code: 'configuration_invalid', option: 'isGlobal' });
  });

  it('one with options of a request-scoped provider fails the start', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      readonly issuer = 'https://a';
    }
    @Module({ providers: [PerRequest], exports: [PerRequest] })
    class ConfigModule {}
    const module = JwksModule.forRootAsync({
      imports: [ConfigModule],
      inject: [PerRequest],
      useFactory: ({ issuer }: PerRequest) => optionsOf(issuer),
    });
    const fault = await faultOf(start(module));
    expect(fault).toBeInstanceOf(JwksConfigurationError);
    expect(fault.message).toContain('request-scoped');
  });
});

describe('headers and certificates', () => {
  it('A13: of the module go to none of several issuers, and those of an issuer to it alone', async () => {
    const server = await startServer();
    for (const path of ['/a', '/b']) server.on(path, { body: jwksOf(key) });
    let calls = 0;
    const app = await start(
      JwksModule.forRoot({
        audience: false,
        prefetch: false,
        http: { headers: { 'x-api-key': 'of-the-module' } },
        issuers: [
          { issuer: 'https://a', jwksUri: server.url('/a') },
          {
            issuer: 'https://b',
            jwksUri: server.url('/b'),
            http: { headers: async () => ({ 'x-api-key': `of-b-${(calls += 1)}` }) },
          },
        ],
      }),
    );
    const jwks = app.get(JwksService);
    for (const issuer of ['https://a', 'https://b']) await jwks.verify(await signToken(key, { iss: issuer, exp: 9e9 }));
    await jwks.client('https://b').getJwkSet({ refresh: true });
    expect(server.requests.map(({ path, headers }) => [path, headers['x-api-key']])).toEqual([
      ['/a', undefined],
      ['/b', 'of-b-1'],
      ['/b', 'of-b-2'],
    ]);
  });

  it('that a function does not return become an outage without their value', async () => {
    const app = await start(
      JwksModule.forRoot({
        issuer: 'https://a',
        audience: false,
        prefetch: false,
        jwksUri: 'https://a/jwks',
        http: { retries: 0, headers: () => ({ 'x-api-key': 'secret\n' }) },
      }),
    );
    const fault = await faultOf(app.get(JwksService).getSigningKeys());
    expect(fault.code).toBe('jwks_unavailable');
    expect(JSON.stringify([fault, fault.message])).not.toContain('secret');
  });
});
