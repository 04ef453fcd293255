import type { Server as NetServer } from 'node:net';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import {
  ClientProxyFactory,
  Ctx,
  CustomTransportStrategy,
  EventPattern,
  KafkaContext,
  MessagePattern,
  NatsContext,
  Server,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { ExtractJwt } from 'passport-jwt';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  AccessToken,
  Authenticated,
  Claims,
  JwksModule,
  Public,
  StepUpRequiredError,
  type JwksModuleOptions,
  type TokenExtractorRequest,
} from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { grpcMetadata } from '../auth/support/contexts.js';

/** Events that got through. */
const handled: string[] = [];

const Tenant = z.object({ tenant: z.string() });

@Controller()
@Authenticated()
class OrdersController {
  @MessagePattern('me')
  me(@Claims('sub') sub: string, @AccessToken() token: string) {
    return { sub, parts: token.split('.').length };
  }

  @MessagePattern('write')
  @Authenticated({ scopes: ['orders:write'] })
  write() {
    return 'written';
  }

  @MessagePattern('tenant')
  tenant(@Claims(Tenant) { tenant }: z.infer<typeof Tenant>) {
    return tenant;
  }

  @MessagePattern('pay')
  pay() {
    throw new StepUpRequiredError({ acrValues: ['mfa'] });
  }

  @EventPattern('created')
  created(_order: unknown) {
    handled.push('created');
  }

  @MessagePattern('open')
  @Public()
  open(@Claims() claims: unknown, @Ctx() _context: unknown) {
    return { claims: claims ?? null };
  }
}

@Module({ controllers: [OrdersController] })
class OrdersModule {}

interface Order {
  readonly metadata?: { readonly token?: unknown };
}

/** The token that an order has in its metadata; other transports have headers. */
const tokenFrom = ({ data, headers }: TokenExtractorRequest): string | null =>
  ((data as Order | undefined)?.metadata?.token as string | undefined) ??
  ExtractJwt.fromAuthHeaderAsBearerToken()({ headers } as never);

const compile = (options: JwksModuleOptions) =>
  Test.createTestingModule({ imports: [JwksModule.forRoot(options), OrdersModule] }).compile();

describe('a microservice over TCP, with the token in the payload', () => {
  let issuer: TestIssuer;
  let app: INestMicroservice;
  let client: ClientProxy;
  const logger = { log: vi.fn(), warn: vi.fn(), error: vi.fn() };

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    const module = await compile({ ...issuer.options(), tokenFrom });
    const options = { host: '127.0.0.1', port: 0 };
    app = module.createNestMicroservice({ transport: Transport.TCP, options, logger });
    await app.listen();
    const address = app.unwrap<NetServer>().address();
    const port = typeof address === 'object' && address ? address.port : 0;
    client = ClientProxyFactory.create({ transport: Transport.TCP, options: { ...options, port } });
  });
  afterAll(async () => {
    client.close();
    await app.close();
    await issuer.close();
  });

  const send = (pattern: string, data: unknown): Promise<unknown> =>
    firstValueFrom(client.send<unknown>(pattern, data as Order));
  const withToken = (token: unknown): Order => ({ metadata: { token } });

  it('accepts a good token, and gives its claims and the token', async () => {
    const order = withToken(await issuer.sign({ sub: 'alice', scope: 'orders:write', tenant: 'acme' }));
    await expect(send('me', order)).resolves.toEqual({ sub: 'alice', parts: 3 });
    await expect(send('write', order)).resolves.toBe('written');
    await expect(send('tenant', order)).resolves.toBe('acme');
    await expect(send('open', order)).resolves.toEqual({ claims: null });
  });

  it.each([
    ['me', {}, 'token_missing'],
    ['me', 'a text', 'token_missing'],
    ['me', withToken(''), 'token_missing'],
    ['me', withToken('abc'), 'token_malformed'],
    ['me', withToken(42), 'token_malformed'],
    ['me', withToken(['a', 'b']), 'invalid_request'],
  ])('gives its client the reason: %s %j', async (pattern, data, code) => {
    await expect(send(pattern, data)).rejects.toMatchObject({ status: 'error', code });
  });

  it('A17: rejects an event without a line at error level', async () => {
    const token = await issuer.sign();
    for (const data of [{}, withToken('abc'), withToken(await issuer.sign({ exp: 1 })), withToken(token)])
      await firstValueFrom(client.emit('created', data), { defaultValue: undefined });
    await vi.waitFor(() => expect(handled).toEqual(['created']));
    await expect(send('me', {})).rejects.toMatchObject({ code: 'token_missing' });
    expect(handled).toEqual(['created']);
    expect(logger.error).not.toHaveBeenCalled();
  });

  it('names a missing scope and wrong claims to its client', async () => {
    const order = withToken(await issuer.sign());
    await expect(send('write', order)).rejects.toMatchObject({ code: 'insufficient_scope' });
    await expect(send('tenant', order)).rejects.toMatchObject({ code: 'claim_invalid' });
  });
});

