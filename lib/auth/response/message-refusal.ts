import { IntrinsicException, type ExecutionContext } from '@nestjs/common';
import { optionalPeer } from '../../core/optional-peer.js';
import type { ErrorResponse } from './refusal.js';
import { fieldsOf } from '../fields.js';

/** gRPC's own figures: UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE, INVALID_ARGUMENT. */
const GRPC_STATUS = { 400: 3, 401: 16, 403: 7, 503: 14 } as const;

/** The metadata of Nest that tells events from messages, and its value for `@EventPattern()`. */
const HANDLER_TYPE = 'microservices:handler_type';
const EVENT = 2;

const websockets = optionalPeer('@nestjs/websockets', 'A WebSocket gateway', () => import('@nestjs/websockets'));
const microservices = optionalPeer('@nestjs/microservices', 'A microservice', () => import('@nestjs/microservices'));

/**
 * The refusal as the exception that reaches a client of a gateway or a microservice: any other
 * arrives there as "Internal server error". Where the package that has it is absent, the fault
 * itself is as good as it gets.
 *
 * @internal
 */
export async function messageExceptionOf(
  response: ErrorResponse,
  error: unknown,
  context: ExecutionContext,
): Promise<unknown> {
  // What `validate` threw on purpose for this transport: a WsException or RpcException.
  const { cause } = fieldsOf(error);
  if (typeof fieldsOf(cause)['getError'] === 'function') return cause;
  try {
    // No client waits for the answer to an event. Nest logs any other exception of one as an error
    // with its stack, which senders of bad tokens could cause at will; the rejection itself is logged
    // at debug level.
    if (isEvent(context)) return Object.assign(new IntrinsicException(response.body.message), { cause: error });
    const exception =
      context.getType<string>() === 'ws' ? await wsException(response) : await rpcException(response, context);
    return Object.assign(exception, { cause: error });
  } catch {
    return error;
  }
}

async function wsException(response: ErrorResponse): Promise<Error> {
  const { WsException } = await websockets();
  return new WsException(payloadOf(response));
}

async function rpcException(response: ErrorResponse, context: ExecutionContext): Promise<Error> {
  const { RpcException } = await microservices();
  return new RpcException(rpcPayloadOf(response, context));
}

/** What the client of a microservice gets. @internal */
export function rpcPayloadOf(response: ErrorResponse, context: ExecutionContext): object {
  return isGrpc(context) ? statusOf(response) : payloadOf(response);
}

function isEvent(context: ExecutionContext): boolean {
  return Reflect.getMetadata(HANDLER_TYPE, context.getHandler()) === EVENT;
}

/** The form that Nest's own filters give. */
function payloadOf({ body }: ErrorResponse): object {
  return { status: 'error', message: body.message, code: body.code };
}

/** gRPC reads a figure as the status and passes on no other member than the message. */
function statusOf({ status, body }: ErrorResponse): object {
  return { status: 'error', code: GRPC_STATUS[status], message: `${body.code}: ${body.message}` };
}

function isGrpc(context: ExecutionContext): boolean {
  const metadata = fieldsOf(context.getArgByIndex(1));
  return typeof metadata['getMap'] === 'function' && typeof metadata['get'] === 'function';
}
