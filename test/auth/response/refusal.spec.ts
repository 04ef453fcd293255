import { ForbiddenException, HttpException, UnauthorizedException } from '@nestjs/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AmbiguousTokenError,
  InsufficientScopeError,
  InvalidClaimError,
  InvalidJwkSetError,
  InvalidSignatureError,
  JwksConfigurationError,
  JwksConnectionError,
  MalformedTokenError,
  MissingTokenError,
  SigningKeyNotFoundError,
  TokenError,
  TokenExpiredError,
  TokenNotActiveError,
  TokenRefusedError,
  UnsupportedAlgorithmError,
  UntrustedIssuerError,
} from '../../../lib/core/errors.js';
import { httpExceptionOf, ownAnswer, errorResponseOf } from '../../../lib/auth/response/refusal.js';

const invalid = [
  new MalformedTokenError(),
  new UntrustedIssuerError(),
  new UnsupportedAlgorithmError(),
  new SigningKeyNotFoundError('No signing key has the kid "secret-kid"', undefined, 'secret-kid'),
  new InvalidSignatureError(),
  new TokenExpiredError(),
  new TokenNotActiveError(),
  new InvalidClaimError('aud'),
  new TokenRefusedError('secret reason'),
];

/**
 * RFC 6750 section 3: a challenge on one line, each parameter once, values without quotes inside.
 */
const CHALLENGE =
  /^Bearer( [a-z_]+="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\.)*"(, [a-z_]+="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\.)*")*)?$/;

describe('errorResponseOf', () => {
  it('answers a request without a token with a challenge that has no error', () => {
    const response = errorResponseOf(new MissingTokenError());
    expect(response).toEqual({
      status: 401,
      headers: { 'WWW-Authenticate': 'Bearer' },
      body: { statusCode: 401, message: 'An access token is required', error: 'Unauthorized', code: 'token_missing' },
    });
    expect(errorResponseOf(new MissingTokenError(), 'orders')?.headers).toEqual({
      'WWW-Authenticate': 'Bearer realm="orders"',
    });
  });

  it.each(invalid)('answers %s with 401 invalid_token', (error) => {
    const response = errorResponseOf(error, 'orders');
    expect(response?.status).toBe(401);
    expect(response?.headers['WWW-Authenticate']).toBe(
      `Bearer realm="orders", error="invalid_token", error_description="${response?.body.message}"`,
    );
    expect(response?.body).toEqual({
      statusCode: 401,
      message: expect.any(String),
      error: 'Unauthorized',
      code: error.code,
    });
    expect(JSON.stringify(response)).not.toMatch(/secret|kid/);
  });

  it('answers two tokens with 400 invalid_request', () => {
    expect(errorResponseOf(new AmbiguousTokenError())).toEqual({
      status: 400,
      headers: {
        'WWW-Authenticate':
          'Bearer error="invalid_request", error_description="The request has more than one access token"',
      },
      body: {
        statusCode: 400,
        message: 'The request has more than one access token',
        error: 'Bad Request',
        code: 'invalid_request',
      },
    });
  });

  it('answers a missing scope with 403 and the scopes', () => {
    expect(errorResponseOf(new InsufficientScopeError(['orders:read', 'orders:write']))).toEqual({
      status: 403,
      headers: {
        'WWW-Authenticate':
          'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is required", scope="orders:read orders:write"',
      },
      body: {
        statusCode: 403,
        message: 'The access token lacks a scope that is required',
        error: 'Forbidden',
        code: 'insufficient_scope',
      },
    });
  });

  it.each([
    [undefined, '5'],
    [0, '1'],
    [1, '1'],
    [1001, '2'],
    [30_000, '30'],
    [Number.NaN, '5'],
    [Number.POSITIVE_INFINITY, '5'],
  ])('answers an outage with 503, no challenge and whole seconds: %s ms', (milliseconds, seconds) => {
    for (const Fault of [JwksConnectionError, InvalidJwkSetError]) {
      const error = new Fault('GET https://internal.example/keys failed', { retryAfter: milliseconds });
      expect(errorResponseOf(error, 'orders')).toEqual({
        status: 503,
        headers: { 'Retry-After': seconds },
        body: {
          statusCode: 503,
          message: 'The keys that verify access tokens are not available',
          error: 'Service Unavailable',
          code: error.code,
        },
      });
    }
  });

  it.each([new JwksConfigurationError('bad'), new TypeError('bug'), undefined, null, 'text', {}])(
    'has no answer for %s',
    (error) => {
      expect(errorResponseOf(error)).toBeUndefined();
    },
  );

  it('takes a fault that an application derived for a rejected token, and keeps its code to itself', () => {
    class Banned extends TokenError {
      override readonly code = 'secret_list';
    }
    expect(errorResponseOf(new Banned('x'))?.body.code).toBe('token_refused');
    class Odd extends TokenError {
      override readonly code = 'constructor';
    }
    expect(errorResponseOf(new Odd('x'))?.body.code).toBe('token_refused');
  });

  it('keeps any realm inside its quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (realm) => {
        for (const error of [new MissingTokenError(), new TokenExpiredError(), new InsufficientScopeError(['a'])]) {
          expect(errorResponseOf(error, realm)?.headers['WWW-Authenticate']).toMatch(CHALLENGE);
        }
      }),
    );
    expect(errorResponseOf(new MissingTokenError(), 'a"b\\c\r\nSet-Cookie: x')?.headers).toEqual({
      'WWW-Authenticate': 'Bearer realm="a\\"b\\\\c??Set-Cookie: x"',
    });
  });
});

describe('httpExceptionOf', () => {
  const exceptionOf = (error: Error): HttpException => httpExceptionOf(errorResponseOf(error)!, error);

  it('is the exception that Nest has for the status, with the very body and the fault as its cause', () => {
    const error = new TokenExpiredError();
    const exception = exceptionOf(error);
    expect(exception).toBeInstanceOf(UnauthorizedException);
    expect(exception.getStatus()).toBe(401);
    expect(exception.getResponse()).toEqual(errorResponseOf(error)?.body);
    expect(exception.cause).toBe(error);
  });

  it('is the one that validate threw', () => {
    const chosen = new ForbiddenException('No licence');
    const error = new TokenRefusedError(undefined, { cause: chosen });
    expect(exceptionOf(error)).toBe(chosen);
    expect(ownAnswer(error)).toBe(chosen);
  });

  it('is not one that happens to be the cause of something else', () => {
    const error = new MalformedTokenError(undefined, { cause: new ForbiddenException() });
    expect(exceptionOf(error).getStatus()).toBe(401);
    expect(ownAnswer(error)).toBeUndefined();
    expect(exceptionOf(new TokenRefusedError(undefined, { cause: new Error('x') })).getStatus()).toBe(401);
  });

  it('is not that of an error which only looks like ours', () => {
    const error = Object.assign(new Error('x', { cause: new ForbiddenException() }), { code: 'token_refused' });
    expect(ownAnswer(error)).toBeUndefined();
    expect(ownAnswer(undefined)).toBeUndefined();
  });
});
