import type { ExecutionContext } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { graphqlExceptionOf } from './graphql-refusal.js';
import { messageExceptionOf } from './message-refusal.js';
import { httpExceptionOf, ownAnswer, refusalOf, type Refusal } from './refusal.js';

/** What a refusal is said with. @internal */
export interface Reply {
  readonly realm: string | undefined;
  readonly adapter: AbstractHttpAdapter;
}

/**
 * What is thrown for a fault, in the words of its transport, with the headers of an HTTP response set; the fault itself where it is none of
 * the client's business.
 *
 * @internal
 */
export async function exceptionFor(error: unknown, context: ExecutionContext, reply: Reply): Promise<unknown> {
  const refusal = refusalOf(error, reply.realm);
  if (!refusal) return error;
  switch (context.getType<string>()) {
    case 'ws':
    case 'rpc':
      return messageExceptionOf(refusal, error, context);
    case 'graphql':
      return graphqlExceptionOf(refusal, error);
    case 'http':
      if (!ownAnswer(error)) setHeaders(refusal, context, reply.adapter);
      return httpExceptionOf(refusal, error);
    default:
      return httpExceptionOf(refusal, error);
  }
}

function setHeaders(refusal: Refusal, context: ExecutionContext, adapter: AbstractHttpAdapter): void {
  const response: unknown = context.switchToHttp().getResponse();
  if (adapter.isHeadersSent(response)) return;
  for (const [name, value] of Object.entries(refusal.headers)) adapter.setHeader(response, name, value);
}
