import { ForbiddenException, HttpException, type ExecutionContext } from '@nestjs/common';
import { Reflector, type HttpAdapterHost } from '@nestjs/core';
import { RpcException } from '@nestjs/microservices';
import { WsException } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import { Authenticated, Public } from '../../lib/auth/decorators.js';
import { JwksAuthGuard } from '../../lib/auth/jwks-auth.guard.js';
import { attachedOf } from '../../lib/auth/invocation.js';
import type { AuthenticatedOptions } from '../../lib/auth/route-options.js';
import {
  JwksConfigurationError,
  JwksConnectionError,
  TokenExpiredError,
  TokenRefusedError,
} from '../../lib/core/errors.js';
import { bearer, contextOf, httpRequest, nodeRequest, natsContext, type Place } from './support/contexts.js';
import { FakeJwks } from './support/fake-jwks.js';

class FakeResponse {
  readonly headers: Record<string, string> = {};
  sent = false;
}

const adapterHost = {
  httpAdapter: {
    isHeadersSent: (response: FakeResponse) => response.sent,
    setHeader: (response: FakeResponse, name: string, value: string) => {
      response.headers[name] = value;
    },
  },
} as unknown as HttpAdapterHost;

const guardOf = (jwks: FakeJwks, Guard = JwksAuthGuard): JwksAuthGuard =>
  new Guard(jwks.asService(), new Reflector(), adapterHost);

function http(
  token?: string,
  place?: Place,
): { context: ExecutionContext; request: Record<string, unknown>; response: FakeResponse } {
  const request = httpRequest(token === undefined ? {} : bearer(token));
  const response = new FakeResponse();
  return { context: contextOf('http', [request, response], place), request, response };
}

/** A place in a controller with these options on the handler, the class, or both. */
function placeOf(handler?: ClassDecorator & MethodDecorator, controller?: ClassDecorator & MethodDecorator): Place {
  class Controller {
    handle(): void {}
  }
  handler?.(Controller.prototype, 'handle', Object.getOwnPropertyDescriptor(Controller.prototype, 'handle')!);
  controller?.(Controller);
  return { controller: Controller, handler: Controller.prototype.handle };
}

const on = (options: AuthenticatedOptions) => placeOf(Authenticated(options));

async function errorResponseOf(decision: boolean | Promise<boolean>): Promise<unknown> {
  const outcome: unknown = await Promise.resolve(decision).then(
    () => new Error('The request was let in'),
    (error: unknown) => error,
  );
  return outcome instanceof HttpException ? outcome.getResponse() : outcome;
}

