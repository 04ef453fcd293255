import {
  Controller,
  Get,
  Head,
  Options,
  ParseIntPipe,
  Post,
  Req,
  UseGuards,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  AccessToken,
  Authenticated,
  Claims,
  JwksAuthGuard,
  JwksModule,
  JwksService,
  Public,
  type JwksEvent,
  type VerifiedToken,
} from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

class UpperCase implements PipeTransform {
  transform(value: unknown): string {
    return String(value).toUpperCase();
  }
}

class CountMembers implements PipeTransform {
  transform(value: object): number {
    return Object.keys(value).length;
  }
}

interface AuthenticatedRequest {
  user?: unknown;
  auth?: VerifiedToken;
}

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  @Authenticated()
  list(@Req() { user, auth }: AuthenticatedRequest) {
    return { user, sub: auth?.claims.sub, frozen: Object.isFrozen(auth?.claims) };
  }

  @Get('claims')
  claims(@Claims() all: Record<string, unknown>, @Claims('sub') sub: string, @AccessToken() token: string) {
    return { all, sub, token };
  }

  @Get('paths')
  paths(
    @Claims('realm_access.roles') roles: string[],
    @Claims('https://example.com/tenant') tenant: string,
    @Claims('a.b') named: string,
  ) {
    return { roles, tenant, named };
  }

  @Get('pipes')
  pipes(
    @Claims('sub', UpperCase) sub: string,
    @Claims('level', new ParseIntPipe()) level: number,
    @Claims(CountMembers) count: number,
    @AccessToken(UpperCase) token: string,
  ) {
    return { sub, level, counted: count > 3, token };
  }

  @Get('odd-claims')
  oddClaims(
    @Claims('__proto__') proto: unknown,
    @Claims('constructor') maker: unknown,
    @Claims('toString') method: unknown,
  ) {
    return { missing: [proto, maker, method].map((value) => value === undefined) };
  }

  @Get('mutate')
  mutate(@Claims() claims: Record<string, unknown>) {
    return { changed: Reflect.set(claims, 'sub', 'mallory') };
  }

  @Post()
  @Authenticated({ scopes: ['orders:write'] })
  create(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('any')
  @Authenticated({ anyOfScopes: ['orders:read', 'orders:admin'] })
  any() {
    return {};
  }

  @Get('acme')
  @Authenticated({
    claims: { org: 'acme', 'realm_access.roles': 'admin', level: (level: unknown) => Number(level) > 2 },
  })
  acme() {
    return {};
  }

  @Get('optional')
  @Authenticated({ optional: true })
  optional(@Claims('sub') sub: string | undefined, @Req() { user }: AuthenticatedRequest) {
    return { sub: sub ?? null, user: user ?? null };
  }

  @Get('audience')
  @Authenticated({ audience: 'reports-api' })
  audience() {
    return {};
  }

  @Get('issuer')
  @Authenticated({ issuer: 'https://other.example' })
  issuer() {
    return {};
  }

  @Public()
  @Get('public')
  public(@Claims() claims: unknown, @AccessToken() token: unknown) {
    return { claims: claims ?? null, token: token ?? null };
  }

  @Options('preflight')
  options() {
    return {};
  }

  @Head('probe')
  head() {
    return {};
  }
}

@Controller('bare')
class BareController {
  @Get()
  list() {
    return {};
  }
}

@Controller('open')
@Public()
class OpenController {
  @Get()
  list() {
    return {};
  }

  @Get('closed')
  @Authenticated()
  closed() {
    return {};
  }
}

abstract class ListController {
  @Get()
  list() {
    return {};
  }
}

@Controller('inherited/open')
@Public()
class InheritedOpenController extends ListController {}

@Controller('inherited/scoped')
@Authenticated({ scopes: ['orders:read'] })
class InheritedScopedController extends ListController {}

@Controller({ path: 'versioned', version: '1' })
@Public()
class FirstController {
  @Get()
  list() {
    return { version: 1 };
  }
}

