import type { ExecutionContext } from '@nestjs/common';
import { isObject, fieldsOf } from './fields.js';
import { isPublic } from './route-metadata.js';
import { knownOf, requestStateOf } from './request/request-state.js';
import type { AttachedAuthentication } from './verification.js';

/**
 * One call of a handler of a gateway or microservice. Clients stay connected and their messages
 * overlap, so an authentication must belong to the call. Nest hands the elements of the guard's
 * arguments to the parameter factories of the very same call: an element of ours ties the two.
 */
class MessageCall {
  attached: AttachedAuthentication | undefined;
}

/** Of GraphQL fields, by their `info`, of which each field has its own. */
const fields = new WeakMap<object, AttachedAuthentication>();

/** Of the root fields of a GraphQL operation, by the variables, of which each execution has its own. */
const rootFields = new WeakMap<object, Map<unknown, AttachedAuthentication>>();

/** Handlers that a guard of ours guards: all of their calls pass it. */
const guarded = new WeakSet<object>();

/** Ties an authentication to the invocation that the guard was asked about. @internal */
export function bindToInvocation(context: ExecutionContext, attached: AttachedAuthentication): void {
  switch (context.getType<string>()) {
    case 'ws':
    case 'rpc':
      messageCallOf(context).attached = attached;
      return;
    case 'graphql':
      bindToField(infoOf(context), attached);
      return;
    default:
      bindToRequest(context.getArgByIndex(0), attached);
  }
}

/** Ties an authentication to an HTTP request, which is handled once. @internal */
export function bindToRequest(request: unknown, attached: AttachedAuthentication): void {
  if (isObject(request)) requestStateOf(request).attached = attached;
}

/**
 * Remembers that the calls of this handler pass a guard of ours, which has accepted this one. A
 * handler that was accepted with a token never goes on without claims: see {@link attachedOf}.
 *
 * @internal
 */
export function markGuarded(context: ExecutionContext): void {
  const type = context.getType<string>();
  if (type !== 'ws' && type !== 'rpc') return;
  messageCallOf(context);
  const handler: unknown = context.getHandler();
  if (isObject(handler)) guarded.add(handler);
}

/**
 * The authentication of this very invocation; `undefined` if neither our guard nor our strategy
 * accepted a token for it. A field of a GraphQL operation without a guard of its own has that of its
 * root field.
 *
 * @throws Error if a guard of ours guards the handler and this call did not pass it: claims that are
 * `undefined` would read as "no condition" in a query.
 * @internal
 */
export function attachedOf(context: ExecutionContext): AttachedAuthentication | undefined {
  switch (context.getType<string>()) {
    case 'ws':
    case 'rpc': {
      const call = findMessageCall(context);
      if (call === undefined && guarded.has(context.getHandler())) throw new Error(LOST);
      return call?.attached;
    }
    case 'graphql':
      return isPublic(context) ? undefined : attachedToField(infoOf(context));
    default: {
      const request: unknown = context.getArgByIndex(0);
      return isObject(request) ? knownOf(request)?.attached : undefined;
    }
  }
}

const LOST =
  'The authentication of this message was lost: its arguments were replaced after the guard. Handlers must get the arguments that Nest passed to the guard';

function messageCallOf(context: ExecutionContext): MessageCall {
  const known = findMessageCall(context);
  if (known) return known;
  const call = new MessageCall();
  const args: unknown[] = context.getArgs();
  // Nest reads client or data, and data or context, by their index, and the pattern of a gateway's
  // message from the end.
  while (args.length < 2) args.push(undefined);
  if (context.getType<string>() === 'ws' && args.length > 2) args.splice(-1, 0, call);
  else args.push(call);
  return call;
}

function findMessageCall(context: ExecutionContext): MessageCall | undefined {
  return context.getArgs<unknown[]>().find((element) => element instanceof MessageCall);
}

function bindToField(info: unknown, attached: AttachedAuthentication): void {
  if (!isObject(info)) return;
  fields.set(info, attached);
  const { path, variableValues } = fieldsOf(info);
  if (!isObject(variableValues) || fieldsOf(path)['prev'] !== undefined) return;
  const roots = rootFields.get(variableValues) ?? new Map<unknown, AttachedAuthentication>();
  roots.set(fieldsOf(path)['key'], attached);
  rootFields.set(variableValues, roots);
}

function attachedToField(info: unknown): AttachedAuthentication | undefined {
  if (!isObject(info)) return undefined;
  const own = fields.get(info);
  if (own) return own;
  const { path, variableValues } = fieldsOf(info);
  if (!isObject(variableValues)) return undefined;
  let root = fieldsOf(path);
  while (isObject(root['prev'])) root = fieldsOf(root['prev']);
  return rootFields.get(variableValues)?.get(root['key']);
}

/** The last argument of a resolver and of a reference resolver. */
function infoOf(context: ExecutionContext): unknown {
  return context.getArgByIndex(context.getArgs().length - 1);
}
