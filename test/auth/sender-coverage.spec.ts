import { Controller, Get, Logger, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import { Authenticated, JwksModule, Public, type JwksModuleOptions } from '../../lib/index.js';

const OPTIONS = { issuer: 'https://id.example.com', audience: 'orders-api', prefetch: false } as const;

/** What the log warns of while an application starts. */
async function warningsOf(...imports: (Type | DynamicModule)[]): Promise<string[]> {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
  const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication({ logger: false });
  await app.init();
  await app.close();
  const { calls } = warn.mock;
  warn.mockRestore();
  return calls.map(([message]) => String(message)).filter((message) => message.includes('senderConstrained'));
}

function startUp(controller: Type, options: Partial<JwksModuleOptions> = {}): Promise<string[]> {
  @Module({ controllers: [controller] })
  class Routes {}
  return warningsOf(JwksModule.forRoot({ ...OPTIONS, ...options } as JwksModuleOptions), Routes);
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
  it('is warned of at start where none are accepted', async () => {
    expect(await startUp(OnHandler)).toEqual([
      expect.stringMatching(/^OnHandler\.list has senderConstrained: true, .* set "dpop", .* or "mtls"$/),
    ]);
    expect(await startUp(OnClass)).toEqual([expect.stringMatching(/^OnClass has senderConstrained: true/)]);
    expect(await startUp(OnNone)).toEqual([]);
  });

  it.each<Partial<JwksModuleOptions>>([
    { dpop: true },
    { mtls: { certificate: 'socket' } },
    { boundTokens: 'verified-by-gateway' },
  ])('is as it should be with %j', async (options) => {
    expect(await startUp(OnHandler, options)).toEqual([]);
  });

  it('belongs to one of several modules, and each says for itself what it accepts', async () => {
    @Module({ imports: [JwksModule.forRoot({ ...OPTIONS, isGlobal: false, dpop: true })], controllers: [OnHandler] })
    class Bound {}
    @Module({ imports: [JwksModule.forRoot({ ...OPTIONS, isGlobal: false })] })
    class Other {}
    expect(await warningsOf(Bound, Other)).toEqual([]);
  });
});
