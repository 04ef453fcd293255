import fc from 'fast-check';
import { ExtractJwt } from 'passport-jwt';
import { describe, expect, it } from 'vitest';
import { AmbiguousTokenError, MissingTokenError, type JwksError } from '../../../lib/core/errors.js';
import { bearerToken, extractToken, resolveBearerToken } from '../../../lib/auth/request/credentials.js';
import type { TokenExtractorRequest } from '../../../lib/options/jwks-options.js';
import { requestOf } from '../../../lib/auth/request/request-context.js';
import {
  bearer,
  contextOf,
  grpcMetadata,
  httpRequest,
  kafkaContext,
  mqttContext,
  natsContext,
  rabbitContext,
  tcpContext,
} from '../support/contexts.js';

const MALFORMED = expect.objectContaining({ code: 'token_malformed' });
const AMBIGUOUS = expect.objectContaining({ code: 'invalid_request' });

const tokenIn = (type: string, ...args: unknown[]): string | undefined => {
  const context = contextOf(type, args);
  return resolveBearerToken(requestOf(context), context);
};

describe('the token of an HTTP request', () => {
  it.each([
    ['Express', httpRequest(bearer('abc'), ['Host', 'x', 'Authorization', 'Bearer abc', 'Accept', '*/*'])],
    ['Fastify', { ...httpRequest(bearer('abc')), raw: { rawHeaders: ['authorization', 'Bearer abc'] } }],
    ['an adapter without raw headers', httpRequest(bearer('abc'))],
    ['an adapter with lists', httpRequest({ authorization: ['Bearer abc'] })],
    ['an adapter with lists that have holes', httpRequest({ authorization: [undefined, 'Bearer abc', null] })],
    ['fetch', { method: 'GET', headers: new Headers(bearer('abc')) }],
  ])('comes from the header: %s', (_, request) => {
    expect(tokenIn('http', request, {})).toBe('abc');
    expect(resolveBearerToken(request)).toBe('abc');
  });

  it.each([
    ['no headers at all', {}],
    ['no Authorization', httpRequest({ host: 'x' }, ['Host', 'x'])],
    ['no Authorization of fetch', { method: 'GET', headers: new Headers({ host: 'x' }) }],
    ['another scheme', httpRequest({ authorization: 'Basic x' })],
    ['a header that a middleware took away', httpRequest({}, ['Authorization', 'Bearer abc'])],
    ['the query alone', { ...httpRequest({}), query: { access_token: 'abc' } }],
    ['the body alone', { ...httpRequest({}), body: { access_token: 'abc' } }],
    ['a cookie alone', { ...httpRequest({ cookie: 'access_token=abc' }), cookies: { access_token: 'abc' } }],
    ['an `auth` of another middleware', { ...httpRequest({}), auth: { token: 'abc' } }],
    ['nothing', undefined],
    ['no object', 'Bearer abc'],
  ])('is absent with %s', (_, request) => {
    expect(tokenIn('http', request, {})).toBeUndefined();
  });

  it.each([
    [
      'two headers, of which Node keeps the first',
      httpRequest(bearer('a'), ['Authorization', 'Bearer a', 'authorization', 'Bearer a']),
    ],
    [
      'two headers behind Fastify',
      { ...httpRequest(bearer('a')), raw: { rawHeaders: ['AUTHORIZATION', 'Bearer a', 'Authorization', 'Basic x'] } },
    ],
    ['a list of two', httpRequest({ authorization: ['Bearer a', 'Bearer b'] })],
    [
      'two that fetch joined',
      {
        method: 'GET',
        headers: new Headers([
          ['authorization', 'Bearer a'],
          ['authorization', 'Bearer b'],
        ]),
      },
    ],
    ['two that a proxy joined', httpRequest({ authorization: 'Bearer a, Bearer b' })],
  ])('is ambiguous with %s', (_, request) => {
    expect(() => tokenIn('http', request, {})).toThrow(AMBIGUOUS);
  });

  it.each([42, {}, true, [['Bearer a']]])('is malformed where the header is %j', (authorization) => {
    expect(() => tokenIn('http', httpRequest({ authorization }), {})).toThrow(MALFORMED);
  });
});

