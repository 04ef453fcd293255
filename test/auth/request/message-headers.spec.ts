import { describe, expect, it } from 'vitest';
import {
  isAuthorization,
  listed,
  messageAuthorization,
  messageRequest,
} from '../../../lib/auth/request/message-headers.js';
import {
  grpcMetadata,
  kafkaContext,
  mqttContext,
  natsContext,
  rabbitContext,
  tcpContext,
} from '../support/contexts.js';

describe('messageAuthorization', () => {
  it.each<[string, unknown, unknown[]]>([
    ['NATS', natsContext({ authorization: ['Bearer a'], Authorization: ['Bearer b'] }), ['Bearer a', 'Bearer b']],
    ['NATS that gives the same for any spelling', { getHeaders: () => ({ values: () => ['Bearer a'] }) }, ['Bearer a']],
    ['headers of another kind from getHeaders', { getHeaders: () => ({ AUTHORIZATION: 'Bearer a' }) }, ['Bearer a']],
    ['NATS without headers', natsContext(undefined), []],
    ['Kafka', kafkaContext({ authorization: 'Bearer a' }), ['Bearer a']],
    ['Kafka without headers', kafkaContext(undefined), []],
    ['RabbitMQ', rabbitContext({ Authorization: 'Bearer a', other: 'x' }), ['Bearer a']],
    ['MQTT', mqttContext({ authorization: ['Bearer a', 'Bearer b'] }), ['Bearer a', 'Bearer b']],
    ['gRPC', grpcMetadata('Bearer a'), ['Bearer a']],
    ['gRPC without', grpcMetadata(), []],
    ['a method `get` that finds nothing', { get: () => undefined }, []],
    ['plain headers', { headers: { AuthoriZation: 'Bearer a' } }, ['Bearer a']],
    ['members that are no methods', { getHeaders: 1, getMessage: 1, getPacket: 1, get: 1 }, []],
    ['TCP', tcpContext(), []],
    ['nothing', undefined, []],
  ])('finds what came with %s', (_, context, found) => {
    expect(messageAuthorization(context)).toEqual(found);
  });
});

describe('messageRequest', () => {
  const data = { any: 'payload' };

  it.each<[string, unknown, object]>([
    ['text', kafkaContext({ authorization: 'Bearer a' }), { authorization: 'Bearer a' }],
    ['bytes', kafkaContext({ authorization: Buffer.from('Bearer a') }), { authorization: 'Bearer a' }],
    ['what is no text', kafkaContext({ authorization: 42 }), { authorization: 42 }],
    ['null', kafkaContext({ authorization: null }), {}],
    ['one beside null', kafkaContext({ authorization: [null, undefined, 'Bearer a'] }), { authorization: 'Bearer a' }],
    ['nothing', tcpContext(), {}],
  ])('has the header in the form of HTTP, and payload and context: %s', (_, context, headers) => {
    expect(messageRequest(data, context)).toStrictEqual({ headers, data, context });
  });

  it('is ambiguous where the header came twice', () => {
    expect(() => messageRequest(data, grpcMetadata('Bearer a', 'Bearer a'))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('isAuthorization', () => {
  it.each(['authorization', 'Authorization', 'AUTHORIZATION'])('is so for %s', (name) => {
    expect(isAuthorization(name)).toBe(true);
  });

  it.each(['authorization ', 'proxy-authorization', 'authorizatioN2', 'x'.repeat(13), '', undefined, 13, Array(13)])(
    'is not so for %j',
    (name) => {
      expect(isAuthorization(name)).toBe(false);
    },
  );
});

describe('listed', () => {
  it('makes a list of any value, and an empty one of none', () => {
    expect([undefined, null, 'a', ['a', 'b']].map(listed)).toEqual([[], [null], ['a'], ['a', 'b']]);
  });
});
