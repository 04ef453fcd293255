import {
  Catch,
  UseFilters,
  UseGuards,
  type ArgumentsHost,
  type INestApplication,
  type INestApplicationContext,
  type Type,
  type WsExceptionFilter,
} from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway, WsException, type OnGatewayConnection } from '@nestjs/websockets';
import type { IncomingMessage } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import {
  AccessToken,
  Authenticated,
  Claims,
  JwksAuthGuard,
  JwksModule,
  Public,
  withUpgradeRequest,
} from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';

const Tenant = z.object({ tenant: z.string() });

class Handlers {
  @SubscribeMessage('me')
  @Authenticated()
  me(@Claims('sub') sub: string, @AccessToken() token: string) {
    return { event: 'me', data: { sub, token: token.split('.').length } };
  }

  @SubscribeMessage('write')
  @Authenticated({ scopes: ['orders:write'] })
  write() {
    return { event: 'write', data: 'written' };
  }

  @SubscribeMessage('tenant')
  @Authenticated()
  tenant(@Claims(Tenant) { tenant }: z.infer<typeof Tenant>) {
    return { event: 'tenant', data: tenant };
  }

  @SubscribeMessage('open')
  @Public()
  open(@Claims() claims: unknown, @AccessToken() token: unknown) {
    return { event: 'open', data: { claims: claims ?? null, token: token ?? null } };
  }

  @SubscribeMessage('bare')
  bare(@Claims() claims: unknown) {
    return { event: 'bare', data: { claims: claims ?? null } };
  }
}

@WebSocketGateway()
class Gateway extends Handlers {}

/** As applications on Nest 11 have it, whose own filter speaks to clients of socket.io alone. */
@Catch(WsException)
class SendingFilter implements WsExceptionFilter<WsException> {
  catch(exception: WsException, host: ArgumentsHost): void {
    const message = { event: 'exception', data: exception.getError() };
    host.switchToWs().getClient<WebSocket>().send(JSON.stringify(message));
  }
}

@WebSocketGateway()
@UseFilters(SendingFilter)
class BareGateway extends Handlers {}

/** Keeps the upgrade request by itself, as the README shows. */
@WebSocketGateway()
@UseFilters(SendingFilter)
class KeepingGateway extends Handlers implements OnGatewayConnection {
  handleConnection(client: WebSocket & { upgradeReq?: IncomingMessage }, request: IncomingMessage): void {
    client.upgradeReq = request;
  }
}

interface Application {
  readonly app: INestApplication;
  readonly url: string;
}

