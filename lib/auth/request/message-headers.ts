import { AmbiguousTokenError } from '../../core/errors.js';
import { fieldsOf } from '../fields.js';

/** @internal */
export const AUTHORIZATION = 'authorization';

/**
 * A message as `tokenFrom` gets it, in the form of an HTTP request where its transport has headers;
 * payload and context are there for those that have none.
 *
 * @internal
 */
export function messageRequest(data: unknown, context: unknown): object {
  const given = messageAuthorization(context).filter((value) => value !== undefined && value !== null);
  if (given.length > 1) throw new AmbiguousTokenError();
  const [value] = given;
  const headers = value === undefined ? {} : { authorization: Buffer.isBuffer(value) ? String(value) : value };
  return { headers, data, context };
}

/**
 * The values of `Authorization` that came with a message, found by the shape of its context.
 *
 * @internal
 */
export function messageAuthorization(message: unknown): readonly unknown[] {
  const context = fieldsOf(message);
  if (isMethod(context['getHeaders'])) return natsAuthorization(context['getHeaders'].call(message));
  if (isMethod(context['getMessage'])) return recordAuthorization(context['getMessage'].call(message));
  if (isMethod(context['getPacket']))
    return valuesIn(fieldsOf(fieldsOf(context['getPacket'].call(message))['properties'])['userProperties']);
  if (isMethod(context['get'])) return listed(context['get'].call(message, AUTHORIZATION));
  return valuesIn(context['headers']);
}

/** NATS headers are case-sensitive. */
function natsAuthorization(headers: unknown): readonly unknown[] {
  const { values } = fieldsOf(headers);
  if (!isMethod(values)) return valuesIn(headers);
  return [...new Set([AUTHORIZATION, 'Authorization'].flatMap((name) => listed(values.call(headers, name))))];
}

/** A Kafka message has `headers`, one of RabbitMQ `properties.headers`. */
function recordAuthorization(message: unknown): readonly unknown[] {
  const { headers, properties } = fieldsOf(message);
  return valuesIn(headers ?? fieldsOf(properties)['headers']);
}

/** @internal */
export function valuesIn(headers: unknown): readonly unknown[] {
  return Object.entries(fieldsOf(headers)).flatMap(([name, value]) => (isAuthorization(name) ? listed(value) : []));
}

/** @internal */
export function isAuthorization(name: unknown): boolean {
  return typeof name === 'string' && name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION;
}

function isMethod(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function';
}

/** @internal */
export function listed(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
