import type { OutgoingHttpHeaders } from 'node:http';
import { Controller, Get, Injectable, UseGuards, type ExecutionContext, type Type } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Authenticated,
  Claims,
  JwksAuthGuard,
  JwksModule,
  Public,
  type AuthenticatedOptions,
  type ClaimsSchema,
} from '../../lib/index.js';
import { ProtectedResourceModule } from '../../lib/resource-metadata/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type CallOptions } from '../e2e/support/api.js';

const RESOURCE = 'https://api.example.com/mcp?tenant=a';
const METADATA = 'https://api.example.com/.well-known/oauth-protected-resource/mcp?tenant=a';

const never: ClaimsSchema = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
};

/** Takes the scopes of a route from the request, as a server of MCP does for tools. */
@Injectable()
class ToolGuard extends JwksAuthGuard {
  protected override getOptions(context: ExecutionContext): AuthenticatedOptions {
    const { query } = context.switchToHttp().getRequest<{ query: { tool?: string } }>();
    if (query.tool === undefined) throw new Error('There is no tool');
    return { scopes: [query.tool] };
  }
}

@Controller()
class Routes {
  @Get('plain')
  @Authenticated()
  plain() {
    return {};
  }

  @Get('scoped')
  @Authenticated({ scopes: ['notes:read', 'notes:list'], anyOfScopes: ['notes:write', 'notes:read'] })
  scoped() {
    return {};
  }

  @Get('optional')
  @Authenticated({ optional: true, scopes: ['notes:read'] })
  optional() {
    return {};
  }

  @Get('denied')
  @Authenticated({ claims: { tenant: 'b' } })
  denied() {
    return {};
  }

  @Get('unfit')
  @Authenticated()
  unfit(@Claims(never) _claims: unknown) {
    return {};
  }

  @Get('tool')
  @UseGuards(ToolGuard)
  tool() {
    return {};
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport() {
    return {};
  }

  @Get('passport-unfit')
  @UseGuards(AuthGuard('jwks'))
  passportUnfit(@Claims(never) _claims: unknown) {
    return {};
  }

  @Get('public')
  @Public()
  public() {
    return {};
  }
}

@Controller()
class Guarded {
  @Get('guarded')
  @Authenticated()
  guarded() {
    return {};
  }
}

describe.each(ADAPTERS)('challenges on %s', (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'notes' });
    api = await Api.start(makeAdapter, {
      imports: [
        JwksModule.forRoot({ ...issuer.options(), realm: 'notes' }),
        ProtectedResourceModule.forRoot({ resource: RESOURCE, scopesSupported: ['notes:read'] }),
      ],
      controllers: [Routes],
    });
  });

  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  /** What a client parses of the challenge, and the status. */
  async function challengeOf(path: string, options: CallOptions = {}): Promise<Record<string, unknown>> {
    const { status, headers } = await api.call(path, options);
    const header = headers['www-authenticate'];
    const response = new Response('{}', {
      status,
      headers: header === undefined ? {} : { 'www-authenticate': header },
    });
    const send = { [oauth.customFetch]: async () => response };
    const request = oauth.protectedResourceRequest('a', 'GET', new URL(RESOURCE), undefined, undefined, send);
    const error = await request.then(
      () => undefined,
      (thrown: unknown) => thrown as oauth.WWWAuthenticateChallengeError,
    );
    expect(error?.cause.map(({ scheme }) => scheme)).toEqual(['bearer']);
    return { status, ...error?.cause[0]?.parameters };
  }
  const always = { realm: 'notes', resource_metadata: METADATA };

  it('without a token name the metadata, and the scopes of a route that asks for some', async () => {
    expect(await challengeOf('/plain')).toEqual({ status: 401, ...always });
    const scope = 'notes:read notes:list notes:write';
    expect(await challengeOf('/scoped')).toEqual({ status: 401, ...always, scope });
    expect(await challengeOf('/passport')).toEqual({ status: 401, ...always });
    expect(await challengeOf('/optional', { headers: { authorization: 'Basic YTpi' } })).toEqual({
      status: 401,
      ...always,
      scope: 'notes:read',
    });
  });

  it('for a bad token name the metadata beside the error', async () => {
    for (const path of ['/plain', '/scoped', '/optional', '/passport']) {
      expect(await challengeOf(path, { token: 'a.b.c' })).toEqual({
        status: 401,
        ...always,
        error: 'invalid_token',
        error_description: 'The access token is malformed',
      });
    }
    const token = await issuer.sign({ scope: 'notes:read' });
    for (const path of ['/unfit', '/passport-unfit'])
      expect(await challengeOf(path, { token })).toMatchObject({ status: 401, ...always, error: 'invalid_token' });
  });

  it('for a token that is not enough name the metadata, and the scopes to ask for', async () => {
    const token = await issuer.sign({ scope: 'notes:read' });
    expect(await challengeOf('/scoped', { token })).toMatchObject({
      status: 403,
      ...always,
      error: 'insufficient_scope',
      scope: 'notes:read notes:list notes:write',
    });
    expect(await challengeOf('/denied', { token })).toEqual({ status: 403, ...always });
  });

  it('for two tokens name the metadata', async () => {
    const headers: Record<string, string[]> = { authorization: ['Bearer a', 'Bearer b'] };
    expect(await challengeOf('/plain', { headers: headers as OutgoingHttpHeaders })).toMatchObject({
      status: 400,
      ...always,
      error: 'invalid_request',
    });
  });

  it('M2: name the scopes that a subclass asks for, and stay challenges where it fails', async () => {
    expect(await challengeOf('/tool?tool=notes:delete')).toEqual({ status: 401, ...always, scope: 'notes:delete' });
    const token = await issuer.sign({ scope: 'notes:read' });
    const scoped = { status: 403, error: 'insufficient_scope', scope: 'notes:delete' };
    expect(await challengeOf('/tool?tool=notes:delete', { token })).toMatchObject(scoped);
    // Not a scope: an error of the application, which no request may turn into a header.
    for (const tool of ['a%22%2C%20b%3D%22', '%0D%0ASet-Cookie:a', '']) {
      const { status, headers } = await api.call(`/tool?tool=${tool}`);
      expect([status, headers['www-authenticate'], headers['set-cookie']]).toEqual([500, undefined, undefined]);
    }
    expect((await api.call('/tool')).status).toBe(500);
  });

  it('M1: say what is configured, whatever the request says of its host', async () => {
    for (const path of ['/scoped', '/passport']) {
      const lies = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' };
      expect(await challengeOf(path, { headers: lies })).toMatchObject(always);
    }
  });

  it('are absent where nothing is protected, and while keys are unavailable', async () => {
    expect((await api.call('/public')).headers).not.toHaveProperty('www-authenticate');
    await using down = await Api.start(makeAdapter, {
      imports: [
        JwksModule.forRoot({ issuer: 'http://127.0.0.1:9', audience: 'notes', http: { retries: 0 } }),
        ProtectedResourceModule.forRoot({ resource: RESOURCE }),
      ],
      controllers: [Guarded],
    });
    const token = await issuer.sign({ iss: 'http://127.0.0.1:9' });
    const { status, headers } = await down.call('/guarded', { token });
    expect([status, headers['www-authenticate']]).toEqual([503, undefined]);
  });
});

