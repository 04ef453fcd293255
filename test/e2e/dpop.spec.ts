import { request as httpRequest, type RequestOptions } from 'node:http';
import { Controller, Get, Param, Post, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  Authenticated,
  bearerToken,
  Claims,
  JwksAuthGuard,
  JwksModule,
  JwksService,
  memoryReplayStore,
  type JwksEvent,
  type JwksModuleOptions,
  type ReplayStore,
} from '../../lib/index.js';
import { DpopNonces } from '../../lib/proof/dpop-nonces.js';
import { TestIssuer, type TestDpopKey, type TestProofOptions } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type Answer, type MakeAdapter } from './support/api.js';

@Controller('orders')
class OrdersController {
  @Get()
  @Authenticated()
  @UseGuards(JwksAuthGuard)
  list(@Claims('sub') sub: string) {
    return { sub };
  }

  @Post()
  @Authenticated()
  create() {
    return {};
  }

  @Get('item/:id')
  @Authenticated()
  item(@Param('id') id: string) {
    return { id };
  }

  @Get('bound')
  @Authenticated({ senderConstrained: true })
  bound() {
    return {};
  }

  @Get('optional')
  @Authenticated({ optional: true })
  optional(@Claims('sub') sub: string | undefined) {
    return { sub: sub ?? null };
  }

  @Get('scoped')
  @Authenticated({ scopes: ['orders:write'] })
  scoped() {
    return {};
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('both')
  @UseGuards(AuthGuard('jwks'), JwksAuthGuard)
  both(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('twice')
  @Authenticated({ audience: ['orders-api', 'other'] })
  @UseGuards(AuthGuard('jwks'))
  twice() {
    return {};
  }
}

/** Has no route for bound tokens alone, which needs an option. */
@Controller('orders')
class PlainController {
  @Get()
  @Authenticated()
  list() {
    return {};
  }

  @Get('optional')
  @Authenticated({ optional: true })
  optional() {
    return {};
  }
}

const PUBLIC = 'https://api.example.com/shop';
const NONCE = { secret: 'a secret of at least 32 characters' };

let issuer: TestIssuer;
let key: TestDpopKey;
let bound: string;
let bearer: string;

beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
  key = await issuer.createDpopKey();
  bound = await issuer.sign({ sub: 'alice' }, { dpop: key });
  bearer = await issuer.sign({ sub: 'bob' });
});

afterAll(() => issuer.close());

function start(
  makeAdapter: MakeAdapter,
  options: Partial<JwksModuleOptions>,
  prepare?: (app: Api['app']) => unknown,
): Promise<Api> {
  const imports = [JwksModule.forRoot({ ...issuer.options(), ...options } as JwksModuleOptions)];
  return Api.start(makeAdapter, { imports, controllers: [OrdersController] }, prepare);
}

/** For what fetch, and a URL, cannot say. */
function statusOf(options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...options, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.end();
  });
}

interface Sent extends TestProofOptions {
  readonly token?: string;
  readonly scheme?: string;
  readonly method?: string;
  /** What the proof is for, where it is not what is asked. */
  readonly htu?: string;
  readonly dpop?: string | string[] | undefined;
  readonly headers?: Record<string, string>;
}

/** Sends a bound token with a good proof, but for what is changed. */
async function send(api: Api, path: string, sent: Sent = {}): Promise<Answer> {
  const { token = bound, scheme = 'DPoP', method = 'GET', htu = PUBLIC + path, headers, ...options } = sent;
  const dpop = 'dpop' in sent ? sent.dpop : await key.proof(method, htu, { accessToken: token, ...options });
  return api.call(path, {
    method,
    headers: { ...headers, authorization: `${scheme} ${token}`, ...(dpop !== undefined && { dpop }) },
  });
}

const ALGS = 'algs="ES256 EdDSA Ed25519 PS256 RS256"';
const INVALID_PROOF = `DPoP error="invalid_dpop_proof", error_description="The DPoP proof is not valid", ${ALGS}, Bearer`;

