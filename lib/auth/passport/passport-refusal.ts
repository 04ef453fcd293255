import { HttpException, type ExecutionContext, type Type } from '@nestjs/common';
import type { IAuthGuard } from '@nestjs/passport';
import { graphqlExceptionOf } from '../response/graphql-refusal.js';
import { responseOf } from '../response/refuse.js';
import { httpExceptionOf, nonceHeaders, type ErrorResponse } from '../response/refusal.js';
import { fieldsOf, isObject } from '../fields.js';
import { bindToInvocation } from '../invocation.js';
import { knownOf } from '../request/request-state.js';

interface KeptResponse {
  readonly response: ErrorResponse;
  readonly exception: HttpException;
}

type HeaderSetter = (name: string, value: string) => unknown;

/** Marks a class that answers for us already, also for another copy of this package. */
const PATCHED = Symbol.for('nestjs-jwks.answers');

/**
 * By the fault, which `AuthGuard` keeps as `request.authInfo`, and by the exception, where that is
 * what it throws.
 */
const kept = new WeakMap<object, KeptResponse>();

/** @internal */
export function keepResponse(response: KeptResponse, ...keys: unknown[]): void {
  for (const key of keys) if (isObject(key)) kept.set(key, response);
}

/**
 * Lets `AuthGuard('jwks')` say why. It drops what the strategy gave as the reason and throws a bare
 * `UnauthorizedException`; telling it by `error()` instead would end every chain of strategies at
 * ours and take `info` from those who override `handleRequest`. `AuthGuard` makes one class for
 * each name, and this name is ours: its `canActivate` sets the headers and, unless a subclass
 * decides by a `handleRequest` of its own, throws what our guard would throw. Faults that are not
 * ours go their way untouched.
 *
 * @internal
 */
export function patchAuthGuard(guard: Type<IAuthGuard>): void {
  const prototype = guard.prototype as IAuthGuard & { [PATCHED]?: boolean };
  if (prototype[PATCHED]) return;
  const { canActivate, handleRequest } = prototype;
  prototype.canActivate = async function (this: IAuthGuard, context: ExecutionContext) {
    try {
      const isAccepted = (await canActivate.call(this, context)) as boolean;
      const request: unknown = this.getRequest(context);
      bindFromRequest(request, context);
      setNonce(isObject(request) ? knownOf(request)?.proof?.nextNonce : undefined, context);
      return isAccepted;
    } catch (error) {
      const info = fieldsOf(this.getRequest(context))['authInfo'];
      throw answerOf({ error, info, ran: this.handleRequest !== handleRequest }, context);
    }
  };
  prototype[PATCHED] = true;
}

/**
 * Binds what the strategy attached to a request to the field or message that was asked about. A
 * request that stays, such as that of graphql-ws, may still hold an earlier one: `authInfo` shows
 * which strategy succeeded now.
 */
function bindFromRequest(request: unknown, context: ExecutionContext): void {
  const attached = isObject(request) ? knownOf(request)?.attached : undefined;
  if (attached && fieldsOf(request)['authInfo'] === attached.authentication.token) bindToInvocation(context, attached);
}

/** `decided`: the application's own `handleRequest` chose the error. */
function answerOf(thrown: { error: unknown; info: unknown; ran: boolean }, context: ExecutionContext): unknown {
  const { error, info, ran } = thrown;
  const known = keptFor(error) ?? keptFor(info);
  if (!known || !(error instanceof HttpException)) return error;
  const { response, exception } = known;
  if (ran && error.getStatus() !== response.status) return error;
  if (context.getType<string>() === 'http') setHeaders(context.switchToHttp().getResponse(), response.headers);
  else setNonce(response.headers['DPoP-Nonce'], context);
  return ran ? error : exception;
}

/**
 * What is thrown in place of a handler's call, with the headers of a response set where there is
 * one.
 *
 * @internal
 */
export function errorResponseIn(context: ExecutionContext, response: ErrorResponse, error: unknown): HttpException {
  if (context.getType<string>() === 'graphql') return graphqlExceptionOf(response, error);
  if (context.getType<string>() === 'http') setHeaders(context.switchToHttp().getResponse(), response.headers);
  return httpExceptionOf(response, error);
}

function keptFor(key: unknown): KeptResponse | undefined {
  return isObject(key) ? kept.get(key) : undefined;
}

/** Gateways and microservices have no proofs, and so no nonces. */
function setNonce(nonce: string | undefined, context: ExecutionContext): void {
  if (nonce !== undefined) setHeaders(responseOf(context), nonceHeaders(nonce));
}

/** `header` is what the responses of Express and of Fastify have in common. */
function setHeaders(response: unknown, headers: ErrorResponse['headers']): void {
  const { header, setHeader } = fieldsOf(response);
  const set = header ?? setHeader;
  if (typeof set !== 'function') return;
  for (const [name, value] of Object.entries(headers)) (set as HeaderSetter).call(response, name, value);
}