describe('the token of a GraphQL field', () => {
  const request = httpRequest(bearer('abc'));
  const info = { fieldName: 'orders' };

  it.each([
    ['a resolver', [{}, {}, { req: request }, info]],
    ['a reference resolver', [{}, { req: request }, info]],
    ['a context that calls it request', [{}, {}, { request }, info]],
    ['a subscription of graphql-ws', [{}, {}, { extra: { request, socket: {} } }, info]],
    [
      'connectionParams of a browser',
      [{}, {}, { connectionParams: { Authorization: 'Bearer abc' }, extra: { request: httpRequest({}) } }, info],
    ],
  ])('comes with %s', (_, args) => {
    expect(tokenIn('graphql', ...args)).toBe('abc');
  });

  it('is absent where the context holds no request', () => {
    expect(tokenIn('graphql', {}, {}, {}, info)).toBeUndefined();
    expect(tokenIn('graphql', {}, {}, undefined, info)).toBeUndefined();
    expect(tokenIn('graphql', {}, { authorization: 'Bearer abc' }, { req: httpRequest({}) }, info)).toBeUndefined();
  });

  it('is ambiguous where the connection brought one and the upgrade request another', () => {
    const context = { connectionParams: { authorization: 'Bearer b' }, extra: { request } };
    expect(() => tokenIn('graphql', {}, {}, context, info)).toThrow(AMBIGUOUS);
  });
});

describe('the token of a WebSocket', () => {
  it.each([
    [
      'the handshake of socket.io',
      { handshake: { headers: bearer('abc'), auth: {} }, request: httpRequest(bearer('abc')) },
    ],
    ['the auth object of socket.io', { handshake: { headers: {}, auth: { token: 'abc' } } }],
    ['the same in bytes', { handshake: { headers: {}, auth: { token: Buffer.from('abc') } } }],
    ['the header beside an empty token', { handshake: { headers: bearer('abc'), auth: { token: '' } } }],
    ['the header beside no token', { handshake: { headers: bearer('abc'), auth: { token: null } } }],
    ['the upgrade request that the application kept', { upgradeReq: httpRequest(bearer('abc')) }],
    ['the same under another name', { request: httpRequest(bearer('abc')) }],
    ['the same under a third name', { req: httpRequest(bearer('abc')) }],
  ])('comes with %s', (_, client) => {
    expect(tokenIn('ws', client, { any: 'data' }, 'pattern')).toBe('abc');
  });

  it.each([
    ['a bare client', {}],
    ['an empty handshake', { handshake: { headers: {}, auth: {} } }],
    ['an empty token', { handshake: { headers: {}, auth: { token: '' } } }],
    ['an empty token in bytes', { handshake: { headers: {}, auth: { token: Buffer.alloc(0) } } }],
    ['no token', { handshake: { headers: {}, auth: { token: null } } }],
    ['a token in the query', { handshake: { headers: {}, auth: {}, query: { token: 'abc' } } }],
  ])('is absent with %s', (_, client) => {
    expect(tokenIn('ws', client, { authorization: 'Bearer abc' }, 'pattern')).toBeUndefined();
  });

  it('is ambiguous in two places, and malformed as anything but text', () => {
    expect(() => tokenIn('ws', { handshake: { headers: bearer('a'), auth: { token: 'a' } } })).toThrow(AMBIGUOUS);
    expect(() => tokenIn('ws', { handshake: { headers: {}, auth: { token: ['a', 'b'] } } })).toThrow(AMBIGUOUS);
    expect(() => tokenIn('ws', { handshake: { headers: {}, auth: { token: { a: 1 } } } })).toThrow(MALFORMED);
    const request = httpRequest(bearer('a'), ['Authorization', 'Bearer a', 'Authorization', 'Bearer b']);
    expect(() => tokenIn('ws', { handshake: { headers: bearer('a') }, request })).toThrow(AMBIGUOUS);
  });
});

