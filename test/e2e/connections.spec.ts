import type { INestApplication } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { io } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { JwksAuthGuard, JwksModule } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';

const connected: unknown[] = [];

@WebSocketGateway()
class Gateway {
  constructor(private readonly guard: JwksAuthGuard) {}

  async handleConnection(client: object, request: IncomingMessage): Promise<void> {
    const authentication = await this.guard.authenticateConnection(client, request);
    connected.push(authentication?.token.claims.sub);
  }
}

describe('the token of a new connection', () => {
  let issuer: TestIssuer;
  let app: INestApplication;
  beforeAll(async () => void (issuer = await TestIssuer.start({ audience: 'orders-api' })));
  afterEach(async () => {
    connected.length = 0;
    await issuer.up();
    await app.close();
  });
  afterAll(() => issuer.close());

  async function start(adapter: new (app: INestApplication) => IoAdapter | WsAdapter): Promise<string> {
    const imports = [JwksModule.forRoot({ ...issuer.options(), prefetch: false, http: { retries: 0 } })];
    const module = await Test.createTestingModule({ imports, providers: [Gateway] }).compile();
    app = module.createNestApplication({ logger: false });
    app.useWebSocketAdapter(new adapter(app));
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  }

  it.each([
    ['a good one', () => issuer.sign({ sub: 'alice' }), 'alice'],
    ['junk', async () => 'junk', undefined],
    ['none', async () => undefined, undefined],
    ['an expired one', () => issuer.sign({}, { expiresIn: '-1h' }), undefined],
  ])('is verified with socket.io, and a client without a good one is disconnected: %s', async (_, sign, sub) => {
    const url = await start(IoAdapter);
    const client = io(url, { transports: ['websocket'], auth: { token: await sign() }, reconnection: false });
    const ended = new Promise((resolve) => client.once('disconnect', resolve));
    await new Promise((resolve) => client.once('connect', resolve as () => void));
    if (sub === undefined) await ended;
    await expect.poll(() => connected).toEqual([sub]);
    expect(client.connected).toBe(sub !== undefined);
    client.close();
  });

  it.each([
    ['a good one', () => issuer.sign({ sub: 'alice' }), 'alice', undefined],
    ['junk', async () => 'junk', undefined, 1008],
    ['none', async () => undefined, undefined, 1008],
    ['a good one while keys are unavailable', () => issuer.sign({ sub: 'alice' }), undefined, 1013],
  ])('is verified with ws, and a client without a good one is closed: %s', async (name, sign, sub, code) => {
    const url = await start(WsAdapter);
    const token = await sign();
    if (name.includes('unavailable')) await issuer.down();
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const client = new WebSocket(url.replace('http', 'ws'), { headers });
    const closed = once(client, 'close');
    await once(client, 'open');
    if (code !== undefined) expect((await closed)[0]).toBe(code);
    await expect.poll(() => connected).toEqual([sub]);
    client.terminate();
  });
});
