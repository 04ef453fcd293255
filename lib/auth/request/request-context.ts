import { Readable } from 'node:stream';
import type { ExecutionContext } from '@nestjs/common';
import type { JwksService } from '../../jwks.service.js';
import { stateOf } from '../context-state.js';
import { fieldsOf, isObject, type Fields } from '../fields.js';
import { toMcpAuthInfo } from '../mcp-auth-info.js';
import { upgradeRequestOf } from './upgrade-request.js';
import type { Authentication } from '../verification.js';

/**
 * The request behind an `ExecutionContext`: that which has the headers, and which `tokenFrom` gets.
 *
 * - HTTP: the request, of Express or Fastify.
 * - GraphQL, recognized by the shape of the arguments: the context object's `req` or `request`; for
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
 * The object that `user` and `auth` are attached to. None for a gateway: its client is shared by
 * messages that overlap and may have different tokens.
 *
 * @internal
 */
export function attachTargetOf(context: ExecutionContext): object | undefined {
  if (context.getType<string>() === 'ws') return undefined;
  const target: unknown = requestOf(context) ?? graphqlContext(context);
  return isObject(target) ? target : undefined;
}

/**
 * The object for whose lifetime a verification is shared: the HTTP request, which all fields of a
 * GraphQL query share, or a single message. A WebSocket brings its token once and stays, and the
 * token may have expired since. A guard that cannot find the request shares with one that could.
 *
 * @internal
 */
export function sharingKeyOf(context: ExecutionContext, request: unknown): object {
  const state = stateOf(context);
  state.sharedPer = isHttpRequest(request, context) ? request : (state.sharedPer ?? context);
  return state.sharedPer;
}

/**
 * Only a request of an HTTP route, and Node's own (so Express's and Fastify's), is one HTTP
 * exchange. Other objects, such as a WHATWG `Request`, may be those of a socket that stays.
 *
 * @internal
 */
export function isHttpRequest(request: unknown, context: ExecutionContext): request is object {
  const type = context.getType<string>();
  if (type === 'ws' || !isObject(request)) return false;
  // Nothing needs to be read of it, which is dear with Express.
  if (type === 'http' && request === requestOf(context)) return true;
  return isHttpExchange(request);
}

/** The same, of a request alone. @internal */
export function isHttpExchange(request: unknown): request is object {
  const own = isNodeRequest(request) ? request : fieldsOf(request)['raw'];
  const { headers } = fieldsOf(own);
  if (!isNodeRequest(own) || !isObject(headers)) return false;
  const { upgrade } = fieldsOf(headers);
  return typeof upgrade !== 'string' || upgrade.toLowerCase() !== 'websocket';
}

/** All are streams, also those that Fastify's `inject` makes, which nothing that came as data can be. */
function isNodeRequest(request: unknown): request is Readable {
  return request instanceof Readable;
}

/** The third of four arguments of a resolver, the second of three of a reference resolver. @internal */
export function graphqlContext(context: ExecutionContext): unknown {
  if (context.getType<string>() !== 'graphql') return undefined;
  return context.getArgByIndex(context.getArgs().length > 3 ? 2 : 1);
}

/**
 * Puts `user` and `auth` on a request, a GraphQL context or the context of a message. What
 * `@Claims` reads is bound to the invocation instead, where others do not write. The MCP SDK reads
 * `auth` of Node's own request, which Fastify keeps as `raw`.
 *
 * @internal
 */
export function attachTo(
  target: unknown,
  authentication: Authentication,
  jwks?: Pick<JwksService, 'settings' | 'resource'>,
): void {
  if (!isObject(target)) return;
  const { user, token } = authentication;
  if (!jwks?.settings.attachMcp) {
    Object.assign(target, { user, auth: token });
    return;
  }
  const auth = toMcpAuthInfo(authentication, jwks.resource);
  Object.assign(target, { user, auth });
  const { raw } = fieldsOf(target);
  if (isNodeRequest(raw)) Object.assign(raw, { auth });
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
