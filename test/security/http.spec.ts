import { Controller, Get, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksModule } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type Answer, type CallOptions } from '../e2e/support/api.js';
import { encode } from '../tokens/raw-token.js';

const KID = 'kid "\\\r\nSet-Cookie: a=b\u001b[31m\u007f😀';

@Controller()
class SurfaceController {
  @Get('authenticated')
  @Authenticated()
  authenticated(@Claims('sub') sub: unknown) {
    return { in: true, sub };
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport() {
    return { in: true };
  }

  @Get('scoped')
  @Authenticated({ scopes: ['admin'] })
  scoped() {
    return { in: true };
  }

  @Get('named')
  @Authenticated()
  named(@Claims('a.b') named: unknown, @Claims('https://x.example/roles') url: unknown, @Claims('a.c') path: unknown) {
    return { named, url, path };
  }
}

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
});
afterAll(() => issuer.close());

/**
 * What is between the quotes, by RFC 9110 section 11.6.1; fails where the challenge is not one of
 * that grammar.
 */
function parametersOf(challenge: string | undefined): Record<string, string> {
  const parameter = /([a-z_]+)="((?:[^"\\]|\\.)*)"(?:, )?/y;
  const [scheme = '', rest = ''] = [challenge?.slice(0, 6), challenge?.slice(7)];
  expect(scheme).toBe('Bearer');
  const found: Record<string, string> = {};
  while (parameter.lastIndex < rest.length) {
    const match = parameter.exec(rest);
    if (!match) throw new Error(`not a challenge: ${challenge}`);
    found[match[1] ?? ''] = match[2] ?? '';
  }
  return found;
}

describe.each(ADAPTERS)('the HTTP surface, on %s', (_, makeAdapter) => {
  let api: Api;

  beforeAll(async () => {
    const options = { ...issuer.options(), realm: 'orders' };
    api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(options)],
      controllers: [SurfaceController],
    });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const statuses = async (calls: readonly CallOptions[], path = '/authenticated') =>
    Promise.all(calls.map(async (call) => (await api.call(path, call)).status));

  it('I1: accepts nothing that has no token', async () => {
    const basic = Buffer.from('user:password').toString('base64');
    const values = [
      '',
      'Bearer',
      'Bearer ',
      'Bearer\t',
      `Basic ${basic}`,
      'Basic',
      'Digest x',
      'bearer',
      'BearerToken',
      'null',
    ];
    const calls = [
      {},
      { headers: { cookie: 'access_token=' } },
      ...values.map((value) => ({ headers: { authorization: value } })),
    ];
    for (const path of ['/authenticated', '/passport', '/scoped'])
      expect(await statuses(calls, path)).toEqual(calls.map(() => 401));
  });

  it('I2: serves no handler behind its back by another method, case or a trailing slash', async () => {
    const calls = ['/authenticated', '/authenticated/', '/AUTHENTICATED', '//authenticated', '/authenticated?x=1'];
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'TRACE', 'PROPFIND']) {
      for (const path of calls) {
        const answer = await api.call(path, { method });
        expect([401, 404, 405, 501, 204, 400], `${method} ${path}`).toContain(answer.status);
        expect(JSON.stringify(answer.body ?? '')).not.toContain('"in"');
      }
    }
  });

  it('I8: has one challenge, with an error only where there was a token', async () => {
    const token = await issuer.sign({ scope: 'orders' });
    const cases: [CallOptions, string, number, object][] = [
      [{}, '/authenticated', 401, { realm: 'orders' }],
      [{ token: 'x' }, '/authenticated', 401, { error: 'invalid_token' }],
      [{ token }, '/scoped', 403, { error: 'insufficient_scope', scope: 'admin' }],
      [{ headers: { authorization: 'Bearer a, Bearer b' } }, '/authenticated', 400, { error: 'invalid_request' }],
    ];
    for (const [call, path, status, parameters] of cases) {
      const answer = await api.call(path, call);
      const reported = parametersOf(answer.headers['www-authenticate']);
      expect([answer.status, reported]).toMatchObject([status, parameters]);
      expect(Object.hasOwn(reported, 'error')).toBe('error' in parameters);
    }
  });

  it('I7: repeats nothing of a token in a header: every challenge is one line that parses', async () => {
    const [header, payload, signature] = (await issuer.sign({ sub: KID, iss: issuer.issuer, scope: KID })).split('.');
    const strange = encode({ alg: 'ES256', kid: KID, typ: KID });
    const tokens = [`${strange}.${payload}.${signature}`, `${header}.${encode({ iss: KID })}.${signature}`];
    for (const path of ['/authenticated', '/passport']) {
      for (const token of tokens) {
        const { status, headers } = await api.call(path, { token });
        const { error_description: description = '' } = parametersOf(headers['www-authenticate']);
        expect(status).toBe(401);
        expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
        expect(description).not.toMatch(/kid|Set-Cookie/);
        expect(headers['set-cookie']).toBeUndefined();
      }
    }
  });

  it('G11, C13: answers a header of 16 kB of any shape', async () => {
    const size = 15_000;
    const before = issuer.jwksRequests;
    const shapes = ['a', 'Bearer', 'Bearer ', 'bearer\t', '.', 'Bearer a.', '=', 'Bearer ,', ' ', 'Basic '];
    const calls = shapes.map((shape) => ({ headers: { authorization: shape.repeat(Math.ceil(size / shape.length)) } }));
    const long = `Bearer ${'a'.repeat(5_000)}.${'b'.repeat(5_000)}.${'c'.repeat(5_000)}`;
    for (const status of await statuses([...calls, { headers: { authorization: long } }]))
      expect([400, 401]).toContain(status);
    expect(issuer.jwksRequests).toBe(before);
  });

  it('I15, I17: takes no token for a bearer token that is bound to a key or a certificate', async () => {
    const bound = [{ jkt: 'x' }, { 'x5t#S256': 'x' }, { jwk: {} }, {}, null, 'x'];
    const calls = await Promise.all(bound.map(async (cnf) => ({ token: await issuer.sign({ cnf }) })));
    expect(await statuses(calls)).toEqual(bound.map(() => 401));
    const dpop = { authorization: `DPoP ${await issuer.sign({ cnf: { jkt: 'x' } })}`, dpop: 'x.y.z' };
    expect(await statuses([{ headers: dpop }])).toEqual([401]);
  });

  it('E13: finds scopes as whole members only', async () => {
    const missing = [
      'admin:read',
      'xadmin',
      'Admin',
      'admin\tread',
      'read,admin',
      ' ',
      { admin: true },
      ['read', ['admin']],
      1,
      null,
    ];
    for (const scope of missing)
      expect(await statuses([{ token: await issuer.sign({ scope }) }], '/scoped'), JSON.stringify(scope)).toEqual([
        403,
      ]);
    for (const claims of [
      { scope: 'read admin' },
      { scope: ['admin'] },
      { scp: ['read', 'admin'] },
      { permissions: ['admin'] },
    ])
      expect(await statuses([{ token: await issuer.sign(claims) }], '/scoped')).toEqual([200]);
  });

  it('E16: gives a claim of that very name before one by path', async () => {
    const token = await issuer.sign({ 'a.b': 1, a: { b: 2, c: 3 }, 'https://x.example/roles': ['r'] });
    expect((await api.call('/named', { token })).body).toEqual({ named: 1, url: ['r'], path: 3 });
  });

  it('E15: hands on claims as they are: they are data of the issuer', async () => {
    const sub = `' OR 1=1 -- \${7*7} {{7*7}} <script>`;
    expect((await api.call('/authenticated', { token: await issuer.sign({ sub }) })).body).toEqual({ in: true, sub });
  });

  it('I9: names the fault and nothing else in 20 faults', async () => {
    const answers = await Promise.all((await twentyFaults()).map((call) => api.call('/authenticated', call)));
    expect(answers).toHaveLength(20);
    for (const answer of answers) expectPlain(answer);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400, 401]));
  });

  it('I9: names nothing else in an outage', async () => {
    const down = await TestIssuer.start({ audience: 'orders-api' });
    await down.close();
    const token = await issuer.sign();
    const faulty = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), jwksUri: down.jwksUri, http: { retries: 0 } })],
      controllers: [SurfaceController],
    });
    for (const path of ['/authenticated', '/passport']) {
      const answer = await faulty.call(path, { token });
      expect(answer.status).toBe(503);
      expectPlain(answer, down.issuer);
    }
    await faulty[Symbol.asyncDispose]();
  });
});

