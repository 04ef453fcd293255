import { Controller, Get, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Authenticated, JwksModule, Public, type JwksModuleOptions } from '../../lib/index.js';

const OPTIONS = { issuer: 'https://id.example.com', audience: 'orders-api', prefetch: false } as const;

/** Starts an application, and returns the message of the error that start-up fails with. */
async function startUp(controller: Type, options: Partial<JwksModuleOptions> = {}): Promise<string | undefined> {
  const imports = [JwksModule.forRoot({ ...OPTIONS, ...options } as JwksModuleOptions)];
  const module = await Test.createTestingModule({ imports, controllers: [controller] }).compile();
  const app = module.createNestApplication({ logger: false });
  try {
    await app.init();
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration_invalid', option: 'senderConstrained' });
    return (error as Error).message;
  } finally {
    await app.close();
  }
}

@Controller()
class OnHandler {
  @Get()
  @Authenticated({ senderConstrained: true })
  list() {
    return [];
  }
}

@Controller()
@Authenticated({ senderConstrained: true })
class OnClass {
  @Get()
  list() {
    return [];
  }
}

@Controller()
@Authenticated({ senderConstrained: true })
class OnNone {
  @Get()
  @Public()
  list() {
    return [];
  }

  @Get('bearer')
  @Authenticated()
  bearer() {
    return [];
  }
}

describe('a route for bound tokens alone', () => {
  it('is an error at start where none are accepted', async () => {
    expect(await startUp(OnHandler)).toMatch(
      /^OnHandler\.list has senderConstrained: true, .* set "dpop", .* or "mtls"$/,
    );
    expect(await startUp(OnClass)).toMatch(/^OnClass has senderConstrained: true/);
    expect(await startUp(OnNone)).toBeUndefined();
  });

  it.each<Partial<JwksModuleOptions>>([
    { dpop: true },
    { mtls: { certificate: 'socket' } },
    { boundTokens: 'verified-by-gateway' },
  ])('starts with %j', async (options) => {
    expect(await startUp(OnHandler, options)).toBeUndefined();
  });

  it('belongs to one of several modules, and each says for itself what it accepts', async () => {
    @Module({ imports: [JwksModule.forRoot({ ...OPTIONS, isGlobal: false, dpop: true })], controllers: [OnHandler] })
    class Bound {}
    @Module({ imports: [JwksModule.forRoot({ ...OPTIONS, isGlobal: false })] })
    class Other {}
    const module = await Test.createTestingModule({ imports: [Bound, Other] }).compile();
    const app = module.createNestApplication({ logger: false });
    await expect(app.init()).resolves.toBeDefined();
    await app.close();
  });
});
