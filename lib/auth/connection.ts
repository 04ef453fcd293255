import type { ExecutionContext } from '@nestjs/common';
import { fieldsOf } from './fields.js';
import { errorResponseOf } from './response/refusal.js';

/** RFC 6455 section 7.4.1, and the registry of IANA: policy violation, try again later. */
const CLOSE = { rejected: 1008, unavailable: 1013 };

/** Nest makes no context for `handleConnection`: this one stands for a message of the new client. @internal */
export function connectionContextOf(client: object, request: unknown): ExecutionContext {
  const { handshake, upgradeReq, request: own } = fieldsOf(client);
  const isKnown = request === undefined || handshake !== undefined || upgradeReq !== undefined || own !== undefined;
  const args: unknown[] = [isKnown ? client : { request }, undefined];
  const handler = (): void => undefined;
  const context = {
    getType: () => 'ws',
    getArgs: () => args,
    getArgByIndex: (index: number) => args[index],
    getClass: () => Connection,
    getHandler: () => handler,
    switchToWs: () => ({ getClient: () => client, getData: () => undefined, getPattern: () => undefined }),
  };
  return context as unknown as ExecutionContext;
}

class Connection {}

/** Ends the connection of a client of socket.io or ws. Never throws. @internal */
export function disconnect(client: object, error: unknown): void {
  const { disconnect: end, close } = fieldsOf(client);
  const status = errorResponseOf(error)?.status;
  try {
    if (typeof end === 'function') end.call(client, true);
    else if (typeof close === 'function')
      close.call(client, status === 503 || status === undefined ? CLOSE.unavailable : CLOSE.rejected);
  } catch {
    // It is gone already.
  }
}
