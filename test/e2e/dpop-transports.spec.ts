import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, UseGuards, type ExecutionContext, type Type } from '@nestjs/common';
import { GqlExecutionContext, GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { AuthGuard } from '@nestjs/passport';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createClient } from 'graphql-ws';
import { firstValueFrom } from 'rxjs';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Authenticated, Claims, JwksModule, type JwksEvent, JwksService } from '../../lib/index.js';
import { TestIssuer, type TestDpopKey } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

@Resolver()
@Authenticated()
class OrdersResolver {
  @Query(() => String)
  me(@Claims('sub') sub: string): string {
    return sub;
  }

  @Query(() => String)
  @Authenticated({ senderConstrained: true, audience: ['orders-api', 'other'] })
  bound(): string {
    return 'bound';
  }
}

class GraphqlAuthGuard extends AuthGuard('jwks') {
  override getRequest(context: ExecutionContext): unknown {
    return GqlExecutionContext.create(context).getContext<{ req?: unknown }>().req;
  }
}

@Resolver()
@UseGuards(GraphqlAuthGuard)
class PassportResolver {
  @Query(() => String)
  me(@Claims('sub') sub: string): string {
    return sub;
  }
}

const [express, fastify] = ADAPTERS;

let issuer: TestIssuer;
let key: TestDpopKey;
let token: string;

beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
  key = await issuer.createDpopKey();
  token = await issuer.sign({ sub: 'alice' }, { dpop: key });
});

afterAll(() => issuer.close());

const apollo = () =>
  GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    playground: false,
    subscriptions: { 'graphql-ws': true },
  });
const mercurius = () =>
  GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    autoSchemaFile: true,
    subscription: { fullWsTransport: true },
  });

describe.each([
  ['Apollo on Express', express[1], apollo],
  ['Mercurius on Fastify', fastify[1], mercurius],
])('DPoP with GraphQL by %s', (_, makeAdapter, graphql) => {
  async function ask(
    api: Api,
    { query = '{ me again: me bound }', ...options }: { query?: string; nonce?: string; dpop?: string } = {},
  ) {
    const url = `${await api.app.getUrl()}/graphql`;
    const dpop = options.dpop ?? (await key.proof('POST', url, { accessToken: token, ...options }));
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `DPoP ${token}`, dpop },
      body: JSON.stringify({ query }),
    });
    const body = (await response.json()) as { data: unknown; errors?: { extensions?: { code: string } }[] };
    return {
      data: body.data,
      codes: body.errors?.map(({ extensions }) => extensions?.code),
      headers: response.headers,
    };
  }

  const start = (dpop: object | true, resolver: Type = OrdersResolver) =>
    Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), dpop }), graphql()],
      providers: [resolver],
    });

  it('checks one proof once for all fields of a request', async () => {
    await using api = await start(true);
    expect((await ask(api)).data).toEqual({ me: 'alice', again: 'alice', bound: 'bound' });
    const url = `${await api.app.getUrl()}/graphql`;
    const dpop = await key.proof('POST', url, { accessToken: token });
    expect((await ask(api, { dpop })).codes).toBeUndefined();
    expect((await ask(api, { dpop })).codes).toEqual(expect.arrayContaining(['dpop_proof_invalid']));
  });

  it('emits one event for a request whose fields are all rejected for one reason', async () => {
    await using api = await start(true);
    const rejected: JwksEvent[] = [];
    api.app.get(JwksService).events$.subscribe((event) => rejected.push(event));
    for (const dpop of ['', 'x', await key.proof('POST', 'https://b/graphql', { accessToken: token })]) {
      rejected.length = 0;
      expect((await ask(api, { dpop })).data).toBeNull();
      expect(rejected.filter(({ type }) => type === 'token.rejected')).toHaveLength(1);
    }
  });

  it('hands out a nonce by the header of the response', async () => {
    await using api = await start({ nonce: { secret: 'a secret of at least 32 characters' } });
    const first = await ask(api);
    expect(first.codes).toEqual(expect.arrayContaining(['dpop_nonce_required']));
    expect(first.headers.get('cache-control')).toBe('no-store');
    const nonce = String(first.headers.get('dpop-nonce'));
    expect((await ask(api, { nonce })).data).toEqual({ me: 'alice', again: 'alice', bound: 'bound' });
  });

  it.each(['Bearer', 'DPoP'])('P20: rejects a bound token over graphql-ws, however it comes: %s', async (scheme) => {
    await using api = await start(true);
    const url = `${await api.app.getUrl()}/graphql`;
    const authorization = `${scheme} ${token}`;
    const headers = { authorization, dpop: await key.proof('GET', url, { accessToken: token }) };
    const ways: [params: Record<string, string>, upgrade: Record<string, string>][] = [
      [headers, {}],
      [{}, headers],
      [{ authorization }, { dpop: headers.dpop }],
    ];
    for (const [connectionParams, upgrade] of ways) {
      class Socket extends WebSocket {
        constructor(address: string, protocols: string[]) {
          super(address, protocols, { headers: upgrade });
        }
      }
      const client = createClient({
        url: url.replace('http', 'ws'),
        webSocketImpl: Socket as unknown,
        connectionParams,
      });
      const outcomes: unknown[] = [];
      try {
        for await (const { data, errors } of client.iterate({ query: '{ me }' })) outcomes.push(data ?? errors);
      } catch (errors) {
        outcomes.push(errors);
      }
      await client.dispose();
      // Mercurius shows no request to the guards of a query that comes so.
      expect(JSON.stringify(outcomes)).toMatch(/claim_invalid|token_missing/);
      expect(JSON.stringify(outcomes)).not.toContain('alice');
    }
  });

  it(`hands out a nonce where AuthGuard('jwks') asks for one`, async () => {
    await using api = await start({ nonce: { secret: 'a secret of at least 32 characters' } }, PassportResolver);
    const { headers } = await ask(api, { query: '{ me }' });
    expect(headers.get('cache-control')).toBe('no-store');
    const nonce = String(headers.get('dpop-nonce'));
    expect((await ask(api, { query: '{ me }', nonce })).data).toEqual({ me: 'alice' });
  });
});

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('me')
  @Authenticated()
  me(@Claims('sub') sub: string) {
    return sub;
  }
}

