import { describe, expect, it } from 'vitest';
import { attachTargetOf, attachTo, sharingKeyOf } from '../../../lib/auth/request/request-context.js';
import type { Authentication } from '../../../lib/auth/verification.js';
import { contextOf, httpRequest, natsContext, nodeRequest } from '../support/contexts.js';

const authentication = { accessToken: 'abc', token: { claims: {} }, user: { id: 1 } } as unknown as Authentication;

describe('the object that user and auth are attached to', () => {
  const request = httpRequest({});
  const message = natsContext(undefined);
  const graphql = {};

  it.each([
    ['an HTTP request', contextOf('http', [request, {}]), request],
    ['the request of a GraphQL field', contextOf('graphql', [{}, {}, { req: request }, {}]), request],
    ['the GraphQL context, if it holds no request', contextOf('graphql', [{}, {}, graphql, {}]), graphql],
    ['the context of a message', contextOf('rpc', [{}, message]), message],
  ])('is %s', (_, context, target) => {
    expect(attachTargetOf(context)).toBe(target);
    attachTo(target, authentication);
    expect(target).toMatchObject({ user: { id: 1 }, auth: authentication.token });
  });

  it('is not the client of a gateway, which messages share', () => {
    expect(attachTargetOf(contextOf('ws', [{ handshake: { headers: {} } }, {}]))).toBeUndefined();
  });

  it('is missing if there is no object', () => {
    for (const args of [[undefined, {}], [null], ['text'], []])
      expect(attachTargetOf(contextOf('http', args))).toBeUndefined();
    expect(() => attachTo(undefined, authentication)).not.toThrow();
  });
});

describe('the lifetime of a verification', () => {
  it('is a whole GraphQL request of Node, Express or Fastify', () => {
    const request = nodeRequest({ upgrade: 'h2c' });
    expect(sharingKeyOf(contextOf('graphql', [request]), request)).toBe(request);
    const fastify = { raw: request, headers: {} };
    expect(sharingKeyOf(contextOf('graphql', [fastify]), fastify)).toBe(fastify);
  });

  it('is a whole request of an HTTP route, whatever its form', () => {
    for (const request of [httpRequest({ upgrade: 'websocket' }), { headers: {} }])
      expect(sharingKeyOf(contextOf('http', [request, {}]), request)).toBe(request);
  });

  it.each([
    ['a gateway', 'ws', nodeRequest({})],
    ['a subscription', 'graphql', nodeRequest({ upgrade: 'WebSocket' })],
    ['a WHATWG request', 'graphql', new Request('http://localhost/graphql')],
    ['a plain object', 'graphql', { method: 'GET', headers: { Upgrade: 'websocket' } }],
    ['a request without its upgrade header', 'graphql', httpRequest({ authorization: 'Bearer abc' })],
    ['a message', 'rpc', natsContext(undefined)],
    ['no request', 'http', undefined],
    ['a request that a subclass chose', 'http', { headers: {} }],
  ])('is one operation or message for %s', (_, type, request) => {
    const context = contextOf(type, []);
    expect(sharingKeyOf(context, request)).toBe(context);
  });
});
