import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Req,
  UnauthorizedException,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import { AuthGuard, PassportModule } from '@nestjs/passport';
import passport from 'passport';
import { ExtractJwt } from 'passport-jwt';
import { Strategy } from 'passport-strategy';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  AccessToken,
  Authenticated,
  Claims,
  JwksModule,
  type JwksModuleOptions,
  type VerifiedToken,
} from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type MakeAdapter } from './support/api.js';

interface PassportRequest {
  readonly headers: Record<string, string | undefined>;
  readonly user?: unknown;
  readonly auth?: VerifiedToken;
  readonly authInfo?: unknown;
}

/** Another way in: the header `x-api-key`. */
class ApiKeyStrategy extends Strategy {
  override authenticate(request: { headers: Record<string, unknown> }): void {
    if (request.headers['x-api-key'] === 'open sesame') this.success({ name: 'ali baba' });
    else this.fail('ApiKey', 401);
  }
}
passport.use('api-key', new ApiKeyStrategy());

/** As the documentation of Nest has it. */
@Injectable()
class OwnWordsGuard extends AuthGuard('jwks') {
  override handleRequest<User>(error: unknown, user: User | false, info: { code?: string } | undefined): User {
    if (error) throw error;
    if (!user) throw new UnauthorizedException(`Go away: ${info?.code}`);
    return user;
  }
}

@Injectable()
class SometimesGuard extends AuthGuard('jwks') {
  override handleRequest<User>(error: unknown, user: User | false): User {
    if (error) throw error;
    return (user || null) as User;
  }
}

@Injectable()
class TeapotGuard extends AuthGuard('jwks') {
  override handleRequest<User>(_error: unknown, user: User | false): User {
    if (!user) throw new ForbiddenException('Not this way');
    return user;
  }
}

@Injectable()
class SubclassGuard extends AuthGuard('jwks') {
  override getRequest(context: ExecutionContext): unknown {
    return context.switchToHttp().getRequest();
  }
}

@Controller()
class OrdersController {
  @Get()
  @UseGuards(AuthGuard('jwks'))
  list(@Req() { user, auth, authInfo }: PassportRequest, @Claims('sub') sub: string, @AccessToken() token: string) {
    return { user, sub, token, auth: auth?.claims.sub, info: authInfo === auth };
  }