@Controller()
class Messages {
  @MessagePattern('me')
  @Authenticated()
  me(@Claims('sub') sub: string, @Payload() _data: unknown) {
    return sub;
  }
}

describe('DPoP over other transports', () => {
  const watched = (api: Api) => {
    const events: JwksEvent[] = [];
    api.app.get(JwksService).events$.subscribe((event) => events.push(event));
    return events;
  };
  const REFUSED = {
    type: 'token.rejected',
    code: 'claim_invalid',
    claim: 'cnf',
    reason: expect.stringContaining('only an HTTP request can prove') as string,
  };

  it.each(['Bearer', 'DPoP'])('P20: a gateway rejects a bound token with a reason: %s', async (scheme) => {
    await using api = await Api.start(express[1], {
      imports: [JwksModule.forRoot({ ...issuer.options(), dpop: true })],
      providers: [Gateway],
    });
    const events = watched(api);
    const url = await api.app.getUrl();
    const dpop = await key.proof('GET', `${url}/socket.io/`, { accessToken: token });
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      extraHeaders: { authorization: `${scheme} ${token}`, dpop },
    });
    const exception = await new Promise<unknown>((resolve) => {
      socket.on('exception', resolve);
      socket.emit('me', {}, resolve);
    });
    socket.close();
    expect(exception).toMatchObject({ code: 'claim_invalid' });
    expect(events).toContainEqual(expect.objectContaining(REFUSED));
  });

  it('P20: a microservice rejects a bound token with a reason', async () => {
    const options = { host: '127.0.0.1', port: 0 };
    const tokenFrom = ({ data }: { data?: unknown }) => (data as { token?: string } | undefined)?.token ?? null;
    await using api = await Api.start(
      express[1],
      { imports: [JwksModule.forRoot({ ...issuer.options(), dpop: true, tokenFrom })], controllers: [Messages] },
      async (app) => {
        app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig: true });
        await app.startAllMicroservices();
      },
    );
    const events = watched(api);
    const [service] = api.app.getMicroservices();
    const { port } = (service as NonNullable<typeof service>).unwrap<{ address(): { port: number } }>().address();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { ...options, port } });
    const failed: unknown = await firstValueFrom(client.send('me', { token })).catch((error: unknown) => error);
    await client.close();
    expect(failed).toMatchObject({ code: 'claim_invalid' });
    expect(events).toContainEqual(expect.objectContaining(REFUSED));
  });
});
