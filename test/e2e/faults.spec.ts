import { Controller, ForbiddenException, Get, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { generateKeyPair, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, JwksModule, type JwksModuleOptions, type VerifiedToken } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type CallOptions, type MakeAdapter } from './support/api.js';

const AUDIENCE = 'orders-api';
const REALM = 'orders';

@Controller()
class OrdersController {
  @Get('authenticated')
  @Authenticated()
  authenticated() {
    return { in: true };
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport() {
    return { in: true };
  }

  @Get('scoped')
  @Authenticated({ scopes: ['orders:read', 'orders:write'] })
  scoped() {
    return { in: true };
  }
}

async function validate({ claims }: VerifiedToken): Promise<VerifiedToken['claims']> {
  if (claims.sub === 'banned') throw new Error('on the list of 2024 at db.internal');
  if (claims.sub === 'unlicensed') throw new ForbiddenException('No licence');
  return claims;
}

const startApi = (makeAdapter: MakeAdapter, options: JwksModuleOptions): Promise<Api> =>
  Api.start(makeAdapter, {
    imports: [JwksModule.forRoot({ realm: REALM, http: { retries: 0 }, ...options })],
    controllers: [OrdersController],
  });

interface Case {
  readonly fault: string;
  readonly call: (issuer: TestIssuer) => CallOptions | Promise<CallOptions>;
  readonly code: string;
  readonly message: string;
}

let forger: CryptoKey;
let stranger: TestIssuer;

beforeAll(async () => {
  forger = (await generateKeyPair('ES256')).privateKey;
  stranger = await TestIssuer.start({ audience: AUDIENCE });
});
afterAll(() => stranger.close());

const signed =
  (...args: Parameters<TestIssuer['sign']>) =>
  async (issuer: TestIssuer): Promise<CallOptions> => ({ token: await issuer.sign(...args) });

const now = (): number => Math.floor(Date.now() / 1000);
const forged = async (issuer: TestIssuer): Promise<CallOptions> => ({ token: await issuer.sign({}, { key: forger }) });

const INVALID_TOKENS: readonly Case[] = [
  {
    fault: 'not a JWT',
    call: () => ({ token: 'abc' }),
    code: 'token_malformed',
    message: 'The access token is malformed',
  },
  {
    fault: 'Bearer with no token after it',
    call: () => ({ headers: { authorization: 'Bearer ,' } }),
    code: 'token_malformed',
    message: 'The access token is malformed',
  },
  {
    fault: 'too long',
    call: signed({ filler: 'x'.repeat(8192) }),
    code: 'token_malformed',
    message: 'The access token is malformed',
  },
  {
    fault: 'an unsecured token',
    call: signed({}, { alg: 'none' }),
    code: 'token_malformed',
    message: 'The access token is malformed',
  },
  {
    fault: 'an issuer that is not trusted',
    call: async () => ({ token: await stranger.sign() }),
    code: 'issuer_untrusted',
    message: 'The issuer of the access token is not trusted',
  },
  {
    fault: 'an algorithm that is not allowed',
    call: signed({}, { alg: 'ES384' }),
    code: 'alg_not_allowed',
    message: 'The signature algorithm of the access token is not allowed',
  },
  {
    fault: 'a key that the issuer does not have',
    call: signed({}, { header: { kid: '"\u001b[31m\r\nX: y' } }),
    code: 'key_not_found',
    message: 'The signing key of the access token is not known',
  },
  {
    fault: 'a forged signature',
    call: forged,
    code: 'signature_invalid',
    message: 'The signature of the access token is not valid',
  },
  {
    fault: 'an expired token',
    call: signed({}, { expiresIn: '-1m' }),
    code: 'token_expired',
    message: 'The access token has expired',
  },
  {
    fault: 'a token of tomorrow',
    call: (issuer) => signed({ nbf: now() + 86_400 })(issuer),
    code: 'token_not_active',
    message: 'The access token is not valid yet',
  },
  {
    fault: 'a token for another API',
    call: signed({ aud: 'billing-api' }),
    code: 'claim_invalid',
    message: 'A claim of the access token is missing or not acceptable',
  },
  {
    fault: 'a token that never expires',
    call: signed({ exp: undefined }),
    code: 'claim_invalid',
    message: 'A claim of the access token is missing or not acceptable',
  },
  {
    fault: 'a token bound to a key',
    call: signed({ cnf: { jkt: 'thumbprint' } }),
    code: 'claim_invalid',
    message: 'A claim of the access token is missing or not acceptable',
  },
  {
    fault: 'a user whom validate rejects',
    call: signed({ sub: 'banned' }),
    code: 'token_refused',
    message: 'The access token was refused',
  },
];

describe.each(ADAPTERS)('the answers to faults, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: AUDIENCE, alg: ['ES256', 'ES384'] });
    api = await startApi(makeAdapter, { ...issuer.options(), algorithms: ['ES256'], validate });
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  describe.each(['/authenticated', '/passport'])('through %s', (path) => {
    it('accepts a good token', async () => {
      await expect(api.call(path, { token: await issuer.sign() })).resolves.toMatchObject({
        status: 200,
        body: { in: true },
      });
    });

    it.each(['GET', 'HEAD'])('asks for a token, without an error, where there is none: %s', async (method) => {
      for (const headers of [{}, { authorization: 'Basic dXNlcjpwYXNz' }]) {
        const answer = await api.call(path, { method, headers });
        expect(answer.status).toBe(401);
        expect(answer.headers['www-authenticate']).toBe('Bearer realm="orders"');
        expect(answer.headers).not.toHaveProperty('retry-after');
      }
    });

    it('says in the body that a token is required', async () => {
      for (const headers of [{}, { authorization: 'Basic dXNlcjpwYXNz' }]) {
        expect((await api.call(path, { headers })).body).toEqual({
          statusCode: 401,
          message: 'An access token is required',
          error: 'Unauthorized',
          code: 'token_missing',
        });
      }
    });

    it('C16: takes a token in the query for none', async () => {
      const answer = await api.call(`${path}?access_token=${await issuer.sign()}`);
      expect(answer).toMatchObject({ status: 401, body: { code: 'token_missing' } });
    });

    it.each(INVALID_TOKENS)('rejects $fault', async ({ call, code, message }) => {
      const answer = await api.call(path, await call(issuer));
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe(
        `Bearer realm="orders", error="invalid_token", error_description="${message}"`,
      );
      expect(answer.body).toEqual({ statusCode: 401, message, error: 'Unauthorized', code });
      expect(answer.headers).not.toHaveProperty('retry-after');
    });

    it.each([
      ['two headers', (token: string) => ({ headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] } })],
      [
        'two headers of different schemes',
        (token: string) => ({ headers: { authorization: [`Bearer ${token}`, 'Basic x'] } }),
      ],
      [
        'two tokens in one header',
        (token: string) => ({ headers: { authorization: `Bearer ${token}, Bearer ${token}` } }),
      ],
      ['two words', (token: string) => ({ token: `${token} ${token}` })],
    ])('C15: rejects to choose between %s', async (_name, callWith) => {
      const answer = await api.call(path, callWith(await issuer.sign()) as CallOptions);
      expect(answer.status).toBe(400);
      expect(answer.headers['www-authenticate']).toBe(
        'Bearer realm="orders", error="invalid_request", error_description="The request has more than one access token"',
      );
      expect(answer.body).toEqual({
        statusCode: 400,
        message: 'The request has more than one access token',
        error: 'Bad Request',
        code: 'invalid_request',
      });
    });

    it('lets an HttpException of validate be the answer', async () => {
      const answer = await api.call(path, { token: await issuer.sign({ sub: 'unlicensed' }) });
      expect(answer).toMatchObject({
        status: 403,
        body: { statusCode: 403, message: 'No licence', error: 'Forbidden' },
      });
      expect(answer.headers).not.toHaveProperty('www-authenticate');
    });

    it('makes no request for a token of an issuer that is not trusted', async () => {
      await api.call(path, { token: await issuer.sign() });
      const [ours, theirs] = [issuer.requests.length, stranger.requests.length];
      await api.call(path, { token: await stranger.sign() });
      await api.call(path, { token: await issuer.sign({ iss: `${issuer.issuer}/` }) });
      expect([issuer.requests.length, stranger.requests.length]).toEqual([ours, theirs]);
    });
  });

  it('answers a token without the scope with 403 and the scopes that the route asks for', async () => {
    const message = 'The access token lacks a scope that is required';
    const answer = await api.call('/scoped', { token: await issuer.sign({ scope: 'orders:read' }) });
    expect(answer.status).toBe(403);
    expect(answer.headers['www-authenticate']).toBe(
      `Bearer realm="orders", error="insufficient_scope", error_description="${message}", scope="orders:read orders:write"`,
    );
    expect(answer.body).toEqual({ statusCode: 403, message, error: 'Forbidden', code: 'insufficient_scope' });
  });

  it('reveals the same of the API for a bad token and a good one', async () => {
    const answers = await Promise.all(
      INVALID_TOKENS.map(async ({ call }) => api.call('/authenticated', await call(issuer))),
    );
    const reported = JSON.stringify(answers.map(({ headers, body }) => [headers['www-authenticate'], body]));
    for (const secret of [issuer.issuer, stranger.issuer, AUDIENCE, 'db.internal', ...issuer.kids])
      expect(reported).not.toContain(secret);
  });
});

