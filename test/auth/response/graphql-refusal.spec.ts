import { ForbiddenException, ServiceUnavailableException, UnauthorizedException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { graphqlExceptionOf } from '../../../lib/auth/response/graphql-refusal.js';
import { errorResponseOf } from '../../../lib/auth/response/refusal.js';
import { JwksConnectionError, TokenExpiredError, TokenRefusedError } from '../../../lib/core/errors.js';

const exceptionOf = (error: Error) => graphqlExceptionOf(errorResponseOf(error)!, error);

describe('graphqlExceptionOf', () => {
  it.each([
    [new TokenExpiredError(), UnauthorizedException, 401, 'Unauthorized', 'The access token has expired'],
    [
      new JwksConnectionError('down'),
      ServiceUnavailableException,
      503,
      'Service Unavailable',
      'The keys that verify access tokens are not available',
    ],
  ])('says code and status in `extensions`, and no `statusCode`: %s', (...row) => {
    const [fault, Exception, status, name, message] = row;
    const exception = exceptionOf(fault);
    expect(exception).toBeInstanceOf(Exception);
    expect(exception).toMatchObject({ cause: fault, extensions: { code: fault.code, status } });
    expect(exception.getStatus()).toBe(status);
    expect(exception.getResponse()).toEqual({ message, error: name, code: fault.code });
  });

  it('is the one that validate threw', () => {
    const chosen = new ForbiddenException('No licence');
    expect(exceptionOf(new TokenRefusedError(undefined, { cause: chosen }))).toBe(chosen);
    expect(chosen).not.toHaveProperty('extensions');
  });
});