describe('the token of a message', () => {
  it.each([
    ['NATS', natsContext({ authorization: ['Bearer abc'] })],
    ['NATS with a capital', natsContext({ Authorization: ['Bearer abc'] })],
    ['Kafka', kafkaContext({ authorization: Buffer.from('Bearer abc') })],
    ['Kafka with text', kafkaContext({ Authorization: 'Bearer abc' })],
    ['RabbitMQ', rabbitContext({ authorization: 'Bearer abc' })],
    ['MQTT 5', mqttContext({ authorization: 'Bearer abc' })],
    ['gRPC', grpcMetadata('Bearer abc')],
    ['a transport of one’s own', { headers: { Authorization: 'Bearer abc' } }],
  ])('comes with the headers of %s', (_, context) => {
    expect(tokenIn('rpc', { authorization: 'Bearer payload' }, context)).toBe('abc');
  });

  it.each([
    ['NATS without headers', natsContext(undefined)],
    ['NATS with others', natsContext({ trace: ['1'] })],
    ['Kafka without', kafkaContext(undefined)],
    ['MQTT 3', mqttContext()],
    ['gRPC without', grpcMetadata()],
    ['TCP, which has none', tcpContext()],
    ['no context', undefined],
  ])('is absent with %s', (_, context) => {
    expect(tokenIn('rpc', { authorization: 'Bearer payload' }, context)).toBeUndefined();
  });

  it.each([
    ['NATS', natsContext({ authorization: ['Bearer a', 'Bearer b'] })],
    ['NATS in two spellings', natsContext({ authorization: ['Bearer a'], Authorization: ['Bearer b'] })],
    ['Kafka', kafkaContext({ authorization: ['Bearer a', 'Bearer b'] })],
    ['Kafka in two spellings', kafkaContext({ authorization: 'Bearer a', Authorization: 'Bearer a' })],
    ['gRPC', grpcMetadata('Bearer a', 'Bearer b')],
  ])('is ambiguous where it comes twice: %s', (_, context) => {
    expect(() => tokenIn('rpc', {}, context)).toThrow(AMBIGUOUS);
  });

  it('is malformed as a figure', () => {
    expect(() => tokenIn('rpc', {}, kafkaContext({ authorization: 42 }))).toThrow(MALFORMED);
  });
});

function outcomeOf(type: string, args: unknown[]): string {
  try {
    return typeof tokenIn(type, ...args);
  } catch (error) {
    return (error as JwksError).code;
  }
}

