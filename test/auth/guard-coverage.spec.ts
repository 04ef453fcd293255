import { Controller, Get, Injectable, UseGuards, type ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Query, ResolveField, ResolveReference, Resolver } from '@nestjs/graphql';
import { MessagePattern, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Authenticated, JwksAuthGuard, JwksModule, Public, type JwksModuleOptions } from '../../lib/index.js';

const OPTIONS = { issuer: 'https://id.example.com', audience: 'orders-api', prefetch: false } as const;
const { version } = createRequire(import.meta.url)('@nestjs/core/package.json') as { version: string };
const GLOBAL = { provide: APP_GUARD, useExisting: JwksAuthGuard };

/** Starts an application, and returns the message of the error that start-up fails with. */
async function startUp(
  { providers = [], controllers = [] }: ModuleMetadata,
  options: Partial<JwksModuleOptions> = {},
): Promise<string | undefined> {
  const imports = [JwksModule.forRoot({ ...OPTIONS, ...options } as JwksModuleOptions)];
  const module = await Test.createTestingModule({ imports, providers, controllers }).compile();
  const app = module.createNestApplication({ logger: false });
  try {
    await app.init();
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration_invalid', option: 'allowUnguarded' });
    return (error as Error).message;
  } finally {
    await app.close();
  }
}

@Resolver('User')
class FieldRule {
  @Query(() => String)
  @Authenticated()
  me() {
    return 'me';
  }

  @ResolveField('salary')
  @Authenticated({ scopes: ['salary:read'] })
  salary() {
    return 1;
  }
}

@Resolver('User')
class FieldGuard {
  @ResolveField('salary')
  @UseGuards(class Own extends JwksAuthGuard {})
  salary() {
    return 1;
  }
}

@Resolver('User')
@Authenticated()
class Reference {
  @ResolveReference()
  resolve() {
    return {};
  }
}

@Resolver('User')
class BareReference {
  @ResolveReference()
  resolve() {
    return {};
  }
}

@Injectable()
class Scheduled {
  @Authenticated()
  nightly() {
    return 'run';
  }
}

@Injectable()
@Authenticated()
class WholeService {
  list() {
    return [];
  }
}

@WebSocketGateway()
class Connection {
  @Authenticated()
  handleConnection() {
    return undefined;
  }
}

@Controller()
class Helper {
  @Get('orders')
  orders() {
    return this.load();
  }

  @Authenticated()
  load() {
    return [];
  }
}