@Controller({ path: 'versioned', version: '2' })
class SecondController {
  @Get()
  list() {
    return { version: 2 };
  }
}

const CONTROLLERS = [
  OrdersController,
  BareController,
  OpenController,
  InheritedOpenController,
  InheritedScopedController,
  FirstController,
  SecondController,
];

describe.each(ADAPTERS)('the guard in front of a whole application, on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;
  let validated: VerifiedToken[];
  let events: JwksEvent[];

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    const validate = async (token: VerifiedToken) => {
      validated.push(token);
      return { id: token.claims.sub };
    };
    api = await Api.start(
      makeAdapter,
      {
        imports: [JwksModule.forRoot({ ...issuer.options(), validate })],
        controllers: CONTROLLERS,
        providers: [{ provide: APP_GUARD, useExisting: JwksAuthGuard }],
      },
      (app) => app.enableVersioning({ type: VersioningType.URI }),
    );
    api.app.get(JwksService).events$.subscribe((event) => events.push(event));
  });
  beforeEach(() => {
    validated = [];
    events = [];
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  const reported = (): string[] => events.map(({ type }) => type).filter((type) => type.startsWith('token.'));

  it('verifies and validates once, though it stands globally, on the class and on the handler', async () => {
    const { status, body } = await api.call('/orders', { token: await issuer.sign({ sub: 'alice' }) });
    expect(status).toBe(200);
    expect(body).toEqual({ user: { id: 'alice' }, sub: 'alice', frozen: true });
    expect(validated).toHaveLength(1);
    expect(reported()).toEqual(['token.verified']);
  });

  it('reports a rejection once', async () => {
    await api.call('/orders');
    await api.call('/orders', { token: 'abc' });
    await api.call('/orders', { token: 'a b' });
    expect(events.map((event) => (event.type === 'token.rejected' ? event.code : event.type))).toEqual([
      'token_missing',
      'token_malformed',
      'invalid_request',
    ]);
  });

  it('gives a handler the claims, one by name, and the token', async () => {
    const token = await issuer.sign({ sub: 'alice', level: 3 });
    const { body } = await api.call('/orders/claims', { token });
    expect(body).toEqual({
      all: expect.objectContaining({ sub: 'alice', level: 3, iss: issuer.issuer }),
      sub: 'alice',
      token,
    });
  });

  it('gives a handler claims by path, where no claim has that very name', async () => {
    const token = await issuer.sign({
      realm_access: { roles: ['admin'] },
      'https://example.com/tenant': 't1',
      'a.b': 'by name',
      a: { b: 'by path' },
    });
    const { body } = await api.call('/orders/paths', { token });
    expect(body).toEqual({ roles: ['admin'], tenant: 't1', named: 'by name' });
  });

  it('puts claims and the token through pipes', async () => {
    const token = await issuer.sign({ sub: 'alice', level: '3' });
    const { body } = await api.call('/orders/pipes', { token });
    expect(body).toEqual({ sub: 'ALICE', level: 3, counted: true, token: token.toUpperCase() });
    const { status } = await api.call('/orders/pipes', { token: await issuer.sign({ level: 'high' }) });
    expect(status).toBe(400);
  });

  it('gives no handler what every object inherits', async () => {
    const { body } = await api.call('/orders/odd-claims', { token: await issuer.sign() });
    expect(body).toEqual({ missing: [true, true, true] });
  });

  it('gives no handler claims that it could change for the next', async () => {
    const { body } = await api.call('/orders/mutate', { token: await issuer.sign() });
    expect(body).toEqual({ changed: false });
  });

  it.each([
    ['/bare', 401],
    ['/orders/public', 200],
    ['/open', 200],
    ['/open/closed', 401],
    ['/inherited/open', 200],
    ['/inherited/scoped', 401],
    ['/v1/versioned', 200],
    ['/v2/versioned', 401],
    ['/nowhere', 404],
  ])('without a token: GET %s is %i', async (path, status) => {
    expect((await api.call(path)).status).toBe(status);
  });

  it.each(['/bare', '/open/closed', '/v2/versioned'])('with a token: GET %s is 200', async (path) => {
    expect((await api.call(path, { token: await issuer.sign() })).status).toBe(200);
  });

  it.each([
    ['HEAD', '/orders', 401, 200],
    ['HEAD', '/orders/probe', 401, 200],
    ['OPTIONS', '/orders/preflight', 401, 200],
    ['HEAD', '/orders/public', 200, 200],
  ])('I2: guards %s %s', async (method, path, without, with_) => {
    expect((await api.call(path, { method })).status).toBe(without);
    expect((await api.call(path, { method, token: await issuer.sign() })).status).toBe(with_);
  });

  it('reads no token on a public route, however it looks', async () => {
    for (const token of [await issuer.sign(), 'forged', 'a b']) {
      await expect(api.call('/orders/public', { token })).resolves.toMatchObject({
        status: 200,
        body: { claims: null, token: null },
      });
    }
    expect(validated).toEqual([]);
  });

  it('lets an optional route go on without a token, and with a good one; a bad one is rejected as ever', async () => {
    const path = '/orders/optional';
    await expect(api.call(path)).resolves.toMatchObject({ status: 200, body: { sub: null, user: null } });
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call(path, { token })).resolves.toMatchObject({
      status: 200,
      body: { sub: 'alice', user: { id: 'alice' } },
    });
    await expect(api.call(path, { token: `${token}x` })).resolves.toMatchObject({ status: 401 });
    await expect(api.call(path, { token: await issuer.sign({}, { expiresIn: '-1h' }) })).resolves.toMatchObject({
      status: 401,
      body: { code: 'token_expired' },
    });
    expect(reported()).toEqual(['token.verified', 'token.rejected', 'token.rejected']);
  });

  it.each(['Basic dXNlcjpwYXNz', 'DPoP eyJ', 'Token abc', 'eyJhbGciOiJFUzI1NiJ9.e30.AA', 'Bearerx'])(
    'takes nobody for anonymous on an optional route who sent other credentials: %s',
    async (authorization) => {
      await expect(api.call('/orders/optional', { headers: { authorization } })).resolves.toMatchObject({
        status: 401,
        body: { code: 'token_missing' },
      });
    },
  );

  it.each(['', ' ', 'Bearer', 'bearer '])('has an anonymous request in the header "%s"', async (authorization) => {
    const answer = await api.call('/orders/optional', { headers: { authorization } });
    expect(answer).toMatchObject({ status: 200, body: { sub: null } });
  });

  it.each([
    ['all scopes', 'POST /orders', { scope: 'orders:read orders:write' }, 201],
    ['all scopes in scp', 'POST /orders', { scp: ['orders:write'] }, 201],
    ['all scopes in permissions', 'POST /orders', { permissions: ['orders:write'] }, 201],
    ['a scope that begins alike', 'POST /orders', { scope: 'orders:write:all' }, 403],
    ['no scope', 'POST /orders', {}, 403],
    ['one of several', 'GET /orders/any', { scope: 'orders:admin' }, 200],
    ['none of several', 'GET /orders/any', { scope: 'orders' }, 403],
    ['the scope of the class', 'GET /inherited/scoped', { scope: 'orders:read' }, 200],
    ['another than that of the class', 'GET /inherited/scoped', { scope: 'orders:write' }, 403],
    ['the claims', 'GET /orders/acme', { org: ['x', 'acme'], realm_access: { roles: ['admin'] }, level: 3 }, 200],
    ['another claim', 'GET /orders/acme', { org: 'acme', realm_access: { roles: ['admin'] }, level: 2 }, 403],
    ['a claim missing', 'GET /orders/acme', { org: 'acme', level: 3 }, 403],
    ['the audience of the route', 'GET /orders/audience', { aud: 'reports-api' }, 200],
    ['the audience of the module', 'GET /orders/audience', {}, 401],
    ['an issuer that the route does not take', 'GET /orders/issuer', {}, 401],
  ] as const)('validates a token with %s: %s', async (_name, route, claims, status) => {
    const [method, path] = route.split(' ') as [string, string];
    const answer = await api.call(path, { method, token: await issuer.sign(claims) });
    expect(answer.status).toBe(status);
  });

  it('I4: answers every Authorization header with 400 or 401, and lives on', async () => {
    const faults: unknown[] = [];
    const note = (fault: unknown) => faults.push(fault);
    process.on('unhandledRejection', note).on('uncaughtException', note);
    const headers = [
      '',
      ' ',
      'Bearer',
      'Bearer ,',
      'Bearer ..',
      'bearer\ta',
      `Bearer ${'.'.repeat(8000)}`,
      'x'.repeat(12_000),
    ];
    headers.push(
      `Bearer ${'a'.repeat(12_000)}`,
      'Bearer e30.e30.',
      'Bearer \u00e9',
      'Bearer eyJhbGciOiJub25lIn0.e30.AA',
    );
    for (const authorization of headers) {
      const { status } = await api.call('/orders', { headers: { authorization } });
      expect([400, 401]).toContain(status);
    }
    process.off('unhandledRejection', note).off('uncaughtException', note);
    expect(faults).toEqual([]);
  });
});

