import { ForbiddenException, type ExecutionContext } from '@nestjs/common';
import { Reflector, type HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { describe, expect, it } from 'vitest';
import { Authenticated } from '../../lib/auth/decorators.js';
import { JwksAuthGuard } from '../../lib/auth/jwks-auth.guard.js';
import { attachedOf, bindToRequest } from '../../lib/auth/invocation.js';
import { attachTo } from '../../lib/auth/request/request-context.js';
import type { AuthenticatedOptions } from '../../lib/auth/route-options.js';
import type { Authentication } from '../../lib/auth/verification.js';
import { TokenExpiredError } from '../../lib/core/errors.js';
import {
  bearer,
  contextOf,
  httpRequest,
  kafkaContext,
  nodeRequest,
  tcpContext,
  type Place,
} from './support/contexts.js';
import { FakeJwks } from './support/fake-jwks.js';

const adapterHost = {
  httpAdapter: { isHeadersSent: () => false, setHeader: () => undefined },
} as unknown as HttpAdapterHost;

const guardOf = (jwks: FakeJwks, Guard = JwksAuthGuard): JwksAuthGuard =>
  new Guard(jwks.asService(), new Reflector(), adapterHost);

/** Finds no request of its own, whatever Nest hands over. */
class Blind extends JwksAuthGuard {
  protected override getRequest(): unknown {
    return null;
  }
}

function on(options: AuthenticatedOptions): Place {
  class Controller {
    handle(): void {}
  }
  Authenticated(options)(
    Controller.prototype,
    'handle',
    Object.getOwnPropertyDescriptor(Controller.prototype, 'handle')!,
  );
  return { controller: Controller, handler: Controller.prototype.handle };
}

const http = (headers: Record<string, unknown>, place?: Place) => contextOf('http', [httpRequest(headers), {}], place);

describe('JwksAuthGuard, where nothing has to be waited for', () => {
  it('accepts at once', () => {
    const context = http(bearer('good'));
    expect(guardOf(new FakeJwks().trustAtOnce('good')).canActivate(context)).toBe(true);
    expect(attachedOf(context)?.authentication.accessToken).toBe('good');
  });

  it('accepts at once with scopes and claims that are asked for', () => {
    const place = on({ scopes: ['a'], claims: { org: 'acme', level: (value) => value === 3 } });
    const jwks = new FakeJwks().trustAtOnce('good', { scope: 'a', org: 'acme', level: 3 });
    expect(guardOf(jwks).canActivate(http(bearer('good'), place))).toBe(true);
  });

  it('accepts at once without a token on an optional route', () => {
    expect(guardOf(new FakeJwks()).canActivate(http({}, on({ optional: true })))).toBe(true);
  });

  it('takes the header for no credentials where a subclass looks for tokens elsewhere', async () => {
    class FromCookie extends JwksAuthGuard {
      protected override getToken(): string | undefined {
        return undefined;
      }
    }
    const basic = () => http({ authorization: 'Basic dXNlcjpwYXNz' }, on({ optional: true }));
    const [Guard, Cookie] = [JwksAuthGuard, FromCookie].map((each) => guardOf(new FakeJwks(), each));
    await expect(Guard?.canActivate(basic())).rejects.toMatchObject({ response: { code: 'token_missing' } });
    expect(Cookie?.canActivate(basic())).toBe(true);
  });

  it('waits for a predicate that does not answer at once', async () => {
    const jwks = new FakeJwks().trustAtOnce('good', { org: 'acme' });
    const asks = (accepts: boolean) => http(bearer('good'), on({ claims: { org: async () => accepts } }));
    await expect(guardOf(jwks).canActivate(asks(true))).resolves.toBe(true);
    await expect(guardOf(jwks).canActivate(asks(false))).rejects.toMatchObject({ response: { code: 'access_denied' } });
    expect(jwks.reported).toEqual(['access_denied']);
  });

  it('gives the fields of a query the verification of the first at once', () => {
    const jwks = new FakeJwks().trustAtOnce('good');
    const request = nodeRequest(bearer('good'));
    const field = () => contextOf('graphql', [{}, {}, { req: request }, {}]);
    expect([field(), field()].map((context) => guardOf(jwks).canActivate(context))).toEqual([true, true]);
    expect(jwks.asked).toHaveLength(1);
  });

  it('rejects, and does not throw, where a token is rejected at once', async () => {
    const jwks = new FakeJwks();
    jwks.authenticate = () => {
      throw new TokenExpiredError();
    };
    const decision = guardOf(jwks).canActivate(http(bearer('old')));
    await expect(decision).rejects.toMatchObject({ response: { code: 'token_expired' } });
  });
});

describe('JwksAuthGuard, and what a route asks for', () => {
  it.each([{ audience: 'invoices' }, { issuer: 'https://id.example.com/' }])(
    'asks what a subclass says of issuer and audience: %j',
    (asked) => {
      class Elsewhere extends JwksAuthGuard {
        protected override getOptions(): AuthenticatedOptions {
          return asked;
        }
      }
      const jwks = new FakeJwks().trustAtOnce('good');
      expect(guardOf(jwks, Elsewhere).canActivate(http(bearer('good')))).toBe(true);
      expect(jwks.asked).toEqual([['good', asked]]);
    },
  );

  it('asks for a token where Nest names neither class nor handler', async () => {
    const nowhere = (headers: Record<string, string>) => new ExecutionContextHost([httpRequest(headers), {}]);
    const guard = guardOf(new FakeJwks().trustAtOnce('good'));
    await expect(guard.canActivate(nowhere({}))).rejects.toMatchObject({ response: { code: 'token_missing' } });
    expect(guard.canActivate(nowhere(bearer('good')))).toBe(true);
  });
});

describe('JwksAuthGuard, and what it reports', () => {
  it('reports nothing that is no fault of a token', async () => {
    class Closed extends JwksAuthGuard {
      protected override authorize(): void {
        throw new ForbiddenException('Closed');
      }
    }
    const jwks = new FakeJwks().trust('good');
    await expect(guardOf(jwks, Closed).canActivate(http(bearer('good')))).rejects.toThrow('Closed');
    expect(jwks.reported).toEqual([]);
  });
});

describe('JwksAuthGuard, beside guards of other kinds', () => {
  it('decides once for each kind, in whatever order they are asked', async () => {
    const kinds = [new FakeJwks(), new FakeJwks(), new FakeJwks()];
    const guards = kinds.map((jwks) => guardOf(jwks));
    const context = http({});
    for (const guard of [...guards, ...guards, ...guards.toReversed()])
      await expect(guard.canActivate(context)).rejects.toMatchObject({ response: { code: 'token_missing' } });
    expect(kinds.map(({ reported }) => reported)).toEqual([['token_missing'], ['token_missing'], ['token_missing']]);
  });
});

describe('JwksAuthGuard, and where the token is', () => {
  const tokenFrom = ({ data, headers }: { data?: { token?: string }; headers: Record<string, string> }) =>
    data?.token ?? headers['x-token'] ?? null;
  const extracting = () => {
    const jwks = new FakeJwks().trust('good');
    Object.assign(jwks.settings, { tokenFrom });
    return jwks;
  };

  it('asks `tokenFrom` of a message for what came with it, in the form of a request', async () => {
    const message = contextOf('rpc', [{ token: 'good' }, tcpContext()]);
    await expect(guardOf(extracting()).canActivate(message)).resolves.toBe(true);
  });

  it('asks `tokenFrom` for the request that a subclass found, and not for the message', async () => {
    class Elsewhere extends JwksAuthGuard {
      protected override getRequest(context: ExecutionContext): unknown {
        return context.getArgByIndex<{ request: unknown }>(0).request;
      }
    }
    const withToken = contextOf('rpc', [{ request: httpRequest({ 'x-token': 'good' }) }, kafkaContext({})]);
    await expect(guardOf(extracting(), Elsewhere).canActivate(withToken)).resolves.toBe(true);
    const inPayload = contextOf('rpc', [{ token: 'good', request: httpRequest({}) }, kafkaContext({})]);
    await expect(guardOf(extracting(), Elsewhere).canActivate(inPayload)).rejects.toMatchObject({
      error: { code: 'token_missing' },
    });
  });

  it.each([
    ['null', Blind, contextOf('http', [httpRequest({ 'x-token': 'good' }), {}])],
    ['undefined', JwksAuthGuard, contextOf('graphql', [{}, {}, {}, {}])],
  ])('asks `tokenFrom` for nothing where there is no request: %s', async (_, Guard, context) => {
    await expect(guardOf(extracting(), Guard).canActivate(context)).rejects.toMatchObject({
      response: { code: 'token_missing' },
    });
  });
});

describe('JwksAuthGuard, and what it attaches', () => {
  it('leaves the `auth` of a handshake alone', async () => {
    const handshake = { headers: {}, auth: { token: 'good' } };
    const client = { handshake };
    await expect(guardOf(new FakeJwks().trust('good')).canActivate(contextOf('ws', [client, {}]))).resolves.toBe(true);
    expect(handshake).toEqual({ headers: {}, auth: { token: 'good' } });
    expect(client).toEqual({ handshake });
  });

  it('puts it on the request that a subclass finds elsewhere, too', async () => {
    class Elsewhere extends JwksAuthGuard {
      protected override getRequest(context: ExecutionContext): unknown {
        return context.getArgByIndex<{ http: unknown }>(2).http;
      }
    }
    const graphql = { http: httpRequest(bearer('good')) };
    const context = contextOf('graphql', [{}, {}, graphql, {}]);
    await expect(guardOf(new FakeJwks().trust('good'), Elsewhere).canActivate(context)).resolves.toBe(true);
    expect(graphql).toHaveProperty('auth');
    expect(graphql.http).toHaveProperty('auth');
    expect(attachedOf(context)).toBeDefined();
  });

  it('leaves what another let a request in with, where it lets it in without a token itself', async () => {
    const request = httpRequest({});
    const authentication = { accessToken: 'abc', token: {}, user: { id: 1 } } as unknown as Authentication;
    attachTo(request, authentication);
    bindToRequest(request, { authentication, toException: async (error) => error });
    const context = contextOf('http', [request, {}], on({ optional: true }));
    expect(await guardOf(new FakeJwks()).canActivate(context)).toBe(true);
    expect(attachedOf(context)?.authentication).toBe(authentication);
    expect(request).toHaveProperty('user', { id: 1 });
  });
});
