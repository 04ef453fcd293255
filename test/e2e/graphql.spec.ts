import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Args, GraphQLModule, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { AccessToken, Authenticated, Claims, JwksModule, Public, type VerifiedToken } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

async function* ticksOf(count: number): AsyncGenerator<{ ticks: string }> {
  for (let tick = 1; tick <= count; tick += 1) yield { ticks: String(tick) };
}

const Tenant = z.object({ tenant: z.string() });

@Resolver()
@Authenticated()
class OrdersResolver {
  @Query(() => String)
  me(@Claims('sub') sub: string): string {
    return sub;
  }

  @Query(() => Boolean)
  token(@AccessToken() token: string): boolean {
    return token.split('.').length === 3;
  }

  @Query(() => String)
  @Authenticated({ scopes: ['orders:read'] })
  orders(): string {
    return 'orders';
  }

  @Query(() => String)
  tenant(@Claims(Tenant) { tenant }: z.infer<typeof Tenant>): string {
    return tenant;
  }

  @Query(() => String)
  @Public()
  open(@Claims() claims: unknown, @AccessToken() token: unknown): string {
    return JSON.stringify({ claims: claims ?? null, token: token ?? null });
  }

  @Mutation(() => String)
  @Authenticated({ scopes: ['orders:write'] })
  create(@Args('name') name: string, @Claims('sub') sub: string): string {
    return `${name} by ${sub}`;
  }

  @Query(() => String, { nullable: true })
  @Authenticated({ scopes: ['secrets:read'] })
  secret(): string {
    return 'secret';
  }

  @Subscription(() => String)
  @Public()
  async *news(@Claims('sub') sub: unknown): AsyncGenerator<{ news: string }> {
    yield { news: sub === undefined ? 'nobody' : String(sub) };
  }

  @Subscription(() => String)
  ticks(@Args('count', { type: () => Number }) count: number): AsyncGenerator<{ ticks: string }> {
    return ticksOf(count);
  }
}

interface GraphqlError {
  readonly message: string;
  readonly extensions?: Record<string, unknown>;
}

interface Result {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphqlError[];
}

const [express, fastify] = ADAPTERS;

