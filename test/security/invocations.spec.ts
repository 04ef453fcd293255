import { Injectable, UseGuards, type CanActivate, type INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Test } from '@nestjs/testing';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { AccessToken, Authenticated, Claims, JwksModule, withUpgradeRequest } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';

/** Waits for turns of the event loop, as a guard does that asks a database. */
@Injectable()
class SlowGuard implements CanActivate {
  async canActivate(): Promise<boolean> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    return true;
  }
}

@WebSocketGateway()
class OrdersGateway {
  @SubscribeMessage('mine')
  @Authenticated()
  mine(@Claims('sub') sub: unknown, @AccessToken() token: unknown) {
    return { event: 'mine', data: { sub, hasToken: typeof token === 'string' } };
  }

  @SubscribeMessage('slow')
  @Authenticated()
  @UseGuards(SlowGuard)
  slow(@Claims('sub') sub: unknown, @AccessToken() token: unknown) {
    return { event: 'slow', data: { sub, hasToken: typeof token === 'string' } };
  }

  @SubscribeMessage('write')
  @Authenticated({ scopes: ['write'] })
  write() {
    return { event: 'write', data: {} };
  }
}

describe('messages that overlap', () => {
  let issuer: TestIssuer;
  let app: INestApplication;

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    const imports = [JwksModule.forRoot(issuer.options())];
    const module = await Test.createTestingModule({ imports, providers: [OrdersGateway] }).compile();
    app = module.createNestApplication({ logger: false });
    app.useWebSocketAdapter(withUpgradeRequest(new WsAdapter(app)));
    await app.listen(0, '127.0.0.1');
  });
  afterAll(async () => {
    await app.close();
    await issuer.close();
  });

  /**
   * Sends the events in one packet of each client, and returns the answers that are not errors: on
   * Nest 11, errors do not reach a client of ws.
   */
  async function answersTo(events: readonly string[], subs: readonly string[]): Promise<Record<string, unknown>[]> {
    const url = (await app.getUrl()).replace('http', 'ws');
    const expected = events.filter((event) => event !== 'write').length;
    return Promise.all(
      subs.map(async (sub) => {
        const headers = { authorization: `Bearer ${await issuer.sign({ sub })}` };
        const client = new WebSocket(url, { headers });
        await once(client, 'open');
        const answers: Record<string, unknown>[] = [];
        const done = new Promise<void>((resolve) => {
          client.on('message', (message: Buffer) => {
            const answer = JSON.parse(String(message)) as { event: string };
            if (answer.event === 'exception') return;
            answers.push({ ...answer, client: sub });
            if (answers.length === expected) resolve();
          });
        });
        const { _socket: socket } = client as unknown as { _socket: Socket };
        socket.cork();
        for (const event of events) client.send(JSON.stringify({ event, data: {} }));
        socket.uncork();
        await done;
        client.terminate();
        return answers;
      }),
    ).then((lists) => lists.flat());
  }

  it.each([
    ['two in one packet', ['mine', 'mine']],
    ['one that waits for a guard behind ours', ['slow', 'mine', 'slow']],
    ['a neighbour that is rejected', ['slow', 'write', 'mine', 'write']],
  ])('each keep the claims of their own token: %s', async (_, events) => {
    const answers = await answersTo(events, ['alice', 'bob']);
    expect(answers).toHaveLength(events.filter((event) => event !== 'write').length * 2);
    for (const { data, client } of answers) expect(data).toEqual({ sub: client, hasToken: true });
  });

  it('never lose or exchange claims among many clients', async () => {
    const events = Array.from({ length: 50 }, (_, index) => ['mine', 'slow', 'write'][index % 3] ?? 'mine');
    const answers = await answersTo(events, ['alice', 'bob', 'carol', 'dave']);
    expect(answers).toHaveLength((50 - 16) * 4);
    for (const { data, client } of answers) expect(data).toEqual({ sub: client, hasToken: true });
  });
});