describe.each(ADAPTERS)('DPoP on %s', (_, makeAdapter) => {
  let api: Api;
  const events: JwksEvent[] = [];

  beforeAll(async () => {
    api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC } });
    api.app.get(JwksService).events$.subscribe((event) => events.push(event));
  });

  afterAll(() => api[Symbol.asyncDispose]());

  it('P6: accepts a bound token with a proof, also once it is remembered, however many guards ask', async () => {
    for (const path of ['/orders', '/orders', '/orders/passport', '/orders/both', '/orders/twice', '/orders/bound']) {
      const { status, body } = await send(api, path);
      expect([path, status]).toEqual([path, 200]);
      if (path === '/orders') expect(body).toEqual({ sub: 'alice' });
    }
    expect((await send(api, '/orders', { method: 'POST' })).status).toBe(201);
    expect((await send(api, '/orders?page=2', { htu: `${PUBLIC}/orders` })).status).toBe(200);
    expect((await send(api, '/orders/item/%7ea%2fb', { htu: `${PUBLIC}/orders/item/~a%2Fb` })).status).toBe(200);
    expect((await send(api, '/orders', { scheme: 'dpop' })).status).toBe(200);
  });

  it('accepts a bearer token still, with or without a proof beside it', async () => {
    expect((await api.call('/orders', { token: bearer })).body).toEqual({ sub: 'bob' });
    expect((await send(api, '/orders', { token: bearer, scheme: 'Bearer' })).status).toBe(200);
    expect((await send(api, '/orders', { token: bearer, scheme: 'Bearer', dpop: 'x' })).status).toBe(200);
  });

  it.each<[string, (api: Api) => Promise<Answer>]>([
    ['no proof', (to) => send(to, '/orders', { dpop: undefined })],
    ['an empty proof', (to) => send(to, '/orders', { dpop: '' })],
    ['two proofs', async (to) => send(to, '/orders', { dpop: [await goodProof(), await goodProof()] })],
    ['a proof that is none', (to) => send(to, '/orders', { dpop: 'a.b.c' })],
    ['a proof for another method', (to) => send(to, '/orders', { claims: { htm: 'POST' } })],
    ['a proof for another path', (to) => send(to, '/orders', { htu: `${PUBLIC}/orders/x` })],
    [
      'a proof without the prefix of the public URL',
      (to) => send(to, '/orders', { htu: 'https://api.example.com/orders' }),
    ],
    ['a proof for another token', (to) => send(to, '/orders', { accessToken: bearer })],
    ['a proof without a token', (to) => send(to, '/orders', { claims: { ath: undefined } })],
    ['a proof that is too old', (to) => send(to, '/orders', { claims: { iat: Date.now() / 1000 - 70 } })],
    ['a proof from the future', (to) => send(to, '/orders', { claims: { iat: Date.now() / 1000 + 30 } })],
  ])('P3, P5, P7, P22: responds with 401 invalid_dpop_proof to %s', async (__, call) => {
    const { status, headers, body } = await call(api);
    expect([status, headers['www-authenticate']]).toEqual([401, INVALID_PROOF]);
    expect(body).toEqual({
      statusCode: 401,
      message: 'The DPoP proof is not valid',
      error: 'Unauthorized',
      code: 'dpop_proof_invalid',
    });
    expect(events.at(-1)).toMatchObject({
      type: 'token.rejected',
      code: 'dpop_proof_invalid',
      hint: expect.any(String),
    });
  });

  it('P9: accepts one of a hundred uses of one proof at once, and none later', async () => {
    const dpop = await goodProof();
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(api, '/orders', { dpop })));
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
    expect((await send(api, '/orders', { dpop })).headers['www-authenticate']).toBe(INVALID_PROOF);
  });

  it.each([
    ['a bound token as Bearer', () => ({ scheme: 'Bearer' }), 'Bearer'],
    ['a bound token as Bearer, without a proof', () => ({ scheme: 'Bearer', dpop: undefined }), 'Bearer'],
    ['an unbound token as DPoP', () => ({ token: bearer }), 'DPoP'],
  ])('responds with 401 invalid_token to %s, on the challenge of the scheme', async (__, sent, used) => {
    const { status, headers, body } = await send(api, '/orders', sent());
    expect([status, body]).toEqual([401, expect.objectContaining({ code: 'claim_invalid' })]);
    expect(headers['www-authenticate']).toMatch(new RegExp(`^${used} error="invalid_token"`));
    expect(headers['www-authenticate']).toMatch(used === 'DPoP' ? /, Bearer$/ : /, DPoP algs="[^"]+"$/);
  });

  it('responds with 401 invalid_token to a proof by another key', async () => {
    const other = await issuer.createDpopKey();
    const dpop = await other.proof('GET', `${PUBLIC}/orders`, { accessToken: bound });
    const { status, headers } = await send(api, '/orders', { dpop });
    expect([status, headers['www-authenticate']]).toEqual([401, expect.stringMatching(/^DPoP error="invalid_token"/)]);
  });

  it('responds without an error to a request without a token, with both challenges', async () => {
    const { status, headers } = await api.call('/orders');
    expect([status, headers['www-authenticate']]).toEqual([401, `Bearer, DPoP ${ALGS}`]);
  });

  it('names a scope that is missing on the challenge of the scheme', async () => {
    const { status, headers } = await send(api, '/orders/scoped');
    expect([status, headers['www-authenticate']]).toEqual([
      403,
      `DPoP error="insufficient_scope", error_description="The access token lacks a scope that is required", scope="orders:write", ${ALGS}, Bearer`,
    ]);
  });

  it('takes bound tokens alone where the route says so, and offers DPoP alone', async () => {
    const { status, headers } = await api.call('/orders/bound', { token: bearer });
    expect([status, headers['www-authenticate']]).toEqual([
      401,
      expect.stringMatching(/^DPoP error="invalid_token"[^,]*, [^,]+, algs="[^"]+"$/),
    ]);
    expect((await api.call('/orders/bound')).headers['www-authenticate']).toBe(`DPoP ${ALGS}`);
  });

  it('P3: is anonymous on an optional route without credentials, and 401 with others', async () => {
    expect((await api.call('/orders/optional')).body).toEqual({ sub: null });
    expect((await send(api, '/orders/optional')).body).toEqual({ sub: 'alice' });
    expect((await send(api, '/orders/optional', { dpop: undefined })).status).toBe(401);
    for (const authorization of ['Basic dTpw', 'Token x', bearer, 'DPoPx y', 'Digest'])
      expect((await api.call('/orders/optional', { headers: { authorization } })).status).toBe(401);
    for (const authorization of ['', ' ', 'Bearer'])
      expect((await api.call('/orders/optional', { headers: { authorization } })).status).toBe(200);
  });

  it('P22: responds with 400 to two Authorization headers, with both challenges', async () => {
    const { status, headers } = await api.call('/orders', {
      headers: { authorization: [`DPoP ${bound}`, `Bearer ${bearer}`] as never },
    });
    expect([status, headers['www-authenticate']]).toEqual([400, expect.stringMatching(/Bearer.*DPoP|DPoP.*Bearer/)]);
  });

  it('emits one event for each refused request', async () => {
    events.length = 0;
    await send(api, '/orders/twice', { dpop: undefined });
    await send(api, '/orders', { dpop: 'x' });
    expect(events.filter(({ type }) => type === 'token.rejected')).toHaveLength(2);
  });

  it('P20: does not let verify() pass a bound token', async () => {
    await expect(api.app.get(JwksService).verify(bound)).rejects.toMatchObject({ code: 'claim_invalid', claim: 'cnf' });
  });

  const goodProof = () => key.proof('GET', `${PUBLIC}/orders`, { accessToken: bound });
});