describe.each(ADAPTERS)('the answers while keys cannot be had, on %s', (_, makeAdapter) => {
  const outages = [
    ['the issuer is down', (issuer: TestIssuer) => issuer.down(), 'jwks_unavailable'],
    ['the issuer answers 500', (issuer: TestIssuer) => issuer.status(500), 'jwks_unavailable'],
    ['the issuer serves something else', (issuer: TestIssuer) => issuer.garbage({ keys: 'none' }), 'jwks_invalid'],
  ] as const;

  describe.each(['/authenticated', '/passport'])('through %s', (path) => {
    it.each(outages)('I6: are 503 with Retry-After, and no challenge: %s', async (_name, breakIt, code) => {
      await using issuer = await TestIssuer.start({ audience: AUDIENCE });
      const token = await issuer.sign();
      await breakIt(issuer);
      await using api = await startApi(makeAdapter, {
        ...issuer.options(),
        jwksUri: issuer.jwksUri,
        prefetch: false,
      });
      const answer = await api.call(path, { token });
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
      expect(answer.headers).not.toHaveProperty('www-authenticate');
      expect(answer.body).toEqual({
        statusCode: 503,
        message: 'The keys that verify access tokens are not available',
        error: 'Service Unavailable',
        code,
      });
    });
  });

  it('hand on when the issuer wants to be asked again', async () => {
    await using issuer = await TestIssuer.start({ audience: AUDIENCE });
    const token = await issuer.sign();
    await issuer.status(503, { 'retry-after': '77' });
    await using api = await startApi(makeAdapter, { ...issuer.options(), jwksUri: issuer.jwksUri, prefetch: false });
    const answers = await Promise.all(['/authenticated', '/passport'].map((path) => api.call(path, { token })));
    expect(answers.map(({ headers }) => headers['retry-after'])).toEqual(['77', '77']);
  });

  it('are none for a token of 12 kB where maxTokenLength allows it', async () => {
    await using issuer = await TestIssuer.start({ audience: AUDIENCE });
    const roles = Array.from({ length: 400 }, (_, index) => `application-role-${index}`);
    const token = await issuer.sign({ roles });
    expect(token.length).toBeGreaterThan(12_000);
    await using api = await startApi(makeAdapter, { ...issuer.options(), maxTokenLength: 14_000 });
    for (const path of ['/authenticated', '/passport']) expect((await api.call(path, { token })).status).toBe(200);
  });

  it('are not for a request that validate accepts by what it sees of it', async () => {
    await using issuer = await TestIssuer.start({ audience: AUDIENCE });
    const token = await issuer.sign({ tenant: 't1' });
    await using api = await startApi(makeAdapter, {
      ...issuer.options(),
      validate: ({ claims }, { request }: { request: { headers: Record<string, unknown> } }) =>
        request.headers['x-tenant'] === claims['tenant'] ? undefined : null,
    });
    for (const path of ['/authenticated', '/passport'])
      for (const [tenant, status] of [
        ['t1', 200],
        ['t2', 401],
      ] as const)
        expect((await api.call(path, { token, headers: { 'x-tenant': tenant } })).status).toBe(status);
  });
});
