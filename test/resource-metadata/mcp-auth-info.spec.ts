import { Controller, Get, Req, UseGuards, type ModuleMetadata } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksAuthGuard, JwksModule, Public, type JwksModuleOptions } from '../../lib/index.js';
import { toMcpAuthInfo } from '../../lib/auth/mcp-auth-info.js';
import type { Authentication } from '../../lib/client/authentication.js';
import { mcpAuthInfo, ProtectedResourceModule } from '../../lib/resource-metadata/index.js';
import { actingAs, TestIssuer, type TestClaims } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';

const RESOURCE = 'https://api.example.com/mcp';

interface AnyRequest {
  auth?: unknown;
  raw?: { auth?: unknown };
  query: Record<string, string>;
}

/** What a handler, and a transport of the SDK, find. */
function found(request: AnyRequest, claims?: unknown) {
  if (request.query['forge']) request.auth = { token: 'forged', clientId: 'evil', scopes: ['admin'] };
  const info: AuthInfo | undefined = mcpAuthInfo(request);
  return { info, auth: request.auth, node: (request.raw ?? request).auth, claims };
}

@Controller()
class Routes {
  @Get('guard')
  @Authenticated()
  guard(@Req() request: AnyRequest, @Claims() claims: unknown) {
    return found(request, claims);
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport(@Req() request: AnyRequest, @Claims() claims: unknown) {
    return found(request, claims);
  }

  @Get('optional')
  @Authenticated({ optional: true })
  optional(@Req() request: AnyRequest) {
    return found(request);
  }

  @Get('public')
  @Public()
  public(@Req() request: AnyRequest) {
    return found(request);
  }
}

type Found = { info?: AuthInfo & { resource?: string }; auth?: unknown; node?: unknown; claims?: unknown };

describe.each(ADAPTERS)('the AuthInfo of the MCP SDK on %s', (name, makeAdapter) => {
  let issuer: TestIssuer;
  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: RESOURCE });
  });
  afterAll(() => issuer.close());

  function start(options: Partial<JwksModuleOptions> = {}, imports: ModuleMetadata['imports'] = []): Promise<Api> {
    const jwks = JwksModule.forRoot({ ...issuer.options(), ...options } as JwksModuleOptions);
    return Api.start(makeAdapter, { imports: [jwks, ...imports], controllers: [Routes] });
  }

  const resource = ProtectedResourceModule.forRoot({ resource: RESOURCE });

  async function get(api: Api, path: string, token?: string): Promise<Found> {
    const { status, body } = await api.call(path, { token });
    expect(status).toBe(200);
    return body as Found;
  }

  it('holds what was verified', async () => {
    await using api = await start({}, [resource]);
    const token = await issuer.sign({ sub: 'alice', client_id: 'shop', azp: 'other', scope: 'notes:read notes:write' });
    for (const path of ['/guard', '/passport', '/optional']) {
      const { info } = await get(api, path, token);
      expect(info, path).toEqual({
        token,
        clientId: 'shop',
        scopes: ['notes:read', 'notes:write'],
        expiresAt: expect.any(Number) as number,
        resource: RESOURCE,
        extra: {
          claims: expect.objectContaining({ sub: 'alice' }) as object,
          user: expect.objectContaining({ issuer: issuer.issuer }) as object,
        },
      });
    }
  });

  it('takes client_id, else azp, else nothing, and only text', async () => {
    await using api = await start();
    const clientOf = async (claims: TestClaims) => (await get(api, '/guard', await issuer.sign(claims))).info?.clientId;
    expect(await clientOf({ azp: 'portal' })).toBe('portal');
    expect(await clientOf({ client_id: 7, azp: 'portal' })).toBe('portal');
    expect(await clientOf({ client_id: ['shop'] })).toBe('');
    expect(await clientOf({})).toBe('');
  });

  it('has the scopes that routes are checked against', async () => {
    const scopesOf = async (options: Partial<JwksModuleOptions>, claims: TestClaims) => {
      await using api = await start(options);
      return (await get(api, '/guard', await issuer.sign(claims))).info?.scopes;
    };
    expect(await scopesOf({}, { scope: ' a  b a', scp: ['c'], permissions: ['d', 7] })).toEqual(['a', 'b', 'c', 'd']);
    expect(await scopesOf({}, {})).toEqual([]);
    expect(await scopesOf({ scopesFrom: ['realm.roles'] }, { scope: 'a', realm: { roles: ['x'] } })).toEqual(['x']);
    const scopesFrom = () => {
      throw new Error('no');
    };
    expect(await scopesOf({ scopesFrom }, { scope: 'a' })).toEqual([]);
  });

  it('M7: names the resource only where the token is for it', async () => {
    await using api = await start({ audience: false }, [resource]);
    const resourceOf = async (aud: string | string[]) =>
      (await get(api, '/guard', await issuer.sign({ aud }))).info?.resource;
    expect(await resourceOf([RESOURCE, 'other'])).toBe(RESOURCE);
    expect(await resourceOf('https://api.example.com/mcp/')).toBeUndefined();
    expect(await resourceOf('https://other.example.com')).toBeUndefined();
  });

  it('names no resource without ProtectedResourceModule', async () => {
    await using api = await start();
    expect((await get(api, '/guard', await issuer.sign({}))).info).not.toHaveProperty('resource');
  });

  it('M6: is undefined for a request that was accepted without a token, whatever stands on it', async () => {
    await using api = await start();
    const token = await issuer.sign({});
    for (const path of ['/optional', '/public', '/optional?forge=1', '/public?forge=1'])
      expect((await get(api, path)).info, path).toBeUndefined();
    expect((await get(api, '/public', token)).info).toBeUndefined();
    expect((await get(api, '/guard?forge=1', token)).info).toMatchObject({ token });
  });

  it('stands on the request and on the one of Node with attach', async () => {
    await using api = await start({ attach: { auth: 'mcp' } }, [resource]);
    const token = await issuer.sign({ sub: 'alice', client_id: 'shop', scope: 'notes:read' });
    for (const path of ['/guard', '/passport', '/optional']) {
      const { info, auth, node, claims } = await get(api, path, token);
      expect(info).toMatchObject({ token, clientId: 'shop' });
      expect(auth, path).toEqual(info);
      expect(node, path).toEqual(info);
      if (path !== '/optional') expect(claims).toMatchObject({ sub: 'alice' });
    }
    for (const path of ['/optional', '/public']) expect(await get(api, path)).toEqual({});
  });

  it('leaves the verified token where it was without attach', async () => {
    await using api = await start();
    const { auth, node } = await get(api, '/guard', await issuer.sign({ sub: 'alice' }));
    expect(auth).toMatchObject({ claims: { sub: 'alice' } });
    expect(node).toEqual(name === 'Fastify' ? undefined : auth);
  });

  it('is there for tests without tokens', async () => {
    const { Test } = await import('@nestjs/testing');
    const guard = actingAs({ sub: 'alice', client_id: 'shop' }, { scopes: ['notes:read'], attach: { auth: 'mcp' } });
    const module = await Test.createTestingModule({ controllers: [Routes] })
      .overrideGuard(JwksAuthGuard)
      .useValue(guard)
      .overrideGuard(AuthGuard('jwks'))
      .useValue(guard)
      .compile();
    const app = module.createNestApplication(makeAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const { info, auth, node } = (await (await fetch(`${await app.getUrl()}/guard`)).json()) as Found;
    expect(info).toMatchObject({ clientId: 'shop', scopes: ['notes:read'] });
    expect([auth, node]).toEqual([info, info]);
    await app.close();
  });
});