describe.each(ADAPTERS)('the URL of a proof, on %s', (_, makeAdapter) => {
  it('P1, P6: has host and protocol of the framework without a public URL, and no host that is more than that', async () => {
    await using api = await start(makeAdapter, { dpop: true }, (app) => app.setGlobalPrefix('v1'));
    const origin = await api.app.getUrl();
    const htu = `${origin}/v1/orders`;
    expect((await send(api, '/v1/orders', { htu })).status).toBe(200);
    expect((await send(api, '/v1/orders', { htu: htu.replace('http:', 'https:') })).status).toBe(401);
    const spoofed = {
      htu: 'https://api.example.com/v1/orders',
      headers: { 'x-forwarded-host': 'api.example.com', 'x-forwarded-proto': 'https' },
    };
    expect((await send(api, '/v1/orders', spoofed)).status).toBe(401);
    for (const host of ['a.b/x?', 'a.b#', 'a.b/v1/orders?', 'u@a.b', 'a.b,c.d'])
      expect(
        (await send(api, '/v1/orders', { htu: `http://${host}/v1/orders`, headers: { host } })).status,
      ).toBeGreaterThanOrEqual(400);
  });

  it('has host and protocol of a proxy that the framework trusts, if that is a host', async () => {
    const trusting =
      makeAdapter().getType() === 'express' ? makeAdapter : () => new FastifyAdapter({ trustProxy: true });
    await using api = await start(trusting as MakeAdapter, { dpop: true }, (app) => {
      if (app.getHttpAdapter().getType() === 'express') (app as NestExpressApplication).set('trust proxy', true);
    });
    const from = (host: string) => ({ 'x-forwarded-host': host, 'x-forwarded-proto': 'https' });
    const htu = 'https://api.example.com/orders';
    expect((await send(api, '/orders', { htu, headers: from('api.example.com') })).status).toBe(200);
    expect((await send(api, '/orders', { htu, headers: from('API.example.com:443') })).status).toBe(200);
    expect((await send(api, '/orders', { htu, headers: from('api.example.org') })).status).toBe(401);
    for (const tail of [
      '/orders?',
      '/orders#',
      '/x/..',
      '?',
      '#',
      '\\',
      '@api.example.com',
      ':x',
      ':443:443',
      ' x',
      '\tx',
    ])
      expect((await send(api, '/orders', { htu, headers: from(`api.example.com${tail}`) })).status).toBe(401);
  });

  it('takes no host from a request target of another scheme, beside a public URL', async () => {
    await using plain = await start(makeAdapter, { dpop: { publicUrl: 'https://api.example.com' } });
    const { hostname, port } = new URL(await plain.app.getUrl());
    const dpop = await key.proof('GET', 'https://api.example.computer://x/orders', { accessToken: bound });
    const headers = { authorization: `DPoP ${bound}`, dpop };
    expect(await statusOf({ hostname, port, path: 'puter://x/orders', headers })).toBeGreaterThanOrEqual(400);
  });
});