describe('JwksAuthGuard', () => {
  it('accepts a good token, and puts the user and the token on the request', async () => {
    const jwks = new FakeJwks().trust('good', { sub: 'alice' }, { id: 7 });
    const { context, request } = http('good');
    await expect(guardOf(jwks).canActivate(context)).resolves.toBe(true);
    expect(request).toMatchObject({ user: { id: 7 }, auth: { claims: { sub: 'alice' } } });
    expect(attachedOf(context)?.authentication).toMatchObject({ accessToken: 'good', user: { id: 7 } });
    expect(jwks.asked).toEqual([['good', undefined]]);
    expect(jwks.reported).toEqual([]);
  });

  it('rejects a bad token with its status, challenge and body, and leaves the request as it was', async () => {
    const jwks = new FakeJwks().reject('old', new TokenExpiredError());
    const { context, request, response } = http('old');
    await expect(errorResponseOf(guardOf(jwks).canActivate(context))).resolves.toMatchObject({
      statusCode: 401,
      code: 'token_expired',
    });
    expect(response.headers).toEqual({
      'WWW-Authenticate': 'Bearer error="invalid_token", error_description="The access token has expired"',
    });
    expect(request).not.toHaveProperty('auth');
    expect(request).not.toHaveProperty('user');
    expect(attachedOf(context)).toBeUndefined();
  });

  it('rejects a request without a token, reports the service, and asks it nothing', async () => {
    const jwks = new FakeJwks();
    Object.assign(jwks.settings, { realm: 'orders' });
    const { context, response } = http();
    await expect(errorResponseOf(guardOf(jwks).canActivate(context))).resolves.toMatchObject({
      statusCode: 401,
      code: 'token_missing',
    });
    expect(response.headers).toEqual({ 'WWW-Authenticate': 'Bearer realm="orders"' });
    expect(jwks.asked).toEqual([]);
    expect(jwks.reported).toEqual(['token_missing']);
  });

  it('reports the service of what it rejects itself, and of nothing that the service rejected', async () => {
    const jwks = new FakeJwks().trust('good', { scope: 'a', org: 'acme' });
    const guard = guardOf(jwks);
    await errorResponseOf(guard.canActivate(http('a b').context));
    await errorResponseOf(guard.canActivate(http('').context));
    await errorResponseOf(guard.canActivate(http('unknown').context));
    await errorResponseOf(guard.canActivate(http('good', on({ scopes: ['b'] })).context));
    await errorResponseOf(guard.canActivate(http('good', on({ claims: { org: 'other' } })).context));
    expect(jwks.reported).toEqual(['invalid_request', 'token_missing', 'insufficient_scope', 'access_denied']);
  });

  it('answers 503 with Retry-After while keys are unavailable', async () => {
    const jwks = new FakeJwks().reject('any', new JwksConnectionError('down', { retryAfter: 2500 }));
    const { context, response } = http('any');
    await expect(errorResponseOf(guardOf(jwks).canActivate(context))).resolves.toMatchObject({
      statusCode: 503,
      code: 'jwks_unavailable',
    });
    expect(response.headers).toEqual({ 'Retry-After': '3' });
  });

  it('lets an HttpException of validate through, without headers of ours', async () => {
    const chosen = new ForbiddenException('No licence');
    const jwks = new FakeJwks().reject('any', new TokenRefusedError(undefined, { cause: chosen }));
    const { context, response } = http('any');
    await expect(guardOf(jwks).canActivate(context)).rejects.toBe(chosen);
    expect(response.headers).toEqual({});
  });

  it.each([new JwksConfigurationError('bad'), new TypeError('bug')])(
    'throws on what is no fault of the token: %s',
    async (error) => {
      const jwks = new FakeJwks().reject('any', error);
      const { context, response } = http('any');
      await expect(guardOf(jwks).canActivate(context)).rejects.toBe(error);
      expect(response.headers).toEqual({});
    },
  );

  it('sets no headers on a response that is on its way', async () => {
    const { context, response } = http();
    response.sent = true;
    await errorResponseOf(guardOf(new FakeJwks()).canActivate(context));
    expect(response.headers).toEqual({});
  });

  it('takes the token from where `tokenFrom` finds it, and looks nowhere else', async () => {
    const jwks = new FakeJwks().trust('cookie');
    Object.assign(jwks.settings, {
      tokenFrom: (request: { cookies?: { jwt?: string } }) => request.cookies?.jwt ?? null,
    });
    const { context, request } = http('header');
    await expect(errorResponseOf(guardOf(jwks).canActivate(context))).resolves.toMatchObject({ code: 'token_missing' });
    const next = contextOf('http', [{ ...request, cookies: { jwt: 'cookie' } }, new FakeResponse()]);
    await expect(guardOf(jwks).canActivate(next)).resolves.toBe(true);
  });
});