  @Get('default')
  @UseGuards(AuthGuard())
  byDefault(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('both')
  @UseGuards(AuthGuard('jwks'))
  @Authenticated()
  both(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('jwks-first')
  @UseGuards(AuthGuard(['jwks', 'api-key']))
  jwksFirst(@Req() { user }: PassportRequest) {
    return { user };
  }

  @Get('jwks-last')
  @UseGuards(AuthGuard(['api-key', 'jwks']))
  jwksLast(@Req() { user }: PassportRequest) {
    return { user };
  }

  @Get('own-words')
  @UseGuards(OwnWordsGuard)
  ownWords() {
    return {};
  }

  @Get('sometimes')
  @UseGuards(SometimesGuard)
  sometimes(@Req() { user }: PassportRequest, @Claims('sub') sub: string | undefined) {
    return { user, sub: sub ?? null };
  }

  @Get('teapot')
  @UseGuards(TeapotGuard)
  teapot() {
    return {};
  }

  @Get('subclass')
  @UseGuards(SubclassGuard)
  subclass() {
    return {};
  }
}

const startApi = (makeAdapter: MakeAdapter, options: JwksModuleOptions): Promise<Api> =>
  Api.start(makeAdapter, {
    imports: [JwksModule.forRoot(options), PassportModule.register({ defaultStrategy: 'jwks' })],
    controllers: [OrdersController],
  });

describe.each(ADAPTERS)("AuthGuard('jwks'), on %s", (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;
  const validated: unknown[] = [];

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    const validate = (token: VerifiedToken) => {
      validated.push(token);
      return { id: token.claims.sub };
    };
    api = await startApi(makeAdapter, { ...issuer.options(), realm: 'orders', validate });
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  it('puts on the request what the guard would', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call('/', { token })).resolves.toMatchObject({
      status: 200,
      body: { user: { id: 'alice' }, sub: 'alice', token, auth: 'alice', info: true },
    });
  });

  it('stands beside @Authenticated()', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call('/both', { token })).resolves.toMatchObject({ status: 200, body: { sub: 'alice' } });
    await expect(api.call('/both')).resolves.toMatchObject({ status: 401, body: { code: 'token_missing' } });
  });

  it('serves requests side by side, each with its own user', async () => {
    const names = Array.from({ length: 20 }, (_value, index) => `user-${index}`);
    const tokens = await Promise.all(names.map((sub) => issuer.sign({ sub })));
    const answers = await Promise.all(tokens.map((token) => api.call('/', { token })));
    expect(answers.map(({ body }) => (body as { user: { id: string } }).user.id)).toEqual(names);
  });

  it.each(['/jwks-first', '/jwks-last'])('gives the next strategy its turn: %s', async (path) => {
    const headers = { 'x-api-key': 'open sesame' };
    const { body } = await api.call(path, { headers });
    expect(body).toEqual({ user: { name: 'ali baba' } });
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call(path, { token })).resolves.toMatchObject({ status: 200, body: { user: { id: 'alice' } } });
    await expect(api.call(path, { token: 'bad' })).resolves.toMatchObject({ status: 401 });
    await expect(api.call(path)).resolves.toMatchObject({ status: 401 });
  });

  it('lets the next strategy speak after a bad token too, without a challenge left over', async () => {
    const answer = await api.call('/jwks-first', { token: 'bad', headers: { 'x-api-key': 'open sesame' } });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  it('leaves the words to a `handleRequest` of the application, and adds the challenge', async () => {
    const answer = await api.call('/own-words', { token: await issuer.sign({}, { expiresIn: '-1h' }) });
    expect(answer).toMatchObject({ status: 401, body: { message: 'Go away: token_expired' } });
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="orders", error="invalid_token"/);
  });

  it('adds nothing where a `handleRequest` of the application answers something else', async () => {
    const answer = await api.call('/teapot');
    expect(answer).toMatchObject({ status: 403, body: { message: 'Not this way' } });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  it('lets a `handleRequest` of the application go on without a user', async () => {
    await expect(api.call('/sometimes')).resolves.toMatchObject({ status: 200, body: { user: null, sub: null } });
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call('/sometimes', { token })).resolves.toMatchObject({ status: 200, body: { sub: 'alice' } });
  });

  it('answers where it is the default strategy', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    await expect(api.call('/default', { token })).resolves.toMatchObject({ status: 200, body: { sub: 'alice' } });
    const answer = await api.call('/default');
    expect(answer).toMatchObject({ status: 401, body: { code: 'token_missing' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="orders"');
  });

  it('answers for a subclass that overrides something else', async () => {
    const answer = await api.call('/subclass');
    expect(answer).toMatchObject({ status: 401, body: { code: 'token_missing' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="orders"');
  });
});

describe.each(ADAPTERS)("AuthGuard('jwks') and the options, on %s", (_, makeAdapter) => {
  const open: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });
  const started = async (options: Partial<JwksModuleOptions> = {}): Promise<{ issuer: TestIssuer; api: Api }> => {
    const issuer = await TestIssuer.start();
    const api = await startApi(makeAdapter, { ...issuer.options(), ...options } as JwksModuleOptions);
    open.push(issuer, api.app);
    return { issuer, api };
  };

  it('ends a chain of strategies while keys are unavailable: an outage is not a bad password', async () => {
    const { issuer, api } = await started({ prefetch: false, http: { retries: 0 } });
    const token = await issuer.sign();
    await issuer.down();
    const answer = await api.call('/jwks-first', { token, headers: { 'x-api-key': 'open sesame' } });
    expect(answer).toMatchObject({ status: 503, body: { code: 'jwks_unavailable' } });
  });

  it('lets the last application for an issuer have the name, until it closes', async () => {
    const { issuer, api: first } = await started({ tokenFrom: () => null });
    const token = await issuer.sign();
    expect((await first.call('/', { token })).status).toBe(401);
    const last = await startApi(makeAdapter, issuer.options() as JwksModuleOptions);
    expect((await first.call('/', { token })).status).toBe(200);
    await last[Symbol.asyncDispose]();
    expect((await first.call('/', { token })).status).toBe(401);
  });

  it('takes the extractors of passport-jwt', async () => {
    const cookie = (request: { headers: { cookie?: string } }) =>
      /(?:^|; )jwt=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? null;
    const { issuer, api } = await started({
      tokenFrom: ExtractJwt.fromExtractors([
        ExtractJwt.fromHeader('x-token'),
        cookie,
        ExtractJwt.fromUrlQueryParameter('token'),
      ]) as JwksModuleOptions['tokenFrom'],
    });
    const token = await issuer.sign();
    for (const path of ['/', '/both']) {
      const statusOf = async (query: string, headers: Record<string, string> = {}) =>
        (await api.call(`${path}${query}`, { headers })).status;
      expect(await statusOf('', { 'x-token': token })).toBe(200);
      expect(await statusOf('', { cookie: `a=b; jwt=${token}` })).toBe(200);
      expect(await statusOf(`?token=${token}`)).toBe(200);
      expect(await statusOf('', { authorization: `Bearer ${token}` })).toBe(401);
      expect(await statusOf('', { cookie: 'jwt=' })).toBe(401);
      expect(await statusOf(`?token=${token}&token=${token}`)).toBe(400);
    }
  });

  it.each([
    ['throws', () => JSON.parse('{') as string],
    ['finds a figure', () => 42 as unknown as string],
    ['finds an object', () => ({ length: 3 }) as unknown as string],
  ])('rejects where the extractor %s', async (_name, tokenFrom) => {
    const { api } = await started({ tokenFrom });
    await expect(api.call('/')).resolves.toMatchObject({ status: 401, body: { code: 'token_malformed' } });
    await expect(api.call('/both')).resolves.toMatchObject({ status: 401, body: { code: 'token_malformed' } });
  });

  it('throws on what is no fault of the token, and serves on', async () => {
    const { issuer, api } = await started({ validate: () => undefined });
    await expect(api.call('/', { token: await issuer.sign({ sub: 'alice' }) })).resolves.toMatchObject({
      status: 200,
      body: { user: { claims: { sub: 'alice' } } },
    });
  });
});
