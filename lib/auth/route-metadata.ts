import type { ExecutionContext, Type } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { JwksConfigurationError } from '../core/errors.js';
import { freezeRouteOptions, type AuthenticatedOptions } from './route-options.js';

const KEY = 'nestjs-jwks:route';

/** What `@Public()` leaves behind. @internal */
export const PUBLIC = 'public';

/** @internal */
export type RouteMetadata = AuthenticatedOptions | typeof PUBLIC;

/** What stands for a context without a class or a handler. */
const NOWHERE = {};
/** A guard without a decorator asks for a token and nothing more. */
const PLAIN = freezeRouteOptions({});

const remembered = new WeakMap<object, WeakMap<object, RouteMetadata>>();

/**
 * Writes the metadata of a class or handler. A second of our decorators on the very same one is
 * refused: the one that happened to be applied first would be lost without a word.
 *
 * @internal
 */
export function markRoute(metadata: RouteMetadata): ClassDecorator & MethodDecorator {
  return (target: object, property?: string | symbol, descriptor?: PropertyDescriptor): void => {
    const marked: unknown = property === undefined ? target : descriptor?.value;
    if (typeof marked !== 'function')
      throw new JwksConfigurationError('@Authenticated and @Public go on a class or a method');
    if (Reflect.hasOwnMetadata(KEY, marked)) {
      throw new JwksConfigurationError(
        `"${marked.name}" has @Authenticated or @Public more than once: keep one of them`,
      );
    }
    Reflect.defineMetadata(KEY, metadata, marked);
  };
}

/** The metadata of a class or method itself. @internal */
export function ownRouteMetadataOf(target: object): RouteMetadata | undefined {
  return Reflect.getMetadata(KEY, target) as RouteMetadata | undefined;
}

/** Whether `@Public()` stands on the handler or, where that has nothing, on its class. @internal */
export function isPublic(context: ExecutionContext): boolean {
  const [own, inherited] = [context.getHandler(), context.getClass()].map((target): unknown =>
    typeof target === 'function' ? Reflect.getMetadata(KEY, target) : undefined,
  );
  return (own ?? inherited) === PUBLIC;
}

/**
 * The metadata of the handler or, without any, of its class; read once for each pair of them.
 *
 * @internal
 */
export function routeMetadataOf(context: ExecutionContext, reflector: Reflector): RouteMetadata {
  const handler = context.getHandler() ?? NOWHERE;
  const controller = context.getClass() ?? NOWHERE;
  const controllers = remembered.get(handler) ?? new WeakMap<object, RouteMetadata>();
  const known = controllers.get(controller);
  if (known) return known;
  const metadata =
    reflector.getAllAndOverride<RouteMetadata | undefined>(KEY, [handler, controller] as Type[]) ?? PLAIN;
  controllers.set(controller, metadata);
  remembered.set(handler, controllers);
  return metadata;
}
