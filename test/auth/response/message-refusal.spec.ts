import { RpcException } from '@nestjs/microservices';
import { WsException } from '@nestjs/websockets';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { messageExceptionOf } from '../../../lib/auth/response/message-refusal.js';
import { errorResponseOf } from '../../../lib/auth/response/refusal.js';
import {
  AmbiguousTokenError,
  InsufficientScopeError,
  JwksConnectionError,
  MissingTokenError,
  TokenExpiredError,
  TokenRefusedError,
  type JwksError,
} from '../../../lib/core/errors.js';
import { contextOf, grpcMetadata, natsContext } from '../support/contexts.js';

const toException = (error: JwksError, type: string, context: unknown = {}): Promise<unknown> =>
  messageExceptionOf(errorResponseOf(error)!, error, contextOf(type, [{}, context]));

describe('messageExceptionOf', () => {
  const error = new TokenExpiredError();
  const payload = { status: 'error', message: 'The access token has expired', code: 'token_expired' };

  it('gives a gateway a WsException, with the form of Nest’s own', async () => {
    const exception = await toException(error, 'ws');
    expect(exception).toBeInstanceOf(WsException);
    expect(exception).toMatchObject({ message: 'The access token has expired', cause: error });
    expect((exception as WsException).getError()).toEqual(payload);
  });

  it('gives a microservice an RpcException', async () => {
    const exception = await toException(error, 'rpc', natsContext(undefined));
    expect(exception).toBeInstanceOf(RpcException);
    expect((exception as RpcException).getError()).toEqual(payload);
  });

  it.each([
    [new AmbiguousTokenError(), 3],
    [new MissingTokenError(), 16],
    [new InsufficientScopeError(['a']), 7],
    [new JwksConnectionError('down'), 14],
  ])('gives gRPC the status of its own: %s is %i', async (fault, code) => {
    const exception = await toException(fault, 'rpc', grpcMetadata());
    const { message } = errorResponseOf(fault)!.body;
    expect((exception as RpcException).getError()).toEqual({
      status: 'error',
      code,
      message: `${fault.code}: ${message}`,
    });
  });

  it.each([
    ['getMap', { getMap: () => ({}) }],
    ['get', { get: () => [] }],
  ])('takes for gRPC nothing that has `%s` alone', async (_, context) => {
    const exception = await toException(error, 'rpc', context);
    expect((exception as RpcException).getError()).toEqual(payload);
  });

  it.each([
    ['ws', new WsException('Banned')],
    ['rpc', new RpcException({ status: 'error', message: 'Banned' })],
  ])('hands on what validate threw for the transport: %s', async (type, chosen) => {
    await expect(toException(new TokenRefusedError(undefined, { cause: chosen }), type)).resolves.toBe(chosen);
  });
});

describe('messageExceptionOf, where the package of the transport is absent', () => {
  afterEach(() => {
    vi.doUnmock('@nestjs/websockets');
    vi.doUnmock('@nestjs/microservices');
    vi.resetModules();
  });

  it.each(['ws', 'rpc'])('hands on the fault itself: %s', async (type) => {
    const absent = () => {
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    };
    vi.resetModules();
    vi.doMock('@nestjs/websockets', absent);
    vi.doMock('@nestjs/microservices', absent);
    const fresh = await import('../../../lib/auth/response/message-refusal.js');
    const error = new TokenExpiredError();
    const refused = fresh.messageExceptionOf(errorResponseOf(error)!, error, contextOf(type, [{}, {}]));
    await expect(refused).resolves.toBe(error);
  });
});