describe('JwksAuthGuard, once for each request', () => {
  it('decides once for a context, however many instances of it stand there', async () => {
    const jwks = new FakeJwks().trust('good');
    const { context } = http('good');
    const decisions = [guardOf(jwks), guardOf(jwks), guardOf(jwks)].map((guard) => guard.canActivate(context));
    await expect(Promise.all(decisions)).resolves.toEqual([true, true, true]);
    expect(jwks.asked).toHaveLength(1);
  });

  it('reports a rejection once', async () => {
    const jwks = new FakeJwks();
    const { context } = http();
    await Promise.allSettled([guardOf(jwks).canActivate(context), guardOf(jwks).canActivate(context)]);
    expect(jwks.reported).toEqual(['token_missing']);
  });

  it('does not take a `request.auth` that it finds for a verification', async () => {
    const { context, request } = http();
    Object.assign(request, { auth: { claims: { sub: 'mallory' } }, user: { id: 0 } });
    await expect(errorResponseOf(guardOf(new FakeJwks()).canActivate(context))).resolves.toMatchObject({
      code: 'token_missing',
    });
  });

  it('lets the fields of a query share a verification, and validates each by its own rules', async () => {
    const jwks = new FakeJwks().trust('good', { scope: 'a' });
    const guard = guardOf(jwks);
    const request = nodeRequest(bearer('good'));
    const field = (place?: Place) => contextOf('graphql', [{}, {}, { req: request }, {}], place);
    const decisions = [field(), field(on({ scopes: ['a'] })), field(on({ scopes: ['b'] }))].map((context) =>
      guard.canActivate(context),
    );
    const outcomes = await Promise.allSettled(decisions);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(jwks.asked).toHaveLength(1);
  });

  it('does not let fields share that name another issuer or audience', async () => {
    const jwks = new FakeJwks().trust('good');
    const guard = guardOf(jwks);
    const request = nodeRequest(bearer('good'));
    const options = [{}, { audience: 'b' }, { audience: 'b' }, { issuer: 'https://b' }, { audience: false as const }];
    for (const option of options)
      await guard.canActivate(contextOf('graphql', [{}, {}, { req: request }, {}], on(option)));
    expect(jwks.asked.map(([, asked]) => asked)).toEqual([
      undefined,
      { audience: 'b' },
      { issuer: 'https://b' },
      { audience: false },
    ]);
  });

  it('does not let two applications share, nor a request whose token changed', async () => {
    const [one, other] = [new FakeJwks().trust('good').trust('next'), new FakeJwks()];
    const { context, request, response } = http('good');
    await guardOf(one).canActivate(context);
    await expect(errorResponseOf(guardOf(other).canActivate(context))).resolves.toMatchObject({
      code: 'signature_invalid',
    });
    request['headers'] = bearer('next');
    await guardOf(one).canActivate(contextOf('http', [request, response]));
    expect(one.asked.map(([token]) => token)).toEqual(['good', 'next']);
  });

  it('verifies every message of a WebSocket: the token may have expired since the last', async () => {
    const jwks = new FakeJwks().trust('good');
    const client = { handshake: { headers: bearer('good') } };
    await guardOf(jwks).canActivate(contextOf('ws', [client, 'one']));
    await guardOf(jwks).canActivate(contextOf('ws', [client, 'two']));
    jwks.reject('good', new TokenExpiredError());
    const context = contextOf('ws', [client, 'three']);
    await expect(guardOf(jwks).canActivate(context)).rejects.toBeInstanceOf(WsException);
    expect(jwks.asked).toHaveLength(3);
    expect(() => attachedOf(context)).toThrow('authentication of this message was lost');
  });

  it('keeps a subclass from standing in for its parent, and instances of it from standing in for each other', async () => {
    class Refusing extends JwksAuthGuard {
      protected override async authorize(): Promise<void> {
        throw new ForbiddenException('Closed');
      }
    }
    const jwks = new FakeJwks().trust('good');
    const { context } = http('good');
    await guardOf(jwks).canActivate(context);
    await expect(errorResponseOf(guardOf(jwks, Refusing).canActivate(context))).resolves.toMatchObject({
      message: 'Closed',
    });
    expect(jwks.asked).toHaveLength(1);
  });
});

describe('JwksAuthGuard, where the application has replaced the global Promise', () => {
  const native = globalThis.Promise;
  afterEach(() => {
    globalThis.Promise = native;
  });

  it.each(['unknown', undefined])('takes no promise for an answer: the token %s', async (token) => {
    globalThis.Promise = class Replaced<T> extends native<T> {};
    const { context, request } = http(token);
    await expect(guardOf(new FakeJwks()).canActivate(context)).rejects.toBeInstanceOf(HttpException);
    expect(request).not.toHaveProperty('auth');
  });

  it('waits for what a subclass finds', async () => {
    class Async extends JwksAuthGuard {
      protected override async getToken(): Promise<string | undefined> {
        return 'good';
      }

      protected override async authorize(): Promise<void> {
        throw new ForbiddenException('Closed');
      }
    }
    globalThis.Promise = class Replaced<T> extends native<T> {};
    const { context } = http();
    const decision = guardOf(new FakeJwks().trust('good'), Async).canActivate(context);
    await expect(decision).rejects.toBeInstanceOf(ForbiddenException);
  });
});

