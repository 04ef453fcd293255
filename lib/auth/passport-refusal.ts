import { HttpException, type ExecutionContext, type Type } from '@nestjs/common';
import type { IAuthGuard } from '@nestjs/passport';
import { graphqlExceptionOf } from './graphql-refusal.js';
import { httpExceptionOf, type Refusal } from './refusal.js';
import { fieldsOf, isObject } from './fields.js';

interface KeptRefusal {
  readonly refusal: Refusal;
  readonly exception: HttpException;
}

type HeaderSetter = (name: string, value: string) => unknown;

/** Marks a class that answers for us already, also for another copy of this package. */
const ANSWERS = Symbol.for('nestjs-jwks.answers');

/** By the fault, which `AuthGuard` keeps as `request.authInfo`, and by the exception, where that is what it throws. */
const kept = new WeakMap<object, KeptRefusal>();

/** @internal */
export function keepRefusal(refusal: KeptRefusal, ...keys: unknown[]): void {
  for (const key of keys) if (isObject(key)) kept.set(key, refusal);
}

/**
 * Lets `AuthGuard('jwks')` say why. It drops what the strategy gave as the reason and throws a bare `UnauthorizedException`; telling it by
 * `error()` instead would end every chain of strategies at ours and take `info` from those who override `handleRequest`. `AuthGuard` makes
 * one class for each name, and this name is ours: its `canActivate` sets the headers and, unless a subclass decides by a `handleRequest` of
 * its own, throws what our guard would throw. Faults that are not ours go their way untouched.
 *
 * @internal
 */
export function answerThroughAuthGuard(guard: Type<IAuthGuard>): void {
  const prototype = guard.prototype as IAuthGuard & { [ANSWERS]?: boolean };
  if (prototype[ANSWERS]) return;
  const { canActivate, handleRequest } = prototype;
  prototype.canActivate = async function (this: IAuthGuard, context: ExecutionContext) {
    try {
      return (await canActivate.call(this, context)) as boolean;
    } catch (error) {
      const info = fieldsOf(this.getRequest(context))['authInfo'];
      throw answerOf({ error, info, decided: this.handleRequest !== handleRequest }, context);
    }
  };
  prototype[ANSWERS] = true;
}

/** `decided`: the application's own `handleRequest` chose the error. */
function answerOf(thrown: { error: unknown; info: unknown; decided: boolean }, context: ExecutionContext): unknown {
  const { error, info, decided } = thrown;
  const known = keptFor(error) ?? keptFor(info);
  if (!known || !(error instanceof HttpException)) return error;
  const { refusal, exception } = known;
  if (decided && error.getStatus() !== refusal.status) return error;
  if (context.getType<string>() === 'http') setHeaders(context.switchToHttp().getResponse(), refusal);
  return decided ? error : exception;
}

/** What is thrown in place of a handler's call, with the headers of a response set where there is one. @internal */
export function answerIn(context: ExecutionContext, refusal: Refusal, error: unknown): HttpException {
  if (context.getType<string>() === 'graphql') return graphqlExceptionOf(refusal, error);
  if (context.getType<string>() === 'http') setHeaders(context.switchToHttp().getResponse(), refusal);
  return httpExceptionOf(refusal, error);
}

function keptFor(key: unknown): KeptRefusal | undefined {
  return isObject(key) ? kept.get(key) : undefined;
}

/** `header` is what the responses of Express and of Fastify have in common. */
function setHeaders(response: unknown, { headers }: Refusal): void {
  const { header, setHeader } = fieldsOf(response);
  const set = header ?? setHeader;
  if (typeof set !== 'function') return;
  for (const [name, value] of Object.entries(headers)) (set as HeaderSetter).call(response, name, value);
}
