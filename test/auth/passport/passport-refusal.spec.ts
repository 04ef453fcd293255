import { ForbiddenException, UnauthorizedException, type ExecutionContext, type HttpException } from '@nestjs/common';
import type { IAuthGuard } from '@nestjs/passport';
import { beforeEach, describe, expect, it } from 'vitest';
import { errorResponseIn, patchAuthGuard, keepResponse } from '../../../lib/auth/passport/passport-refusal.js';
import { httpExceptionOf, errorResponseOf } from '../../../lib/auth/response/refusal.js';
import { AmbiguousTokenError, JwksConnectionError, TokenExpiredError } from '../../../lib/core/errors.js';
import { contextOf, httpRequest } from '../support/contexts.js';

/**
 * What `AuthGuard(name)` makes: a class that throws what `handleRequest` throws, and finds the
 * reason on the request.
 */
function newAuthGuard(thrown?: unknown) {
  return class Guard implements IAuthGuard {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      if (thrown !== undefined) this.handleRequest();
      return context.getType() === 'http';
    }

    handleRequest<User>(): User {
      throw thrown;
    }

    async logIn(): Promise<void> {}

    getAuthenticateOptions(): undefined {
      return undefined;
    }

    getRequest(context: ExecutionContext): unknown {
      return context.getArgByIndex(0);
    }
  };
}

let headers: Record<string, string>;
const response = { header: (name: string, value: string) => (headers[name] = value) };
beforeEach(() => {
  headers = {};
});

const expired = new TokenExpiredError();
const CHALLENGE = { 'WWW-Authenticate': expect.stringMatching('invalid_token') };

/** As the strategy leaves a fault behind. */
function keep(fault: Error): HttpException {
  const response = errorResponseOf(fault)!;
  const exception = httpExceptionOf(response, fault);
  keepResponse({ response, exception }, fault, exception);
  return exception;
}

/**
 * What the guard answers where it throws `thrown`, and `info` is the reason that Passport put on
 * the request.
 */
async function answerTo(thrown: unknown, info?: unknown, { type = 'http', Guard = newAuthGuard(thrown) } = {}) {
  const context = contextOf(type, [{ ...httpRequest({}), authInfo: info }, response]);
  patchAuthGuard(Guard);
  return new Guard().canActivate(context).catch((error: unknown) => error);
}

describe('patchAuthGuard', () => {
  it('leaves alone what is accepted', async () => {
    await expect(answerTo(undefined)).resolves.toBe(true);
    await expect(answerTo(undefined, undefined, { type: 'rpc' })).resolves.toBe(false);
  });

  it('says why in place of a bare exception, with the challenge', async () => {
    const exception = keep(expired);
    await expect(answerTo(new UnauthorizedException(), expired)).resolves.toBe(exception);
    expect(headers).toEqual(CHALLENGE);
  });

  it('says so with its own status: two tokens are no 401', async () => {
    const fault = new AmbiguousTokenError();
    const exception = keep(fault);
    await expect(answerTo(new UnauthorizedException(), fault)).resolves.toBe(exception);
    expect(exception.getStatus()).toBe(400);
  });

  it('says when to come again where our exception itself is thrown', async () => {
    const exception = keep(new JwksConnectionError('down'));
    await expect(answerTo(exception)).resolves.toBe(exception);
    expect(headers).toEqual({ 'Retry-After': '5' });
  });

  it('sets headers for HTTP alone', async () => {
    const exception = keep(expired);
    await expect(answerTo(new UnauthorizedException(), expired, { type: 'graphql' })).resolves.toBe(exception);
    expect(headers).toEqual({});
  });

  it.each<[string, unknown, unknown]>([
    ['an exception without a reason', new ForbiddenException(), undefined],
    ['an exception with the reason of another strategy', new UnauthorizedException(), new Error('no API key')],
    ['a reason in words', new UnauthorizedException(), 'No auth token'],
    ['a bug', new TypeError('bug'), undefined],
    ['what is no error', 'text', undefined],
    ['a bug beside a reason of ours', new TypeError('bug'), expired],
  ])('lets what is not ours go its way: %s', async (_, thrown, info) => {
    keep(expired);
    await expect(answerTo(thrown, info)).resolves.toBe(thrown);
    expect(headers).toEqual({});
  });

  describe('where a subclass decides by a `handleRequest` of its own', () => {
    /**
     * The class that answers is the one that `AuthGuard` made, and the application's is derived
     * from it.
     */
    async function ran(thrown: unknown, info: unknown): Promise<unknown> {
      const Guard = newAuthGuard('anything');
      patchAuthGuard(Guard);
      class Deciding extends Guard {
        override handleRequest<User>(): User {
          throw thrown;
        }
      }
      const context = contextOf('http', [{ ...httpRequest({}), authInfo: info }, response]);
      return new Deciding().canActivate(context).catch((error: unknown) => error);
    }

    it('adds the challenge to words of its own for the same status', async () => {
      keep(expired);
      const own = new UnauthorizedException('Go away');
      await expect(ran(own, expired)).resolves.toBe(own);
      expect(headers).toEqual(CHALLENGE);
    });

    it('adds nothing to another status', async () => {
      keep(expired);
      const own = new ForbiddenException('Not this way');
      await expect(ran(own, expired)).resolves.toBe(own);
      expect(headers).toEqual({});
    });

    it('adds nothing where it throws the fault itself', async () => {
      keep(expired);
      await expect(ran(expired, expired)).resolves.toBe(expired);
      expect(headers).toEqual({});
    });
  });

  it('takes a reason that is no object as it comes', () => {
    const response = errorResponseOf(expired)!;
    const exception = httpExceptionOf(response, expired);
    expect(() => keepResponse({ response, exception }, 'No auth token', undefined)).not.toThrow();
  });

  it('answers once, however often it is asked to', async () => {
    keep(expired);
    const Guard = newAuthGuard(new UnauthorizedException());
    patchAuthGuard(Guard);
    const { canActivate } = Guard.prototype;
    patchAuthGuard(Guard);
    expect(Guard.prototype.canActivate).toBe(canActivate);
  });
});

describe('errorResponseIn', () => {
  const errorResponse = errorResponseOf(expired)!;
  const answerOn = (type: string) => errorResponseIn(contextOf(type, [{}, response]), errorResponse, expired);

  it('is the exception of Nest, with the challenge, for HTTP', () => {
    expect(answerOn('http').getResponse()).toEqual(errorResponse.body);
    expect(headers).toEqual(CHALLENGE);
  });

  it('has `extensions`, and sets no header, for GraphQL', () => {
    expect(answerOn('graphql')).toMatchObject({ extensions: { code: 'token_expired', status: 401 } });
    expect(headers).toEqual({});
  });

  it('sets no header anywhere else', () => {
    const answer = answerOn('rpc');
    expect(answer.getResponse()).toEqual(errorResponse.body);
    expect(answer).not.toHaveProperty('extensions');
    expect(headers).toEqual({});
  });

  it('sets headers as Node has it where a response has no `header`, and none where it has neither', () => {
    const set: unknown[] = [];
    const bare = {
      setHeader(this: unknown, ...args: unknown[]) {
        set.push([this === bare, ...args]);
      },
    };
    errorResponseIn(contextOf('http', [{}, bare]), errorResponse, expired);
    expect(set).toEqual([[true, 'WWW-Authenticate', CHALLENGE['WWW-Authenticate']]]);
    for (const other of [{}, undefined, { header: 'x' }])
      expect(errorResponseIn(contextOf('http', [{}, other]), errorResponse, expired).getStatus()).toBe(401);
  });
});