function expectPlain({ body, headers }: Answer, host = issuer.issuer): void {
  expect(Object.keys(body as object).toSorted()).toEqual(['code', 'error', 'message', 'statusCode']);
  const text = `${JSON.stringify(body)} ${headers['www-authenticate'] ?? ''}`;
  expect(text).not.toMatch(
    /127\.0\.0\.1|localhost|https?:|\/|\.ts|\.js|node_modules|jose|undici|E[A-Z]{5,}|JWS|JWT|Error:|\bat \w+\./,
  );
  for (const secret of [host, 'orders-api', ...issuer.kids, 'me@example.com']) expect(text).not.toContain(secret);
}

async function twentyFaults(): Promise<CallOptions[]> {
  const claims = { sub: 'me@example.com' };
  const good = await issuer.sign(claims);
  const [header, payload, signature = ''] = good.split('.');
  const bad = [
    'x',
    'a.b.c',
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    `${header}.${encode({ sub: 'other' })}.${signature}`,
    `${encode({ alg: 'none' })}.${payload}.${signature}`,
    `${encode({ alg: 'HS256', kid: 'x' })}.${payload}.${signature}`,
    `${encode({ alg: 'ES256', kid: 'unknown' })}.${payload}.${signature}`,
    `${encode('{')}.${payload}.${signature}`,
    `${header}.${encode('[')}.${signature}`,
    'a'.repeat(9_000),
  ];
  const refused = [
    { iss: 'https://evil.example/' },
    { aud: 'other' },
    { exp: 1 },
    { nbf: 9e9 },
    { iat: 9e9 },
    { exp: 'soon' },
    { cnf: {} },
  ];
  const signed = await Promise.all(refused.map((more) => issuer.sign({ ...claims, ...more })));
  return [...[...bad, ...signed].map((token) => ({ token })), { headers: { authorization: 'Bearer a b' } }];
}