describe('two applications in one process with the same issuers', () => {
  it("M5: cannot both use AuthGuard('jwks') as different resources: one would name the metadata of the other", async () => {
    const jwks = JwksModule.forRoot({ issuer: 'https://id.example.com', audience: 'notes', prefetch: false });
    const start = (resource: string, controller = Routes as Type<unknown>) =>
      Api.start(ADAPTERS[0][1], {
        imports: [jwks, ProtectedResourceModule.forRoot({ resource })],
        controllers: [controller],
      });
    await using first = await start('https://api.example.com/a');
    await expect(start('https://api.example.com/b')).rejects.toThrow('for other issuers or another resource');
    await using same = await start('https://api.example.com/a');
    await using other = await start('https://api.example.com/b', Guarded);
    expect((await first.call('/passport')).headers['www-authenticate']).toContain('/a"');
    expect((await same.call('/passport')).headers['www-authenticate']).toContain('/a"');
    expect((await other.call('/guarded')).headers['www-authenticate']).toContain('/b"');
  });
});

describe('challenges of two schemes', () => {
  it('both name the metadata, and the scopes where there is no token', async () => {
    await using issuer = await TestIssuer.start();
    const imports = [
      JwksModule.forRoot({ ...issuer.options(), dpop: { algorithms: ['ES256'] } }),
      ProtectedResourceModule.forRoot({ resource: RESOURCE }),
    ];
    await using api = await Api.start(ADAPTERS[0][1], { imports, controllers: [Routes] });
    const { headers } = await api.call('/scoped');
    const scope = 'scope="notes:read notes:list notes:write"';
    const metadata = `resource_metadata="${METADATA}"`;
    expect(headers['www-authenticate']).toBe(`Bearer ${scope}, ${metadata}, DPoP ${scope}, ${metadata}, algs="ES256"`);
    const refused = await api.call('/plain', { token: 'nonsense' });
    expect(refused.headers['www-authenticate']).toBe(
      `Bearer error="invalid_token", error_description="The access token is malformed", ${metadata}, DPoP ${metadata}, algs="ES256"`,
    );
  });
});