async function start(
  issuer: TestIssuer,
  gateway: Type<unknown>,
  adapt: (app: INestApplicationContext) => IoAdapter | WsAdapter,
): Promise<Application> {
  const module = await Test.createTestingModule({
    imports: [JwksModule.forRoot({ ...issuer.options(), http: { retries: 0 } })],
    providers: [gateway],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  app.useWebSocketAdapter(adapt(app));
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

/** A client that says what it gets: the next answer, or the exception. */
interface Caller {
  ask(event: string): Promise<unknown>;
  close(): void;
}

const socketIo = async (url: string, auth: object, headers: Record<string, string>): Promise<Caller> => {
  const socket: Socket = io(url, { auth, extraHeaders: headers, transports: ['websocket'], forceNew: true });
  const ask = (event: string) =>
    new Promise((resolve) => {
      socket.once(event, resolve);
      socket.once('exception', resolve);
      socket.emit(event, {});
    });
  return { ask, close: () => socket.close() };
};

const bareWs = async (url: string, _auth: object, headers: Record<string, string>): Promise<Caller> => {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const ask = (event: string) =>
    new Promise((resolve) => {
      socket.once('message', (message: Buffer) => resolve((JSON.parse(message.toString()) as { data: unknown }).data));
      socket.send(JSON.stringify({ event, data: {} }));
    });
  return { ask, close: () => socket.close() };
};

describe.each([
  ['socket.io', Gateway, (app: INestApplicationContext) => new IoAdapter(app), socketIo],
  [
    'ws, by withUpgradeRequest',
    BareGateway,
    (app: INestApplicationContext) => withUpgradeRequest(new WsAdapter(app)),
    bareWs,
  ],
  ['ws, by handleConnection', KeepingGateway, (app: INestApplicationContext) => new WsAdapter(app), bareWs],
])('a gateway on %s', (_, gateway, adapt, connectTo) => {
  let issuer: TestIssuer;
  let served: Application;
  let caller: Caller | undefined;

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    served = await start(issuer, gateway, adapt);
  });
  afterEach(() => {
    vi.useRealTimers();
    caller?.close();
  });
  afterAll(async () => {
    await served.app.close();
    await issuer.close();
  });

  const connect = async (token?: string, url = served.url): Promise<Caller> => {
    caller = await connectTo(url, {}, token === undefined ? {} : { authorization: `Bearer ${token}` });
    return caller;
  };

  it('accepts a good token, and gives its claims and the token', async () => {
    const { ask } = await connect(await issuer.sign({ sub: 'alice', scope: 'orders:write', tenant: 'acme' }));
    await expect(ask('me')).resolves.toEqual({ sub: 'alice', token: 3 });
    await expect(ask('write')).resolves.toBe('written');
    await expect(ask('tenant')).resolves.toBe('acme');
  });

  it.each([
    ['no token', 'me', undefined, 'token_missing'],
    ['a scope missing', 'write', {}, 'insufficient_scope'],
    ['claims that do not fit', 'tenant', { tenant: 1 }, 'claim_invalid'],
  ])('gives its client the reason: %s', async (_case, event, given, code) => {
    const { ask } = await connect(given && (await issuer.sign(given)));
    await expect(ask(event)).resolves.toMatchObject({ status: 'error', code, message: expect.any(String) });
  });

  it('rejects a token that has expired since the client connected', async () => {
    const { ask } = await connect(await issuer.sign({ sub: 'alice' }));
    await expect(ask('me')).resolves.toMatchObject({ sub: 'alice' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * 60 * 60 * 1000 });
    await expect(ask('me')).resolves.toMatchObject({ code: 'token_expired' });
    await expect(ask('open')).resolves.toEqual({ claims: null, token: null });
  });

  it('gives nothing to handlers that verified nothing, though the last message was accepted', async () => {
    const { ask } = await connect(await issuer.sign({ sub: 'alice' }));
    await ask('me');
    await expect(ask('open')).resolves.toEqual({ claims: null, token: null });
    await expect(ask('bare')).resolves.toEqual({ claims: null });
  });

  it('answers 503, neither 401 nor a pass, while keys are unavailable', async () => {
    const down = await TestIssuer.start();
    const token = await down.sign();
    await down.down();
    const other = await start(down, gateway, adapt);
    const { ask } = await connect(token, other.url);
    await expect(ask('me')).resolves.toMatchObject({ status: 'error', code: 'jwks_unavailable' });
    caller?.close();
    await other.app.close();
    await down.close();
  });
});

describe('a gateway on socket.io whose client is a browser', () => {
  it('takes the token of `auth`, in place of headers, and no other beside', async () => {
    await using issuer = await TestIssuer.start();
    const { app, url } = await start(issuer, Gateway, (made) => new IoAdapter(made));
    const token = await issuer.sign({ sub: 'alice' });
    const caller = await socketIo(url, { token }, {});
    await expect(caller.ask('me')).resolves.toMatchObject({ sub: 'alice' });
    caller.close();
    const doubled = await socketIo(url, { token }, { authorization: `Bearer ${token}` });
    await expect(doubled.ask('me')).resolves.toMatchObject({ code: 'invalid_request' });
    doubled.close();
    await app.close();
  });
});

describe('a gateway on ws whose client says nothing of its upgrade request', () => {
  it('rejects it, good token or not', async () => {
    await using issuer = await TestIssuer.start();
    const { app, url } = await start(issuer, BareGateway, (made) => new WsAdapter(made));
    const caller = await bareWs(url, {}, { authorization: `Bearer ${await issuer.sign()}` });
    await expect(caller.ask('me')).resolves.toMatchObject({ code: 'token_missing' });
    caller.close();
    await app.close();
  });
});

@WebSocketGateway()
@UseGuards(JwksAuthGuard)
class GuardedGateway extends Handlers {}

describe('a gateway under a guard of the class', () => {
  it('asks all of its messages for a token, but for those that are public', async () => {
    await using issuer = await TestIssuer.start();
    const { app, url } = await start(issuer, GuardedGateway, (made) => new IoAdapter(made));
    const caller = await socketIo(url, {}, {});
    await expect(caller.ask('bare')).resolves.toMatchObject({ code: 'token_missing' });
    await expect(caller.ask('open')).resolves.toEqual({ claims: null, token: null });
    caller.close();
    await app.close();
  });
});