describe('any request', () => {
  it('gives a token, none, or a fault of the token, whatever its shape', () => {
    const type = fc.constantFrom('http', 'graphql', 'ws', 'rpc', 'telegraf');
    const names = [
      'headers',
      'authorization',
      'rawHeaders',
      'raw',
      'handshake',
      'auth',
      'token',
      'req',
      'extra',
      'request',
      'get',
    ];
    const more = ['connectionParams', 'upgrade', 'properties', 'userProperties', 'values', 'length'];
    const values = [fc.string(), fc.constantFrom('Bearer a', 'Bearer a b', null, undefined, 1), fc.array(fc.string())];
    const argument = fc.object({
      key: fc.constantFrom(...names, ...more),
      values,
      maxDepth: 4,
      withNullPrototype: true,
    });
    fc.assert(
      fc.property(type, fc.array(fc.oneof(argument, fc.anything()), { maxLength: 4 }), (kind, args) => {
        expect(outcomeOf(kind, args)).toMatch(/^(string|undefined|token_malformed|invalid_request)$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('extractToken', () => {
  const extract = (extractor: (request: never) => unknown, request: unknown = httpRequest({})) =>
    extractToken(extractor, request);

  it.each([
    ['the header', ExtractJwt.fromAuthHeaderAsBearerToken(), httpRequest(bearer('abc'))],
    ['another scheme', ExtractJwt.fromAuthHeaderWithScheme('JWT'), httpRequest({ authorization: 'JWT abc' })],
    ['a header of its own', ExtractJwt.fromHeader('x-token'), httpRequest({ 'x-token': 'abc' })],
    ['a field of the body', ExtractJwt.fromBodyField('token'), { ...httpRequest({}), body: { token: 'abc' } }],
    ['the query', ExtractJwt.fromUrlQueryParameter('token'), { ...httpRequest({}), url: '/?token=abc' }],
    [
      'the first of several that has one',
      ExtractJwt.fromExtractors([
        ExtractJwt.fromHeader('x-token'),
        (request) => (request as { cookies?: { jwt?: string } }).cookies?.jwt ?? null,
      ]),
      { ...httpRequest({}), cookies: { jwt: 'abc' } },
    ],
    ['a promise', async () => 'abc', httpRequest({})],
  ])('takes the extractors of passport-jwt: %s', async (_, extractor, request) => {
    await expect(extract(extractor as (request: never) => unknown, request)).resolves.toBe('abc');
  });

  it.each([null, undefined, ''])('takes %j for no token', async (found) => {
    await expect(extract(() => found)).resolves.toBeUndefined();
  });

  it('rejects a list as ambiguous: a parameter or header that came twice', async () => {
    const request = { ...httpRequest({}), url: '/?token=a&token=b' };
    await expect(extract(ExtractJwt.fromUrlQueryParameter('token') as never, request)).rejects.toEqual(AMBIGUOUS);
  });

  it.each([42, true, {}, Buffer.from('abc')])('refuses %j as malformed', async (found) => {
    await expect(extract(() => found)).rejects.toEqual(MALFORMED);
  });

  it('rejects where the extractor throws or rejects, and keeps why', async () => {
    const thrown = new TypeError('cookies is undefined');
    const rejecting = async () => {
      throw thrown;
    };
    await expect(extract(() => rejecting())).rejects.toMatchObject({ code: 'token_malformed', cause: thrown });
    await expect(extract((request: { cookies: { jwt: string } }) => request.cookies.jwt)).rejects.toEqual(MALFORMED);
  });

  it('hands on a fault of ours that the extractor throws', async () => {
    const thrown = new MissingTokenError();
    await expect(
      extract(() => {
        throw thrown;
      }),
    ).rejects.toBe(thrown);
  });

  it('does not let a header of 16 kB reach the quadratic expression of passport-jwt', async () => {
    const start = process.cpuUsage();
    for (let round = 0; round < 100; round += 1) {
      const request = httpRequest({ authorization: 'a'.repeat(16_384) });
      await expect(extract(ExtractJwt.fromAuthHeaderAsBearerToken() as never, request)).rejects.toEqual(MALFORMED);
    }
    const spent = process.cpuUsage(start);
    // Each of the hundred would take about 100 ms.
    expect((spent.user + spent.system) / 1000).toBeLessThan(2000);
  });
});

describe('bearerToken', () => {
  it('is what a tokenFrom falls back to', () => {
    const tokenFrom = (request: TokenExtractorRequest) =>
      (request.cookies as Record<string, string> | undefined)?.['token'] ?? bearerToken(request);
    expect(tokenFrom({ headers: {}, cookies: { token: 'a' } })).toBe('a');
    expect(tokenFrom({ headers: { authorization: 'Bearer b' } })).toBe('b');
    expect(tokenFrom({ headers: { authorization: 'Basic b' } })).toBeNull();
    expect(tokenFrom({ headers: {} })).toBeNull();
  });

  it('throws what rejects the request', async () => {
    expect(() => bearerToken({ headers: { authorization: 'Bearer a b' } })).toThrow(AmbiguousTokenError);
    const request = { headers: { authorization: 'Bearer a, Bearer b' } };
    await expect(extractToken(bearerToken, request)).rejects.toBeInstanceOf(AmbiguousTokenError);
  });
});