describe('nonces', () => {
  it.each(ADAPTERS)('P18: are asked for, and cure the clock of a client: %s', async (_, makeAdapter) => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, nonce: NONCE } });
    for (const path of ['/orders', '/orders/passport']) {
      const first = await send(api, path);
      expect([first.status, first.body]).toEqual([401, expect.objectContaining({ code: 'dpop_nonce_required' })]);
      expect(first.headers).toMatchObject({
        'www-authenticate': `DPoP error="use_dpop_nonce", error_description="The DPoP proof needs another nonce", ${ALGS}, Bearer`,
        'dpop-nonce': expect.stringMatching(/^[\w-]{22}$/),
        'cache-control': 'no-store',
      });
      const nonce = String(first.headers['dpop-nonce']);
      const second = await send(api, path, { nonce, claims: { iat: 1 } });
      expect([second.status, second.headers['dpop-nonce']]).toEqual([200, undefined]);
      expect((await send(api, path, { nonce: 'x' })).headers['dpop-nonce']).toBe(nonce);
    }
  });
});

describe('a nonce of the step before', () => {
  it.each(ADAPTERS)('is replaced with the response, which no cache may keep: %s', async (_, makeAdapter) => {
    const older = { secret: 'an older secret of at least 32 characters' };
    const nonce = new DpopNonces([older.secret], 300_000).current(Date.now());
    await using api = await start(makeAdapter, {
      dpop: { publicUrl: PUBLIC, nonce: { secret: [NONCE.secret, older.secret] } },
    });
    for (const path of ['/orders', '/orders/passport']) {
      const { status, headers } = await send(api, path, { nonce });
      expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
      expect((await send(api, path, { nonce: String(headers['dpop-nonce']) })).headers['dpop-nonce']).toBeUndefined();
    }
  });
});

