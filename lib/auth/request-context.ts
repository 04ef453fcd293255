import type { ExecutionContext } from '@nestjs/common';
import { stateOf } from './context-state.js';
import { knownOf, requestStateOf, type RequestState } from './request-state.js';
import { fieldsOf, isObject, type Fields } from './fields.js';
import { isPublic } from './route-metadata.js';
import { upgradeRequestOf } from './upgrade-request.js';
import type { ClaimsRefuser, Verification } from './verification.js';

/**
 * The request behind an `ExecutionContext`: that which has the headers, and which `tokenFrom` gets.
 *
 * - HTTP: the request, of Express or Fastify.
 * - GraphQL, told by the shape of the arguments: the context object's `req` or `request`; for graphql-ws `extra.request`, of that object or
 *   of the `req` that Nest's driver for Apollo makes of graphql-ws's context.
 * - WebSocket: socket.io's handshake; for `ws` the upgrade request, where the application or `withUpgradeRequest` keeps it.
 * - RPC: the transport's context (NATS, Kafka, RabbitMQ, MQTT) or the gRPC metadata.
 *
 * @internal
 */
export function requestOf(context: ExecutionContext): unknown {
  switch (context.getType<string>()) {
    case 'graphql':
      return graphqlRequest(fieldsOf(graphqlContext(context)));
    case 'ws': {
      const client: unknown = context.getArgByIndex(0);
      const { handshake, upgradeReq, request, req } = fieldsOf(client);
      return handshake ?? upgradeReq ?? request ?? req ?? upgradeRequestOf(client);
    }
    case 'rpc':
      return context.getArgByIndex(1);
    default:
      return context.getArgByIndex(0);
  }
}

/**
 * What `user` and `auth` are attached to. For a WebSocket the client: its handshake has an `auth` of its own.
 *
 * @internal
 */
export function carrierOf(context: ExecutionContext): object | undefined {
  const carrier: unknown =
    context.getType<string>() === 'ws' ? context.getArgByIndex(0) : (requestOf(context) ?? graphqlContext(context));
  return isObject(carrier) ? carrier : undefined;
}

/**
 * For how long a verification holds: for an HTTP request, which all fields of a GraphQL query share; else for one message alone. A WebSocket
 * brings its token once and stays, and the token may have expired since. A guard that cannot find the request shares with one that could.
 *
 * @internal
 */
export function scopeOf(context: ExecutionContext, request: unknown): object {
  const state = stateOf(context);
  state.scope = isExchange(request, context) ? request : (state.scope ?? context);
  return state.scope;
}

function isExchange(request: unknown, context: ExecutionContext): request is object {
  const type = context.getType<string>();
  if (type === 'ws') return false;
  // That of an HTTP route is one: nothing needs to be read of it, which is dear with Express.
  if (type === 'http' && isObject(request) && request === requestOf(context)) return true;
  const { method, headers } = fieldsOf(request);
  const { upgrade } = fieldsOf(headers);
  return typeof method === 'string' && !(typeof upgrade === 'string' && upgrade.toLowerCase() === 'websocket');
}

/** The third of four arguments of a resolver, the second of three of a reference resolver. */
function graphqlContext(context: ExecutionContext): unknown {
  if (context.getType<string>() !== 'graphql') return undefined;
  return context.getArgByIndex(context.getArgs().length > 3 ? 2 : 1);
}

/** @internal */
export function attachTo(carrier: unknown, verification: Verification, refuse: ClaimsRefuser): void {
  attach(carrier, verification, refuse, undefined);
}

/** The same for what a guard was asked about. @internal */
export function attachIn(
  context: ExecutionContext,
  carrier: unknown,
  verification: Verification,
  refuse: ClaimsRefuser,
): void {
  attach(carrier, verification, refuse, context.getHandler());
}

function attach(carrier: unknown, verification: Verification, refuse: ClaimsRefuser, handler: unknown): void {
  if (!isObject(carrier)) return;
  const bearer = carrier as { user: unknown; auth: unknown };
  bearer.user = verification.user;
  bearer.auth = verification.auth;
  const state = requestStateOf(carrier);
  state.verification = verification;
  state.refuse = refuse;
  state.handler = handler;
}

/** What a request was let in with, and by whom its claims are refused later. @internal */
export type Admission = Pick<RequestState, 'refuse'> & { readonly verification: Verification };

/**
 * What this request was let in with; `undefined` where neither our guard nor our strategy let it in. The fields of a GraphQL request share
 * that, but for those that are public; the messages of a WebSocket do not, nor does a handler get what another was let in with.
 *
 * @internal
 */
export function recall(context: ExecutionContext): Admission | undefined {
  const carrier = carrierOf(context);
  const state = carrier && knownOf(carrier);
  if (!state?.verification) return undefined;
  const type = context.getType<string>();
  if (type === 'graphql' && isPublic(context)) return undefined;
  if (type === 'ws' && state.handler !== context.getHandler()) return undefined;
  return state as Admission;
}

/** Takes away what {@link attachTo} put there, and nothing that came from elsewhere since. @internal */
export function detachFrom(carrier: object | undefined): void {
  const state = carrier && knownOf(carrier);
  if (!carrier || !state?.verification) return;
  const { verification } = state;
  state.verification = undefined;
  const { user, auth } = fieldsOf(carrier);
  if (user === verification.user) Reflect.deleteProperty(carrier, 'user');
  if (auth === verification.auth) Reflect.deleteProperty(carrier, 'auth');
}

/** What clients of graphql-ws sent as `connectionParams`, which browsers have in place of headers. @internal */
export function connectionParams(context: ExecutionContext): unknown {
  const { connectionParams: own, req } = fieldsOf(graphqlContext(context));
  return own ?? fieldsOf(req)['connectionParams'];
}

function graphqlRequest(context: Fields): unknown {
  const request = context['req'] ?? context['request'] ?? context;
  return fieldsOf(fieldsOf(request)['extra'])['request'] ?? (request === context ? undefined : request);
}
