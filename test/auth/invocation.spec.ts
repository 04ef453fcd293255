import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { Public } from '../../lib/auth/decorators.js';
import { attachedOf, bindToInvocation, bindToRequest, markGuarded } from '../../lib/auth/invocation.js';
import type { AttachedAuthentication, Authentication } from '../../lib/auth/verification.js';
import { contextOf, httpRequest, natsContext, type Place } from './support/contexts.js';

const attachedFor = (sub: string): AttachedAuthentication => ({
  authentication: { accessToken: sub, token: { claims: { sub } }, user: sub } as unknown as Authentication,
  toException: async (error) => error,
});
const alice = attachedFor('alice');
const bob = attachedFor('bob');

/** The context of the parameter factories: a copy of the arguments, with the same elements. */
const factoryContextOf = (context: ReturnType<typeof contextOf>, place?: Place) =>
  contextOf(context.getType(), [...context.getArgs()], place);

describe('an HTTP request', () => {
  it('has the authentication that was bound to it, under whatever prototype', () => {
    for (const prototype of [IncomingMessage.prototype, Object.create(IncomingMessage.prototype) as object]) {
      const request = Object.setPrototypeOf(new IncomingMessage(new Socket()), prototype) as object;
      bindToInvocation(contextOf('http', [request, {}]), alice);
      expect(attachedOf(contextOf('http', [request, {}]))).toBe(alice);
      expect(attachedOf(contextOf('http', [new IncomingMessage(new Socket()), {}]))).toBeUndefined();
    }
  });

  it('has none that something else put on it', () => {
    const forged = { ...httpRequest({}), auth: { claims: { sub: 'mallory' } }, user: { id: 0 } };
    expect(attachedOf(contextOf('http', [forged, {}]))).toBeUndefined();
  });

  it('has that of the strategy on a public route too', () => {
    class Open {}
    Public()(Open);
    const request = httpRequest({});
    bindToRequest(request, alice);
    expect(attachedOf(contextOf('http', [request, {}], { controller: Open }))).toBe(alice);
  });

  it('has none if there is no request', () => {
    for (const request of [undefined, null, 'text', 1]) {
      bindToRequest(request, alice);
      expect(attachedOf(contextOf('http', [request]))).toBeUndefined();
    }
  });
});

describe.each([
  ['ws', () => [{}, 'data', 'pattern']],
  ['ws', () => [{}, 'data', () => undefined, 'pattern']],
  ['rpc', () => ['data', natsContext(undefined)]],
  ['rpc', () => ['data']],
])('a %s message', (type, argsOf) => {
  class Handlers {
    handle(): void {}
    open(): void {}
  }
  const place = { handler: Handlers.prototype.handle };

  it('has its own authentication, whatever other messages of the client have', () => {
    const args = argsOf();
    const [one, other] = [contextOf(type, [...args], place), contextOf(type, [...args], place)];
    bindToInvocation(one, alice);
    bindToInvocation(other, bob);
    expect([one, other].map((context) => attachedOf(factoryContextOf(context)))).toEqual([alice, bob]);
  });

  it('keeps the arguments that Nest reads by their place', () => {
    const args = argsOf();
    const context = contextOf(type, [...args], place);
    bindToInvocation(context, alice);
    expect(context.getArgs().slice(0, args.length === 1 ? 1 : 2)).toEqual(args.slice(0, 2));
    if (type === 'ws') expect(context.switchToWs().getPattern()).toBe('pattern');
    else expect(context.switchToRpc().getContext()).toBe(args[1]);
  });

  it('has none without a token, and throws if its arguments lost an authentication', () => {
    const context = contextOf(type, argsOf(), place);
    expect(attachedOf(context)).toBeUndefined();
    markGuarded(context);
    expect(attachedOf(factoryContextOf(context, place))).toBeUndefined();
    expect(() => attachedOf(contextOf(type, argsOf(), place))).toThrow('authentication of this message was lost');
    expect(attachedOf(contextOf(type, argsOf(), { handler: Handlers.prototype.open }))).toBeUndefined();
  });
});

describe('a GraphQL field', () => {
  const rootInfo = (key: string, variableValues: object) => ({ path: { prev: undefined, key }, variableValues });
  const fieldOf = (info: unknown, place?: Place) => contextOf('graphql', [{}, {}, {}, info], place);

  it('has its own authentication, not that of its neighbour', () => {
    const variables = {};
    const [mine, staff] = [rootInfo('mine', variables), rootInfo('staff', variables)];
    bindToInvocation(fieldOf(mine), alice);
    bindToInvocation(fieldOf(staff), bob);
    expect([mine, staff].map((info) => attachedOf(fieldOf(info)))).toEqual([alice, bob]);
    expect(attachedOf(fieldOf(rootInfo('open', variables)))).toBeUndefined();
  });

  it('has that of its root field if it has no guard of its own', () => {
    const variableValues = {};
    const root = rootInfo('mine', variableValues);
    bindToInvocation(fieldOf(root), alice);
    const nested = { path: { prev: { prev: root.path, key: 0 }, key: 'total' }, variableValues };
    expect(attachedOf(fieldOf(nested))).toBe(alice);
    expect(attachedOf(fieldOf({ ...nested, variableValues: {} }))).toBeUndefined();
  });

  it('has none if it is public', () => {
    class Open {}
    Public()(Open);
    const info = rootInfo('mine', {});
    bindToInvocation(fieldOf(info), alice);
    expect(attachedOf(fieldOf(info, { controller: Open }))).toBeUndefined();
  });

  it('has none without an info object', () => {
    bindToInvocation(contextOf('graphql', []), alice);
    expect(attachedOf(contextOf('graphql', []))).toBeUndefined();
  });
});