describe('options', () => {
  const [, makeAdapter] = ADAPTERS[0];

  it.each<[string, NonNullable<JwksModuleOptions['tokenFrom']>]>([
    ['a cookie, else Bearer', (request) => (request.headers.cookie ? bearer : bearerToken(request))],
    ['a header', ({ headers }) => (headers['x-token'] as string | undefined) ?? null],
  ])('tokenFrom: %s: leaves the scheme DPoP to us', async (_, tokenFrom) => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC }, tokenFrom });
    for (const path of ['/orders', '/orders/passport']) {
      expect((await send(api, path)).status).toBe(200);
      expect((await send(api, path, { dpop: undefined })).body).toMatchObject({ code: 'dpop_proof_invalid' });
      expect((await send(api, path, { scheme: 'Bearer' })).status).toBe(401);
      // The token of the cookie, or of the header, with a proof for another one.
      const headers = { cookie: 'token=x', 'x-token': bearer };
      expect((await send(api, path, { headers })).status).toBe(401);
    }
  });

  it('required: rejects bearer tokens, and offers DPoP alone', async () => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, required: true } });
    expect((await send(api, '/orders')).status).toBe(200);
    const { status, headers } = await api.call('/orders', { token: bearer });
    expect([status, headers['www-authenticate']]).toEqual([401, expect.stringMatching(/^DPoP error="invalid_token"/)]);
    expect(headers['www-authenticate']).not.toContain('Bearer');
    expect((await send(api, '/orders', { scheme: 'Bearer' })).status).toBe(401);
  });

  it.each<[string, ReplayStore]>([
    ['rejects', { add: () => Promise.reject(new Error('down')) }],
    [
      'throws',
      {
        add: () => {
          throw new Error('down');
        },
      },
    ],
    ['returns no boolean', { add: () => Promise.resolve('OK' as never) }],
    ['returns 1', { add: () => Promise.resolve(1 as never) }],
  ])('P11: a replay store that %s is 503, and never a pass', async (_, replay) => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, replay } });
    const { status, headers, body } = await send(api, '/orders');
    expect([status, headers['retry-after'], body]).toEqual([
      503,
      '1',
      expect.objectContaining({ code: 'sender_constraint_unavailable' }),
    ]);
    expect((await api.call('/orders', { token: bearer })).status).toBe(200);
  });

  it('a replay store that is full is 503, and still knows what was used', async () => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, replay: memoryReplayStore({ max: 1 }) } });
    const dpop = await key.proof('GET', `${PUBLIC}/orders`, { accessToken: bound });
    expect((await send(api, '/orders', { dpop })).status).toBe(200);
    const { status, headers } = await send(api, '/orders');
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect((await send(api, '/orders', { dpop })).body).toMatchObject({ code: 'dpop_proof_invalid' });
  });

  it('P11: a replay store that fails is reported with its reason, as what operators must mend', async () => {
    const down = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    const replay = vi.fn<ReplayStore['add']>().mockRejectedValueOnce(new Error('The client is closed'));
    await using api = await start(makeAdapter, {
      dpop: { publicUrl: PUBLIC, replay: { add: replay.mockRejectedValue(down) } },
    });
    const rejected: JwksEvent[] = [];
    api.app.get(JwksService).events$.subscribe((event) => event.type === 'token.rejected' && rejected.push(event));
    for (let sent = 0; sent < 2; sent++) await send(api, '/orders');
    const message = 'The replay store for DPoP proofs failed';
    expect(rejected).toMatchObject([
      { reason: expect.stringContaining(`${message}: The client is closed`) as string, misconfiguration: true },
      { reason: expect.stringContaining(`${message}: ECONNREFUSED`) as string, misconfiguration: true },
    ]);
  });

  it('P11: a replay store that hangs is 503 after a second', async () => {
    await using api = await start(makeAdapter, {
      dpop: { publicUrl: PUBLIC, replay: { add: () => new Promise(() => undefined) } },
    });
    expect((await send(api, '/orders')).status).toBe(503);
  });

  it('P13, P14: a replay store gets keys of constant length, and the time that the proof is accepted for', async () => {
    const added: [string, number][] = [];
    const replay: ReplayStore = { add: async (...entry) => added.push(entry) > 0 };
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, replay, proofMaxAge: '30s' } });
    await send(api, '/orders', { claims: { jti: 'x' } });
    await send(api, '/orders', { claims: { jti: 'x'.repeat(256) } });
    expect(added.map(([name]) => name.length)).toEqual([43, 43]);
    for (const [, ttl] of added) expect(ttl).toBeGreaterThan(30_000);
    for (const [, ttl] of added) expect(ttl).toBeLessThan(60_000);
  });

  it('replay: false accepts a proof twice', async () => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, replay: false } });
    const dpop = await key.proof('GET', `${PUBLIC}/orders`, { accessToken: bound });
    expect((await send(api, '/orders', { dpop })).status).toBe(200);
    expect((await send(api, '/orders', { dpop })).status).toBe(200);
  });

  it('algorithms: others are rejected, and the challenge names the list in its order', async () => {
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC, algorithms: ['PS256', 'EdDSA'] } });
    const { status, headers } = await send(api, '/orders');
    expect([status, headers['www-authenticate']]).toEqual([401, expect.stringContaining('algs="PS256 EdDSA"')]);
  });

  it(`P15: boundTokens: 'verified-by-gateway' accepts a bound token as Bearer, and checks a proof that comes`, async () => {
    await using api = await start(makeAdapter, { boundTokens: 'verified-by-gateway', dpop: { publicUrl: PUBLIC } });
    const jwks = api.app.get(JwksService);
    expect((await send(api, '/orders', { scheme: 'Bearer', dpop: undefined })).status).toBe(200);
    expect((await send(api, '/orders/bound', { scheme: 'Bearer', dpop: undefined })).status).toBe(200);
    expect((await send(api, '/orders', { dpop: 'x' })).status).toBe(401);
    expect(await jwks.verify(bound)).toMatchObject({ senderConstrained: 'gateway' });
    expect(await jwks.verify(bearer)).not.toHaveProperty('senderConstrained');
    const shown = { boundTokens: 'verified-by-gateway' };
    expect(jwks.status()[0]).toMatchObject(shown);
    expect(jwks.client(issuer.url).status()).toMatchObject(shown);
  });

  it('P15: none: the scheme DPoP is not taken, and a bound token is rejected', async () => {
    const imports = [JwksModule.forRoot(issuer.options())];
    await using api = await Api.start(makeAdapter, { imports, controllers: [PlainController] });
    expect((await send(api, '/orders')).body).toMatchObject({ code: 'token_missing' });
    expect((await send(api, '/orders', { scheme: 'Bearer' })).body).toMatchObject({ code: 'claim_invalid' });
    expect((await send(api, '/orders/optional')).status).toBe(401);
  });
});
