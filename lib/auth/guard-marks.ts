import { JwksAuthGuard } from './jwks-auth.guard.js';
import { ownRouteMetadataOf, PUBLIC } from './route-metadata.js';

/** A function of a class, or the class. @internal */
export type Method = (...args: unknown[]) => unknown;

/** @internal */
export interface Handler {
  readonly type: Method;
  readonly name: string;
  readonly method: Method;
}

/** The methods of a class and those that it inherits, each name once. @internal */
export function handlersOf(type: Method): Handler[] {
  const found = new Map<string, Handler>();
  for (
    let owner = type.prototype as object;
    owner && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object
  )
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner)))
      if (name !== 'constructor' && typeof value === 'function' && !found.has(name))
        found.set(name, { type, name, method: value as Method });
  return [...found.values()];
}

/** `@Authenticated()`, or a guard of ours by `@UseGuards()`. @internal */
export function isMarked(target: object): boolean {
  const metadata = ownRouteMetadataOf(target);
  if (metadata !== undefined) return metadata !== PUBLIC;
  const guards: unknown = Reflect.getMetadata('__guards__', target);
  return Array.isArray(guards) && guards.some(isOurGuard);
}

/** @internal */
export function isOurGuard(guard: unknown): boolean {
  if (guard instanceof JwksAuthGuard || guard === JwksAuthGuard) return true;
  return typeof guard === 'function' && guard.prototype instanceof JwksAuthGuard;
}