describe('JwksAuthGuard, the rules of a route', () => {
  const accepts = async (token: string | undefined, place: Place): Promise<boolean> => {
    const jwks = new FakeJwks().trust('good', { scope: 'a' });
    try {
      return await guardOf(jwks).canActivate(http(token, place).context);
    } catch {
      return false;
    }
  };

  it.each([
    ['nothing', placeOf(), false],
    ['@Authenticated on the handler', placeOf(Authenticated()), false],
    ['@Public on the handler', placeOf(Public()), true],
    ['@Public on the class', placeOf(undefined, Public()), true],
    ['@Public on a handler of an @Authenticated class', placeOf(Public(), Authenticated()), true],
    ['@Authenticated on a handler of a @Public class', placeOf(Authenticated(), Public()), false],
    ['optional on the class', placeOf(undefined, Authenticated({ optional: true })), true],
    ['plain on a handler of an optional class', placeOf(Authenticated(), Authenticated({ optional: true })), false],
  ])('without a token: %s', async (_, place, admitted) => {
    await expect(accepts(undefined, place)).resolves.toBe(admitted);
  });

  it.each([
    ['optional', on({ optional: true })],
    ['mandatory', on({})],
  ])('rejects a bad token whether or not one is needed: %s', async (_, place) => {
    await expect(accepts('bad', place)).resolves.toBe(false);
    await expect(accepts('a b', place)).resolves.toBe(false);
  });

  it('takes the options of the handler in place of those of the class, as a whole', async () => {
    await expect(
      accepts('good', placeOf(Authenticated({ scopes: ['a'] }), Authenticated({ scopes: ['b'] }))),
    ).resolves.toBe(true);
    await expect(
      accepts('good', placeOf(Authenticated({ scopes: ['b'] }), Authenticated({ scopes: ['a'] }))),
    ).resolves.toBe(false);
    await expect(accepts('good', placeOf(Authenticated(), Authenticated({ scopes: ['b'] })))).resolves.toBe(true);
    await expect(accepts('good', placeOf(undefined, Authenticated({ scopes: ['b'] })))).resolves.toBe(false);
  });

  it('reports inherited handlers apart by the class that they are served from', async () => {
    class Base {
      handle(): void {}
    }
    class Open extends Base {}
    class Closed extends Base {}
    Public()(Open);
    Authenticated({ scopes: ['b'] })(Closed);
    const { handle: handler } = Base.prototype;
    await expect(accepts(undefined, { controller: Open, handler })).resolves.toBe(true);
    await expect(accepts('good', { controller: Closed, handler })).resolves.toBe(false);
    await expect(accepts('good', { controller: Base, handler })).resolves.toBe(true);
  });

  it('gives a subclass the rules of its parent, unless it has some itself', async () => {
    class Parent {
      handle(): void {}
    }
    Authenticated({ scopes: ['b'] })(Parent);
    class Child extends Parent {}
    class Lenient extends Parent {}
    Authenticated()(Lenient);
    const { handle: handler } = Parent.prototype;
    await expect(accepts('good', { controller: Child, handler })).resolves.toBe(false);
    await expect(accepts('good', { controller: Lenient, handler })).resolves.toBe(true);
  });

  it('reads the metadata of a handler once', async () => {
    let reads = 0;
    const reflector = new Reflector();
    const counting = Object.assign(Object.create(reflector) as Reflector, {
      getAllAndOverride: (...args: Parameters<Reflector['getAllAndOverride']>) => {
        reads += 1;
        return reflector.getAllAndOverride(...args);
      },
    });
    const guard = new JwksAuthGuard(new FakeJwks().trust('good').asService(), counting, adapterHost);
    const place = on({});
    for (let request = 0; request < 3; request += 1) await guard.canActivate(http('good', place).context);
    expect(reads).toBe(1);
  });
});