describe('mcpAuthInfo', () => {
  const names = ['client_id', 'azp', 'exp', 'aud', 'scope'];
  afterEach(() => {
    for (const name of names) delete (Object.prototype as Record<string, unknown>)[name];
  });

  it('M4: reads claims that the token has itself', () => {
    const claims = { sub: 'alice' };
    for (const name of names) (Object.prototype as Record<string, unknown>)[name] = RESOURCE;
    const authentication = { accessToken: 'a', token: { claims }, user: 'alice' } as unknown as Authentication;
    const info = toMcpAuthInfo(authentication, { identifier: RESOURCE, metadataUrl: RESOURCE });
    expect(info).toEqual({ token: 'a', clientId: '', scopes: [], extra: { claims, user: 'alice' } });
    expect(Object.hasOwn(info, 'resource') || Object.hasOwn(info, 'expiresAt')).toBe(false);
  });

  it('knows nothing of other objects', () => {
    for (const request of [{}, { auth: { token: 'a' } }, undefined, null, 'text', Object.create(null)])
      expect(mcpAuthInfo(request as object)).toBeUndefined();
  });
});

describe('the option attach', () => {
  it.each([
    [{}],
    [{ auth: undefined }],
    [{ auth: 'token' }],
    [{ auth: true }],
    ['mcp'],
    [null],
    [{ auth: 'mcp', user: 'a' }],
  ])('does not take %j', async (attach) => {
    const jwks = JwksModule.forRoot({ issuer: 'https://a.example', audience: 'a', attach } as never);
    await expect(Api.start(ADAPTERS[0][1], { imports: [jwks] })).rejects.toMatchObject({
      name: 'JwksConfigurationError',
      option: expect.stringMatching(/^attach/) as string,
    });
  });
});