describe('a rule that Nest never asks for', () => {
  it.each<[string, ModuleMetadata, string, string]>([
    ['a field resolver', { providers: [FieldRule] }, 'FieldRule.salary', "fieldResolverEnhancers: ['guards']"],
    ['a guard of ours on a field', { providers: [FieldGuard] }, 'FieldGuard.salary', 'fieldResolverEnhancers'],
    ['a reference resolver', { providers: [Reference] }, 'Reference.resolve', 'fieldResolverEnhancers'],
    ['a global guard', { providers: [BareReference, GLOBAL] }, 'BareReference.resolve', 'fieldResolverEnhancers'],
    ['a scheduled method', { providers: [Scheduled] }, 'Scheduled.nightly', 'Nest runs no guard for other methods'],
    ['a whole service', { providers: [WholeService] }, 'for WholeService:', 'no guard for other methods'],
    ['handleConnection', { providers: [Connection] }, 'Connection.handleConnection', 'no guard for other methods'],
    ['a method that is no route', { controllers: [Helper] }, 'Helper.load', 'no guard for other methods'],
  ])('fails the start: %s', async (_, metadata, where, remedy) => {
    const message = await startUp(metadata);
    expect(message).toContain(where);
    expect(message).toContain(remedy);
  });

  it.each<[string, ModuleMetadata, JwksModuleOptions['allowUnguarded']]>([
    ['field resolvers', { providers: [FieldRule, Reference] }, ['resolvers']],
    ['methods of other providers', { providers: [Scheduled, WholeService, Connection] }, ['providers']],
  ])('is accepted if it is meant: %s', async (_, metadata, allowUnguarded) => {
    expect(await startUp(metadata, { allowUnguarded })).toBeUndefined();
  });

  it('is no false alarm: field resolvers with the enhancer', async () => {
    const enhancers = { provide: 'GqlModuleOptions', useValue: { fieldResolverEnhancers: ['guards'] } };
    expect(await startUp({ providers: [FieldRule, FieldGuard, Reference, GLOBAL, enhancers] })).toBeUndefined();
  });

  it('is no false alarm: helpers, unmarked fields, inheritance, public references, factories', async () => {
    @Resolver('User')
    @Authenticated()
    class Mixed {
      @Query(() => String)
      me() {
        return this.helper();
      }

      @ResolveField('name')
      name() {
        return 'name';
      }

      @ResolveReference()
      @Public()
      resolve() {
        return {};
      }

      helper() {
        return 'me';
      }
    }

    @Controller('base')
    class Base {
      @Get()
      @Authenticated()
      list() {
        return [];
      }

      onModuleInit() {
        return undefined;
      }
    }

    @Controller('derived')
    class Derived extends Base {}

    @Controller('overridden')
    class Overridden extends Base {
      override list() {
        return [];
      }
    }

    @WebSocketGateway()
    @Authenticated()
    class Gateway {
      @SubscribeMessage('orders')
      orders() {
        return [];
      }

      handleConnection() {
        return undefined;
      }
    }

    const factory = { provide: 'factory', useFactory: () => ({ load: () => [] }) };
    const value = { provide: 'value', useValue: Object.create(null) as object };
    const metadata = { providers: [Mixed, Gateway, factory, value], controllers: [Base, Derived, Overridden] };
    expect(await startUp(metadata)).toBeUndefined();
  });
});

@WebSocketGateway()
class OpenGateway {
  @SubscribeMessage('secret')
  secret() {
    return 'secret';
  }
}

@Controller()
class Messages {
  @MessagePattern('secret')
  secret() {
    return 'secret';
  }
}

describe('a guard for the whole application', () => {
  it('fails the start where Nest runs no global guard for gateways', async () => {
    const message = await startUp({ providers: [OpenGateway, GLOBAL] });
    if (Number.parseInt(version, 10) >= 12) expect(message).toBeUndefined();
    else expect(message).toContain('OpenGateway.secret');
    expect(await startUp({ providers: [OpenGateway, GLOBAL] }, { allowUnguarded: ['gateways'] })).toBeUndefined();
    expect(await startUp({ providers: [OpenGateway] })).toBeUndefined();
  });

  it('fails the start of a hybrid application whose message handlers it does not reach', async () => {
    const message = await startUp({ providers: [GLOBAL], controllers: [Messages] });
    expect(message).toContain('Messages.secret');
    expect(message).toContain('inheritAppConfig: true');
    const meant = { allowUnguarded: ['microservices'] } as const;
    expect(await startUp({ providers: [GLOBAL], controllers: [Messages] }, meant)).toBeUndefined();
  });

  it('accepts message handlers that decide for themselves', async () => {
    @Controller()
    class Decided {
      @MessagePattern('a')
      @Authenticated()
      guarded() {
        return 'a';
      }

      @MessagePattern('b')
      @Public()
      open() {
        return 'b';
      }
    }
    expect(await startUp({ providers: [GLOBAL], controllers: [Decided] })).toBeUndefined();
  });

  it('accepts a microservice, whose global guards are its own', async () => {
    const imports = [JwksModule.forRoot(OPTIONS)];
    const metadata = { imports, providers: [GLOBAL], controllers: [Messages] };
    const module = await Test.createTestingModule(metadata).compile();
    const app = module.createNestMicroservice({ transport: Transport.TCP, options: { port: 0 }, logger: false });
    await expect(app.init()).resolves.toBeDefined();
    await app.close();
  });
});