/** Hands messages to Nest as the transports do, with their very contexts. */
class Wire extends Server implements CustomTransportStrategy {
  listen(done: () => void): void {
    done();
  }

  close(): void {}

  override on(): void {}

  override unwrap<T>(): T {
    return this as unknown as T;
  }

  async deliver(pattern: string, context: unknown, data: unknown = {}): Promise<unknown> {
    const answer: unknown = await this.getHandlerByPattern(pattern)?.(data, context);
    return firstValueFrom(this.transformToObservable(answer as Promise<unknown>));
  }
}

const kafka = (headers?: object) =>
  new KafkaContext([{ key: null, value: null, headers }, 0, 'orders', {}, async () => undefined, {}] as never);
const nats = (headers?: object) => new NatsContext(['orders', headers] as never);
const natsHeaders = (values: Record<string, string[]>) => ({ values: (name: string) => values[name] ?? [] });

describe.each([
  ['the default', undefined],
  ['tokenFrom', tokenFrom],
])('a microservice over a transport that has headers, by %s', (_, from) => {
  let issuer: TestIssuer;
  let app: INestMicroservice;
  const wire = new Wire();

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    const options = { ...issuer.options(), http: { retries: 0 }, ...(from && { tokenFrom: from }) };
    const module = await compile(options);
    app = module.createNestMicroservice({ strategy: wire, logger: false });
    await app.listen();
  });
  afterAll(async () => {
    await app.close();
    await issuer.close();
  });

  it.each([
    ['NATS', (value: string) => nats(natsHeaders({ authorization: [value] }))],
    ['Kafka', (value: string) => kafka({ authorization: Buffer.from(value) })],
    ['gRPC', (value: string) => grpcMetadata(value)],
  ])('accepts a good token and rejects a bad one: %s', async (transport, contextWith) => {
    const token = await issuer.sign({ sub: 'alice' });
    await expect(wire.deliver('me', contextWith(`Bearer ${token}`))).resolves.toEqual({ sub: 'alice', parts: 3 });
    const refused = transport === 'gRPC' ? { code: 16, message: /^token_malformed: / } : { code: 'token_malformed' };
    const outcome = await wire.deliver('me', contextWith('Bearer abc')).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: refused.code });
  });

  it('rejects in the words of its transport what a handler throws for a stronger login', async () => {
    const authorization = `Bearer ${await issuer.sign()}`;
    await expect(wire.deliver('pay', kafka({ authorization }))).rejects.toMatchObject({ code: 'step_up_required' });
    const grpc = wire.deliver('pay', grpcMetadata(authorization));
    await expect(grpc).rejects.toMatchObject({ code: 16, message: expect.stringMatching(/^step_up_required: /) });
  });

  it.each([
    ['NATS', nats()],
    ['Kafka', kafka()],
    ['gRPC', grpcMetadata()],
    ['no context at all', undefined],
    ['an unknown kind of context', { authorization: 'Bearer abc' }],
  ])('rejects what has no token: %s', async (_name, context) => {
    const outcome = await wire.deliver('me', context).catch((error: unknown) => error);
    expect(JSON.stringify(outcome)).toContain('token');
    expect(outcome).toMatchObject({ status: 'error' });
  });

  it('rejects two tokens', async () => {
    const twice = wire.deliver('me', kafka({ authorization: ['Bearer a', 'Bearer b'] }));
    await expect(twice).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('a microservice while keys are unavailable', () => {
  it('is never open, and says so with a code of its own', async () => {
    await using issuer = await TestIssuer.start();
    const token = await issuer.sign();
    await issuer.down();
    const wire = new Wire();
    const module = await compile({ ...issuer.options(), http: { retries: 0 } });
    const app = module.createNestMicroservice({ strategy: wire, logger: false });
    await app.listen();
    const headers = { authorization: `Bearer ${token}` };
    await expect(wire.deliver('me', kafka(headers))).rejects.toMatchObject({ code: 'jwks_unavailable' });
    const grpc = wire.deliver('me', grpcMetadata(headers.authorization));
    await expect(grpc).rejects.toMatchObject({ code: 14, message: expect.stringContaining('jwks_unavailable') });
    await app.close();
  });
});