describe('JwksAuthGuard, beyond HTTP', () => {
  const good = () => new FakeJwks().trust('good', { sub: 'alice' }, { id: 7 });
  const request = () => httpRequest(bearer('good'));
  const attached = { user: { id: 7 }, auth: { claims: { sub: 'alice' } } };

  it.each([
    ['a resolver', (carrier: object) => contextOf('graphql', [{}, {}, { req: carrier }, {}]), request],
    ['a reference resolver', (carrier: object) => contextOf('graphql', [{}, { req: carrier }, {}]), request],
    [
      'a subscription',
      (carrier: object) => contextOf('graphql', [{}, {}, { extra: { request: carrier } }, {}]),
      request,
    ],
    [
      'a gateway',
      (carrier: object) => contextOf('ws', [carrier, {}]),
      () => ({ handshake: { headers: bearer('good') } }),
    ],
    [
      'a message',
      (carrier: object) => contextOf('rpc', [{}, carrier]),
      () => natsContext({ authorization: ['Bearer good'] }),
    ],
  ])('accepts a good token: %s', async (_, contextWith, carrierWith) => {
    const carrier: object = carrierWith();
    const context = contextWith(carrier);
    await expect(guardOf(good()).canActivate(context)).resolves.toBe(true);
    if (context.getType<string>() !== 'ws') expect(carrier).toMatchObject(attached);
    expect(attachedOf(context)?.authentication).toMatchObject({ user: { id: 7 } });
  });

  it.each([
    ['graphql', [{}, {}, { req: httpRequest({}), res: {} }, {}], HttpException],
    ['ws', [{ handshake: { headers: {} } }, {}], WsException],
    ['rpc', [{}, natsContext(undefined)], RpcException],
    ['telegraf', [{}, {}], HttpException],
    ['ws', [], WsException],
    ['rpc', [], RpcException],
    ['graphql', [], HttpException],
  ])('rejects what has no token: %s', async (type, args, Exception) => {
    await expect(guardOf(good()).canActivate(contextOf(type, args))).rejects.toBeInstanceOf(Exception);
  });

  it('keeps the authentications of the messages of one client apart', async () => {
    class MessageGuard extends JwksAuthGuard {
      protected override async getToken(_request: unknown, context: ExecutionContext): Promise<string | undefined> {
        return context.switchToWs().getData<{ token?: string }>().token;
      }
    }
    const client = {};
    const jwks = new FakeJwks().trust('a').trust('b');
    const guard = guardOf(jwks, MessageGuard);
    const message = (data: object) => contextOf('ws', [client, data, 'pattern'], on({ optional: true }));
    const messages = [message({ token: 'a' }), message({}), message({ token: 'b' })];
    await Promise.all(messages.map((context) => guard.canActivate(context)));
    expect(messages.map((context) => attachedOf(context)?.authentication.accessToken)).toEqual(['a', undefined, 'b']);
    expect(client).toEqual({});
    for (const context of messages) {
      expect(context.switchToWs().getClient()).toBe(client);
      expect(context.switchToWs().getPattern()).toBe('pattern');
    }
  });

  it('has each step overridden', async () => {
    class Elsewhere extends JwksAuthGuard {
      protected override getRequest(context: ExecutionContext): unknown {
        return context.getArgByIndex<{ http: unknown }>(2).http;
      }

      protected override getOptions(): AuthenticatedOptions {
        return { scopes: ['a'] };
      }

      protected override async toException(error: unknown): Promise<unknown> {
        return new Error('Refused', { cause: error });
      }
    }
    const jwks = new FakeJwks().trust('good', { scope: 'a' }).trust('poor', {});
    const contextWith = (carrier: unknown) => contextOf('graphql', [{}, {}, { http: carrier }, {}]);
    const carrier = httpRequest(bearer('good'));
    await expect(guardOf(jwks, Elsewhere).canActivate(contextWith(carrier))).resolves.toBe(true);
    expect(carrier).toMatchObject({ auth: { claims: { scope: 'a' } } });
    await expect(guardOf(jwks, Elsewhere).canActivate(contextWith(httpRequest(bearer('poor'))))).rejects.toMatchObject({
      message: 'Refused',
      cause: { code: 'insufficient_scope' },
    });
  });

  it('takes the token that a subclass before it found, and validates it by the same rules', async () => {
    class Elsewhere extends JwksAuthGuard {
      protected override getRequest(context: ExecutionContext): unknown {
        return context.getArgByIndex<{ http: unknown }>(2).http;
      }
    }
    class Lenient extends Elsewhere {
      protected override getOptions(): AuthenticatedOptions {
        return { optional: true };
      }
    }
    const jwks = new FakeJwks().trust('good', { scope: 'a' });
    const contextWith = (headers: object, place: Place) =>
      contextOf('graphql', [{}, {}, { http: httpRequest(headers as Record<string, unknown>) }, {}], place);
    const accepts = async (context: ExecutionContext): Promise<boolean> => {
      await guardOf(jwks, Lenient).canActivate(context);
      return guardOf(jwks).canActivate(context);
    };
    await expect(accepts(contextWith(bearer('good'), on({ scopes: ['a'] })))).resolves.toBe(true);
    expect(jwks.asked).toHaveLength(1);
    await expect(errorResponseOf(accepts(contextWith(bearer('good'), on({ scopes: ['b'] }))))).resolves.toMatchObject({
      code: 'insufficient_scope',
    });
    await expect(errorResponseOf(accepts(contextWith({}, on({}))))).resolves.toMatchObject({ code: 'token_missing' });
  });

  it('rejects options from a subclass that cannot work', async () => {
    class Misspelt extends JwksAuthGuard {
      protected override getOptions(): AuthenticatedOptions {
        return { scope: ['a'] } as AuthenticatedOptions;
      }
    }
    const decision = guardOf(good(), Misspelt).canActivate(http('good').context);
    await expect(decision).rejects.toBeInstanceOf(JwksConfigurationError);
  });
});