const apollo = () =>
  GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    playground: false,
    // As it is wherever NODE_ENV says neither production nor test.
    includeStacktraceInErrorResponses: true,
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
])('GraphQL by %s', (_, makeAdapter, graphql) => {
  let issuer: TestIssuer;
  let api: Api;
  let url: string;
  let validated: VerifiedToken[];

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    const validate = (token: VerifiedToken) => void validated.push(token);
    api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), validate }), graphql()],
      providers: [OrdersResolver],
    });
    url = await api.app.getUrl();
  });
  beforeEach(() => {
    validated = [];
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  async function ask(query: string, token?: string, origin = url): Promise<Result> {
    const response = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as Result;
  }

  it('accepts a good token, and gives its claims and the token', async () => {
    const token = await issuer.sign({ sub: 'alice', scope: 'orders:write' });
    await expect(ask('{ me token }', token)).resolves.toEqual({ data: { me: 'alice', token: true } });
    const mutation = 'mutation { create(name: "book") }';
    await expect(ask(mutation, token)).resolves.toEqual({ data: { create: 'book by alice' } });
  });

  it('verifies once for all fields of a query', async () => {
    await ask('{ me token a: me b: me orders }', await issuer.sign({ scope: 'orders:read' }));
    expect(validated).toHaveLength(1);
  });

  it.each([
    ['no token', '{ me }', undefined, 'token_missing'],
    ['a forged token', '{ me }', {}, 'signature_invalid'],
    ['a scope missing', '{ orders }', { sub: 'alice' }, 'insufficient_scope'],
    ['claims that do not fit', '{ tenant }', { tenant: 1 }, 'claim_invalid'],
    ['a scope missing in a mutation', 'mutation { create(name: "book") }', {}, 'insufficient_scope'],
  ])('rejects %s with a code of its own', async (name, query, claims, code) => {
    const token = claims && (await issuer.sign(claims));
    const { data, errors } = await ask(query, name === 'a forged token' ? `${token?.slice(0, -8)}AAAAAAAA` : token);
    expect(data).toBeNull();
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({
      extensions: { code, status: code === 'insufficient_scope' ? 403 : 401 },
    });
    expect(JSON.stringify(errors?.[0]?.extensions)).not.toContain('originalError');
  });

  it('I9: reveals no path, no host and no stack', async () => {
    const down = await TestIssuer.start({ audience: 'orders-api' });
    const token = await down.sign();
    await down.down();
    await using other = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...down.options(), http: { retries: 0 } }), graphql()],
      providers: [OrdersResolver],
    });
    const expired = await issuer.sign({}, { expiresIn: '-1h' });
    const results = [
      await ask('{ me }'),
      await ask('{ me }', 'x.y.z'),
      await ask('{ me }', expired),
      await ask('{ orders tenant }', await issuer.sign()),
      await ask('{ me }', token, await other.app.getUrl()),
    ];
    for (const { errors } of results) {
      expect(errors?.length).toBeGreaterThan(0);
      expect(JSON.stringify(errors)).not.toMatch(/\/|\\\\|\.[jt]s\b|\bat \w|jose|127\.0\.0\.1|JWT/);
    }
  });

  it('rejects one field and resolves the others that may be null', async () => {
    const { data, errors } = await ask('{ me secret }', await issuer.sign({ sub: 'alice' }));
    expect(data).toEqual({ me: 'alice', secret: null });
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['insufficient_scope']);
  });

  it('gives a public field nothing, even beside one that has verified the token', async () => {
    const { data } = await ask('{ open me again: open }', await issuer.sign({ sub: 'alice' }));
    const nothing = JSON.stringify({ claims: null, token: null });
    expect(data).toEqual({ open: nothing, me: 'alice', again: nothing });
  });

  it('answers 503, neither 401 nor a pass, while keys are unavailable', async () => {
    const down = await TestIssuer.start({ audience: 'orders-api' });
    const token = await down.sign();
    await down.down();
    const options = { ...down.options(), http: { retries: 0 } };
    await using other = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(options), graphql()],
      providers: [OrdersResolver],
    });
    const { data, errors } = await ask('{ me }', token, await other.app.getUrl());
    expect(data).toBeNull();
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'jwks_unavailable', status: 503 } });
    await down.close();
  });

  describe('a subscription', () => {
    const TICKS = 'subscription { ticks(count: 2) }';
    let client: Client | undefined;

    afterEach(async () => {
      vi.useRealTimers();
      await client?.dispose();
    });

    const connect = (connectionParams: Record<string, unknown>, headers: Record<string, string> = {}): Client => {
      class Socket extends WebSocket {
        constructor(address: string, protocols: string[]) {
          super(address, protocols, { headers });
        }
      }
      const webSocketImpl: unknown = Socket;
      client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl,
        connectionParams,
        lazy: false,
        onNonLazyError: () => undefined,
      });
      return client;
    };

    const codesOf = (errors: readonly GraphqlError[]) => errors.map(({ extensions }) => extensions?.['code']);

    /** Apollo refuses with a result that has errors, Mercurius with a message of errors. */
    async function received(query = TICKS): Promise<unknown[]> {
      const results: unknown[] = [];
      try {
        for await (const { data, errors } of client!.iterate({ query })) {
          results.push(data ?? codesOf((errors ?? []) as readonly GraphqlError[]));
        }
      } catch (errors) {
        results.push(codesOf(errors as readonly GraphqlError[]));
      }
      return results;
    }

    it('takes the token of `connectionParams`', async () => {
      connect({ authorization: `Bearer ${await issuer.sign()}` });
      await expect(received()).resolves.toEqual([{ ticks: '1' }, { ticks: '2' }]);
    });

    it('takes the token of the upgrade request', async () => {
      connect({}, { authorization: `Bearer ${await issuer.sign()}` });
      await expect(received()).resolves.toEqual([{ ticks: '1' }, { ticks: '2' }]);
    });

    it('is rejected without a token, and with one that expired since the client connected', async () => {
      connect({});
      await expect(received()).resolves.toEqual([['token_missing']]);
      await client?.dispose();
      connect({ authorization: `Bearer ${await issuer.sign()}` });
      await expect(received()).resolves.toHaveLength(2);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * 60 * 60 * 1000 });
      await expect(received()).resolves.toEqual([['token_expired']]);
    });

    it('gives a public one nothing on a connection whose token was verified', async () => {
      connect({ authorization: `Bearer ${await issuer.sign()}` });
      await received();
      await expect(received('subscription { news }')).resolves.toEqual([{ news: 'nobody' }]);
    });
  });
});
