import type { ExecutionContext } from '@nestjs/common';
import { stateOf } from './context-state.js';
import { knownOf, requestStateOf, type RequestState } from './request-state.js';
import { fieldsOf, isObject, type Fields } from './fields.js';
import { isPublic } from './route-metadata.js';
import { upgradeRequestOf } from './upgrade-request.js';
import type { ClaimsErrorMapper, Authentication } from './verification.js';

/**
 * The request behind an `ExecutionContext`: that which has the headers, and which `tokenFrom` gets.
 *
 * - HTTP: the request, of Express or Fastify.
 * - GraphQL, told by the shape of the arguments: the context object's `req` or `request`; for
 *   graphql-ws `extra.request`, of that object or of the `req` that Nest's driver for Apollo makes
 *   of graphql-ws's context.
 * - WebSocket: socket.io's handshake; for `ws` the upgrade request, where the application or
 *   `withUpgradeRequest` keeps it.
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
 * What `user` and `auth` are attached to. For a WebSocket the client: its handshake has an `auth`
 * of its own.
 *
 * @internal
 */
export function attachTargetOf(context: ExecutionContext): object | undefined {
  const target: unknown =
    context.getType<string>() === 'ws' ? context.getArgByIndex(0) : (requestOf(context) ?? graphqlContext(context));
  return isObject(target) ? target : undefined;
}

/**
 * For how long a verification holds: for an HTTP request, which all fields of a GraphQL query
 * share; else for one message alone. A WebSocket brings its token once and stays, and the token may
 * have expired since. A guard that cannot find the request shares with one that could.
 *
 * @internal
 */
export function sharingKeyOf(context: ExecutionContext, request: unknown): object {
  const state = stateOf(context);
  state.sharedPer = isHttpRequest(request, context) ? request : (state.sharedPer ?? context);
  return state.sharedPer;
}

function isHttpRequest(request: unknown, context: ExecutionContext): request is object {
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
export function attachTo(target: unknown, authentication: Authentication, toException: ClaimsErrorMapper): void {
  attach(target, authentication, toException, undefined);
}

/** The same for what a guard was asked about. @internal */
export function attachIn(
  context: ExecutionContext,
  target: unknown,
  authentication: Authentication,
  toException: ClaimsErrorMapper,
): void {
  attach(target, authentication, toException, context.getHandler());
}

function attach(
  target: unknown,
  authentication: Authentication,
  toException: ClaimsErrorMapper,
  handler: unknown,
): void {
  if (!isObject(target)) return;
  const attached = target as { user: unknown; auth: unknown };
  attached.user = authentication.user;
  attached.auth = authentication.token;
  const state = requestStateOf(target);
  state.authentication = authentication;
  state.toException = toException;
  state.handler = handler;
}

/** What a request was let in with, and by whom its claims are refused later. @internal */
export type AttachedAuthentication = Pick<RequestState, 'toException'> & { readonly authentication: Authentication };

/**
 * What this request was let in with; `undefined` where neither our guard nor our strategy let it
 * in. The fields of a GraphQL request share that, but for those that are public; the messages of a
 * WebSocket do not, nor does a handler get what another was let in with.
 *
 * @internal
 */
export function getAuthentication(context: ExecutionContext): AttachedAuthentication | undefined {
  const target = attachTargetOf(context);
  const state = target && knownOf(target);
  if (!state?.authentication) return undefined;
  const type = context.getType<string>();
  if (type === 'graphql' && isPublic(context)) return undefined;
  if (type === 'ws' && state.handler !== context.getHandler()) return undefined;
  return state as AttachedAuthentication;
}

/**
 * Takes away what {@link attachTo} put there, and nothing that came from elsewhere since.
 *
 * @internal
 */
export function detach(target: object | undefined): void {
  const state = target && knownOf(target);
  if (!target || !state?.authentication) return;
  const { authentication } = state;
  state.authentication = undefined;
  const { user, auth } = fieldsOf(target);
  if (user === authentication.user) Reflect.deleteProperty(target, 'user');
  if (auth === authentication.token) Reflect.deleteProperty(target, 'auth');
}

/**
 * What clients of graphql-ws sent as `connectionParams`, which browsers have in place of headers.
 *
 * @internal
 */
export function connectionParams(context: ExecutionContext): unknown {
  const { connectionParams: own, req } = fieldsOf(graphqlContext(context));
  return own ?? fieldsOf(req)['connectionParams'];
}

function graphqlRequest(context: Fields): unknown {
  const request = context['req'] ?? context['request'] ?? context;
  return fieldsOf(fieldsOf(request)['extra'])['request'] ?? (request === context ? undefined : request);
}
