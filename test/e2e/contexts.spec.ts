import 'reflect-metadata';
import type { Server } from 'node:net';
import { Controller, Injectable, type ExecutionContext, type INestMicroservice } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Payload, Transport, type ClientProxy } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksAuthGuard, JwksModule, Public } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';

interface Order {
  readonly token?: string;
}

/** TCP has no headers: this application sends its token in the message. */
@Injectable()
class MessageGuard extends JwksAuthGuard {
  protected override async getToken(_request: unknown, context: ExecutionContext): Promise<string | undefined> {
    return context.switchToRpc().getData<Order>().token;
  }
}

@Controller()
class OrdersController {
  @MessagePattern('list')
  list(@Payload() _order: Order, @Claims('sub') sub: string) {
    return { sub };
  }

  @MessagePattern('create')
  @Authenticated({ scopes: ['orders:write'] })
  create() {
    return { created: true };
  }

  @MessagePattern('ping')
  @Public()
  ping() {
    return 'pong';
  }
}

describe('a microservice over TCP', () => {
  let issuer: TestIssuer;
  let app: INestMicroservice;
  let client: ClientProxy;

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    const module = await Test.createTestingModule({
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [OrdersController],
      providers: [MessageGuard, { provide: APP_GUARD, useExisting: MessageGuard }],
    }).compile();
    const options = { host: '127.0.0.1', port: 0 };
    app = module.createNestMicroservice({ transport: Transport.TCP, options, logger: false });
    await app.listen();
    const address = app.unwrap<Server>().address();
    const port = typeof address === 'object' && address ? address.port : 0;
    client = ClientProxyFactory.create({ transport: Transport.TCP, options: { ...options, port } });
  });
  afterAll(async () => {
    client.close();
    await app.close();
    await issuer.close();
  });

  const send = (pattern: string, order: Order): Promise<unknown> =>
    firstValueFrom(client.send<unknown>(pattern, order));

  it('accepts a good token', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    await expect(send('list', { token })).resolves.toEqual({ sub: 'alice' });
    await expect(send('create', { token: await issuer.sign({ scope: 'orders:write' }) })).resolves.toEqual({
      created: true,
    });
    await expect(send('ping', {})).resolves.toBe('pong');
  });

  it('gives its client the reason, rather than "Internal server error"', async () => {
    await expect(send('list', {})).rejects.toEqual({
      status: 'error',
      message: 'An access token is required',
      code: 'token_missing',
    });
    await expect(send('list', { token: await issuer.sign({}, { expiresIn: '-1h' }) })).rejects.toEqual({
      status: 'error',
      message: 'The access token has expired',
      code: 'token_expired',
    });
    await expect(send('create', { token: await issuer.sign() })).rejects.toMatchObject({ code: 'insufficient_scope' });
  });
});