/** Stands before ours, and puts on the request what ours would. */
class VouchingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const vouched = { auth: { claims: { sub: 'mallory' } }, user: { id: 'mallory' } };
    Object.assign(context.switchToHttp().getRequest<object>(), vouched);
    return true;
  }
}

@Controller()
class UnguardedController {
  @Get()
  list(@Claims() claims: unknown, @AccessToken() token: unknown) {
    return { claims: claims ?? null, token: token ?? null };
  }

  @Get('preset')
  @Authenticated()
  @UseGuards(VouchingGuard)
  preset(@Claims('sub') sub: unknown, @Req() { user }: AuthenticatedRequest) {
    return { sub, user };
  }
}

describe.each(ADAPTERS)('the guard on some routes, on %s', (_, makeAdapter) => {
  it('I3: gives no claims to a handler that has no guard', async () => {
    const issuer = await TestIssuer.start();
    const api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [UnguardedController],
    });
    const token = await issuer.sign({ sub: 'mallory' });
    await expect(api.call('/', { token })).resolves.toMatchObject({ status: 200, body: { claims: null, token: null } });
    await api.app.close();
    await issuer.close();
  });

  it('rejects a request that only another guard accepted', async () => {
    const issuer = await TestIssuer.start();
    const api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(issuer.options())],
      controllers: [UnguardedController],
    });
    await expect(api.call('/preset')).resolves.toMatchObject({ status: 401 });
    const answer = await api.call('/preset', { token: await issuer.sign({ sub: 'alice' }) });
    expect(answer).toMatchObject({ status: 200, body: { sub: 'alice', user: { claims: { sub: 'alice' } } } });
    await api.app.close();
    await issuer.close();
  });

  it('keeps two applications of one process apart', async () => {
    const issuers = await Promise.all([TestIssuer.start(), TestIssuer.start()]);
    const apis = await Promise.all(
      issuers.map((issuer) =>
        Api.start(makeAdapter, { imports: [JwksModule.forRoot(issuer.options())], controllers: [OrdersController] }),
      ),
    );
    const tokens = await Promise.all(issuers.map((issuer) => issuer.sign()));
    const statuses = await Promise.all(
      apis.map(async (api) => Promise.all(tokens.map(async (token) => (await api.call('/orders', { token })).status))),
    );
    expect(statuses).toEqual([
      [200, 401],
      [401, 200],
    ]);
    await Promise.all([...apis.map((api) => api.app.close()), ...issuers.map((issuer) => issuer.close())]);
  });
});
