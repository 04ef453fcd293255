import type { ExecutionContext } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { graphqlExceptionOf } from './graphql-refusal.js';
import { messageExceptionOf } from './message-refusal.js';
import { httpExceptionOf, ownAnswer, errorResponseOf, type ChallengeParameter, type ErrorResponse } from './refusal.js';

/** What a refusal is said with. @internal */
export interface Reply {
  readonly realm: string | undefined;
  /** Of the challenge, after those that every one has. */
  readonly parameters?: readonly ChallengeParameter[];
  readonly adapter: AbstractHttpAdapter;
}

/**
 * What is thrown for a fault, in the words of its transport, with the headers of an HTTP response
 * set; the fault itself where it is none of the client's business.
 *
 * @internal
 */
export async function toException(error: unknown, context: ExecutionContext, reply: Reply): Promise<unknown> {
  const response = errorResponseOf(error, reply.realm, reply.parameters);
  if (!response) return error;
  switch (context.getType<string>()) {
    case 'ws':
    case 'rpc':
      return messageExceptionOf(response, error, context);
    case 'graphql':
      return graphqlExceptionOf(response, error);
    case 'http':
      if (!ownAnswer(error)) setHeaders(response, context, reply.adapter);
      return httpExceptionOf(response, error);
    default:
      return httpExceptionOf(response, error);
  }
}

function setHeaders(errorResponse: ErrorResponse, context: ExecutionContext, adapter: AbstractHttpAdapter): void {
  const response: unknown = context.switchToHttp().getResponse();
  if (adapter.isHeadersSent(response)) return;
  for (const [name, value] of Object.entries(errorResponse.headers)) adapter.setHeader(response, name, value);
}
