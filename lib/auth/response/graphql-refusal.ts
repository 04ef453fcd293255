import { HttpException } from '@nestjs/common';
import { httpExceptionOf, ownAnswer, type ErrorResponse } from './refusal.js';

/** What `formatError`, error formatters and clients find in the `extensions` of a GraphQL error. */
interface Extensions {
  readonly code: string;
  readonly status: number;
}

/**
 * The refusal as the exception that reaches a client of GraphQL with our `code`, whatever the
 * driver. graphql-js takes `extensions` over from an error that has some. The body goes without
 * `statusCode`: by that Nest's driver for Apollo knows the exceptions whose code it replaces by one
 * of four, in which an outage is an internal error.
 *
 * @internal
 */
export function graphqlExceptionOf(response: ErrorResponse, error: unknown): HttpException {
  const chosen = ownAnswer(error);
  if (chosen) return chosen;
  const { status, body } = response;
  const { message, error: name, code } = body;
  const extensions: Extensions = { code, status };
  const Exception = httpExceptionOf(response, error).constructor as new (
    response: object,
    options: { cause: unknown },
  ) => HttpException;
  const exception = new Exception({ message, error: name, code }, { cause: error });
  // Apollo sends the stack along, outside of production; that of the fault stays, as the cause.
  const stack = `${exception.name}: ${message}`;
  return Object.assign(exception, { extensions, stack });
}
