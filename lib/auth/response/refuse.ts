import type { ExecutionContext } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { ChallengeOffer } from './challenge.js';
import { fieldsOf, isObject } from '../fields.js';
import { graphqlExceptionOf } from './graphql-refusal.js';
import { messageExceptionOf } from './message-refusal.js';
import { graphqlContext } from '../request/request-context.js';
import { httpExceptionOf, nonceHeaders, ownAnswer, errorResponseOf, type ErrorResponse } from './refusal.js';

/** What a refusal is said with. @internal */
export interface Reply {
  readonly realm: string | undefined;
  readonly offer: ChallengeOffer;
  readonly adapter: AbstractHttpAdapter;
}

/**
 * What is thrown for a fault, in the words of its transport, with the headers of an HTTP response
 * set; the fault itself where it is none of the client's business.
 *
 * @internal
 */
export async function toException(error: unknown, context: ExecutionContext, reply: Reply): Promise<unknown> {
  const response = errorResponseOf(error, reply.realm, reply.offer);
  if (!response) return error;
  switch (context.getType<string>()) {
    case 'ws':
    case 'rpc':
      return messageExceptionOf(response, error, context);
    case 'graphql':
      setNonce(response.headers['DPoP-Nonce'], context, reply.adapter);
      return graphqlExceptionOf(response, error);
    case 'http':
      if (!ownAnswer(error)) setHeaders(response, context, reply.adapter);
      return httpExceptionOf(response, error);
    default:
      return httpExceptionOf(response, error);
  }
}

/**
 * Hands a client the nonce for its next proof: where a proof lacks it, and where it is about to end
 * (RFC 9449 section 8.2).
 *
 * @internal
 */
export function setNonce(nonce: string | undefined, context: ExecutionContext, adapter: AbstractHttpAdapter): void {
  if (nonce === undefined) return;
  const response = responseOf(context);
  if (!isObject(response) || adapter.isHeadersSent(response)) return;
  for (const [name, value] of Object.entries(nonceHeaders(nonce))) adapter.setHeader(response, name, value);
}

/** Of GraphQL only where the context, or Express's request, has it. @internal */
export function responseOf(context: ExecutionContext): unknown {
  if (context.getType<string>() !== 'graphql') return context.switchToHttp().getResponse();
  const own = fieldsOf(graphqlContext(context));
  return own['res'] ?? own['reply'] ?? fieldsOf(own['req'])['res'];
}

/** @internal */
export function setHeaders(
  errorResponse: ErrorResponse,
  context: ExecutionContext,
  adapter: AbstractHttpAdapter,
): void {
  const response: unknown = context.switchToHttp().getResponse();
  if (adapter.isHeadersSent(response)) return;
  for (const [name, value] of Object.entries(errorResponse.headers)) adapter.setHeader(response, name, value);
}
