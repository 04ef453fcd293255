import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import {
  attachIn,
  attachTo,
  attachTargetOf,
  detach,
  getAuthentication,
  sharingKeyOf,
} from '../../lib/auth/request-context.js';
import type { ClaimsErrorMapper, Authentication } from '../../lib/auth/verification.js';
import { Public } from '../../lib/auth/decorators.js';
import { contextOf, httpRequest, natsContext, type Place } from './support/contexts.js';

const authentication = {
  accessToken: 'abc',
  auth: { claims: { sub: 'alice' } },
  user: { id: 1 },
} as unknown as Authentication;
const toException: ClaimsErrorMapper = async (error) => error;

describe('what a request was let in with', () => {
  const request = httpRequest({});
  const client = { handshake: { headers: {}, auth: { token: 'abc' } } };
  const message = natsContext(undefined);
  const graphql = {};

  it.each([
    ['an HTTP request', contextOf('http', [request, {}]), request],
    ['the request of a GraphQL field', contextOf('graphql', [{}, {}, { req: request }, {}]), request],
    ['the GraphQL context, where it holds no request', contextOf('graphql', [{}, {}, graphql, {}]), graphql],
    ['the client of a gateway', contextOf('ws', [client, {}]), client],
    ['the context of a message', contextOf('rpc', [{}, message]), message],
  ])('is kept by %s', (_, context, carrier) => {
    detach(carrier);
    expect(getAuthentication(context)).toBeUndefined();
    expect(attachTargetOf(context)).toBe(carrier);
    attachIn(context, carrier, authentication, toException);
    expect(getAuthentication(context)?.authentication).toBe(authentication);
    expect(carrier).toMatchObject({ user: { id: 1 }, auth: authentication.token });
    detach(carrier);
    expect(getAuthentication(context)).toBeUndefined();
    expect(carrier).not.toHaveProperty('user');
    expect(carrier).not.toHaveProperty('auth');
  });

  it('goes without what somebody else has put there since', () => {
    const carrier = {};
    attachTo(carrier, authentication, toException);
    Object.assign(carrier, { user: 'other', auth: 'other' });
    detach(carrier);
    expect(carrier).toEqual({ user: 'other', auth: 'other' });
    expect(() => detach(undefined)).not.toThrow();
  });

  it('leaves the auth object of a socket.io handshake alone', () => {
    attachTo(attachTargetOf(contextOf('ws', [client, {}])), authentication, toException);
    expect(client.handshake.auth).toEqual({ token: 'abc' });
  });

  it('is given on a public route too, where something else let it in, but for fields of a GraphQL query, which share a request', () => {
    class Open {}
    Public()(Open);
    const shared = httpRequest({});
    attachTo(shared, authentication, toException);
    expect(getAuthentication(contextOf('http', [shared], { controller: Open }))?.authentication).toBe(authentication);
    const field = (place: Place) => getAuthentication(contextOf('graphql', [{}, {}, { req: shared }, {}], place));
    expect(field({ controller: Open })).toBeUndefined();
    class Mixed {
      open(): void {}
      closed(): void {}
    }
    Public()(Mixed.prototype, 'open', Object.getOwnPropertyDescriptor(Mixed.prototype, 'open')!);
    expect(field({ controller: Mixed, handler: Mixed.prototype.open })).toBeUndefined();
    expect(field({ controller: Mixed, handler: Mixed.prototype.closed })?.authentication).toBe(authentication);
    const bare = contextOf('graphql', [{}, {}, { req: shared }, {}]);
    const nowhere = Object.assign(bare, { getClass: () => undefined, getHandler: () => undefined });
    expect(getAuthentication(nowhere)?.authentication).toBe(authentication);
  });

  it('is not what somebody else put on the request', () => {
    const forged = { ...httpRequest({}), auth: { claims: { sub: 'mallory' } }, user: { id: 0 } };
    expect(getAuthentication(contextOf('http', [forged, {}]))).toBeUndefined();
  });

  it("is kept with Node's request as with any other, under whatever prototype", () => {
    for (const prototype of [IncomingMessage.prototype, Object.create(IncomingMessage.prototype) as object]) {
      const request = Object.setPrototypeOf(new IncomingMessage(new Socket()), prototype) as object;
      const other = new IncomingMessage(new Socket());
      attachTo(request, authentication, toException);
      expect(getAuthentication(contextOf('http', [request, {}]))).toMatchObject({ authentication, toException });
      expect(getAuthentication(contextOf('http', [other, {}]))).toBeUndefined();
    }
  });

  it('is nothing where there is nobody to keep it', () => {
    for (const carrier of [undefined, null, 'text', 1])
      expect(getAuthentication(contextOf('rpc', ['data', carrier]))).toBeUndefined();
    expect(attachTargetOf(contextOf('http', [undefined, {}]))).toBeUndefined();
    expect(() => attachTo(undefined, authentication, toException)).not.toThrow();
  });
});

describe('for how long a verification holds', () => {
  it.each(['http', 'graphql'])('for a whole %s request', (type) => {
    const request = httpRequest({ upgrade: 'h2c' });
    expect(sharingKeyOf(contextOf(type, [request]), request)).toBe(request);
  });

  it('for a whole request of an HTTP route, whatever is in it', () => {
    for (const request of [httpRequest({ upgrade: 'websocket' }), { headers: {} }])
      expect(sharingKeyOf(contextOf('http', [request, {}]), request)).toBe(request);
  });

  it.each([
    ['a gateway', 'ws', httpRequest({})],
    ['a subscription', 'graphql', httpRequest({ upgrade: 'WebSocket' })],
    ['a request that the application made up', 'graphql', { headers: { authorization: 'Bearer abc' } }],
    ['a message', 'rpc', natsContext(undefined)],
    ['no request', 'http', undefined],
    ['what a subclass takes for the request', 'http', { headers: {} }],
  ])('for one message of %s', (_, type, request) => {
    const context = contextOf(type, []);
    expect(sharingKeyOf(context, request)).toBe(context);
  });
});
