import { RequestMethod } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { ResolvedOpenApi } from '../options/open-api-options.js';
import { fieldsOf } from './fields.js';
import { handlersOf, isMarked, isOurGuard, type Handler, type Method } from './guard-marks.js';
import { ownRouteMetadataOf, PUBLIC, type RouteMetadata } from './route-metadata.js';
import type { AuthenticatedOptions } from './route-options.js';

// Metadata keys of @nestjs/swagger 11 and 12, which is not imported: most applications have none.
const OPERATION = 'swagger/apiOperation';
const RESPONSES = 'swagger/apiResponse';
const SECURITY = 'swagger/apiSecurity';
/** What its compiler plugin leaves on a class; read only where a method has no metadata of that kind. */
const PLUGIN = '_OPENAPI_METADATA_FACTORY';

type Requirements = Record<string, string[]>[];
interface Documentation {
  readonly operation: object | undefined;
  readonly responses: object | undefined;
}

/** What methods had before: a second application of the process starts from that. */
const originals = new WeakMap<Method, Documentation>();

/**
 * Makes the routes of an application show in the document of `@nestjs/swagger` as what they are:
 * protected, with scopes and refusals, or open. What the application says itself about security or
 * about a status stays. Called once all controllers are known, and before a document can be made.
 *
 * @internal
 */
export function describeRoutes(modules: ModulesContainer, openApi: ResolvedOpenApi): void {
  const isGlobal = hasGlobalGuard(modules);
  const described = new Map<Method, string>();
  for (const { controllers } of modules.values())
    for (const { metatype } of controllers.values())
      for (const route of typeof metatype === 'function' ? handlersOf(metatype as Method) : []) {
        if (!Reflect.hasMetadata('path', route.method)) continue;
        const metadata = openApi === false ? undefined : metadataOf(route, isGlobal);
        // A method that several controllers inherit, each with rules of its own: none of them is true.
        const before = described.get(route.method);
        const contradicts = before !== undefined && before !== JSON.stringify(metadata);
        described.set(route.method, JSON.stringify(metadata) ?? '');
        document(route, openApi === false || contradicts ? undefined : { metadata, scheme: openApi.scheme });
      }
}

function metadataOf({ type: controller, method }: Handler, isGlobal: boolean): RouteMetadata | undefined {
  const written = ownRouteMetadataOf(method) ?? ownRouteMetadataOf(controller);
  return written ?? (isGlobal || isMarked(method) || isMarked(controller) ? {} : undefined);
}

interface Description {
  readonly metadata: RouteMetadata | undefined;
  readonly scheme: string;
}

function document(route: Handler, description: Description | undefined): void {
  const { type: controller, method } = route;
  const own = originals.get(method) ?? {
    operation: Reflect.getMetadata(OPERATION, method) as object | undefined,
    responses: Reflect.getMetadata(RESPONSES, method) as object | undefined,
  };
  originals.set(method, own);
  restore(method, own);
  if (description?.metadata === undefined) return;
  const { metadata, scheme } = description;
  // Of the operation itself, since @nestjs/swagger adds up what class and method say elsewhere.
  if (![method, controller].some((target) => Reflect.hasMetadata(SECURITY, target))) {
    const operation = { ...(own.operation ?? pluginOperation(route)), security: securityOf(metadata, scheme) };
    Reflect.defineMetadata(OPERATION, operation, method);
  }
  if (metadata === PUBLIC) return;
  const ofClass = Reflect.getMetadata(RESPONSES, controller) as object | undefined;
  const missing = Object.entries(refusalsOf(metadata)).filter(([status]) => !(status in { ...ofClass }));
  const responses = { ...Object.fromEntries(missing), ...(own.responses ?? pluginResponse(route)) };
  Reflect.defineMetadata(RESPONSES, responses, method);
}

function restore(method: Method, { operation, responses }: Documentation): void {
  for (const [key, value] of [
    [OPERATION, operation],
    [RESPONSES, responses],
  ] as const)
    if (value === undefined) Reflect.deleteMetadata(key, method);
    else Reflect.defineMetadata(key, value, method);
}

/** Alternatives, of which one is enough; an empty one is a request without a token. */
function securityOf(metadata: RouteMetadata, scheme: string): Requirements {
  if (metadata === PUBLIC) return [];
  const { scopes = [], anyOfScopes, optional } = metadata;
  const alternatives = anyOfScopes ? anyOfScopes.map((scope) => [...new Set([...scopes, scope])]) : [[...scopes]];
  const required: Requirements = alternatives.map((all) => ({ [scheme]: all }));
  return optional ? [...required, {}] : required;
}

function refusalsOf({ scopes, anyOfScopes, claims }: AuthenticatedOptions): Record<string, { description: string }> {
  return {
    401: { description: 'The access token is missing or was rejected' },
    ...((scopes || anyOfScopes || claims) && {
      403: { description: 'The access token does not allow this' },
    }),
    503: { description: 'The access token cannot be verified at the moment' },
  };
}

/** What @nestjs/swagger takes from its compiler plugin, and only where it finds nothing else. */
function pluginMetadata({ type: controller, name }: Handler): Record<string, unknown> {
  let owner = controller.prototype as object | null;
  for (; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner) as object | null) {
    const factory: unknown = fieldsOf(owner.constructor)[PLUGIN];
    const known = typeof factory === 'function' ? fieldsOf(factory.call(owner.constructor))[name] : undefined;
    if (known) return { ...fieldsOf(known) };
  }
  return {};
}

function pluginOperation(route: Handler): object {
  const { summary, description, deprecated, tags } = pluginMetadata(route);
  const given = Object.entries({ summary, description, deprecated, tags }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function pluginResponse(route: Handler): object {
  const {
    summary: _,
    deprecated: __,
    tags: _tags,
    description: _text,
    status,
    type,
    ...others
  } = pluginMetadata(route);
  const list = Array.isArray(type);
  const response = {
    description: '',
    ...others,
    ...(type !== undefined && { type: list ? (type[0] as unknown) : type, isArray: list }),
  };
  return { [String(status ?? statusOf(route.method))]: response };
}

/** As Nest answers without a fault. */
function statusOf(method: Method): number {
  const status = Reflect.getMetadata('__httpCode__', method) as number | undefined;
  return status ?? (Reflect.getMetadata('method', method) === RequestMethod.POST ? 201 : 200);
}

/** Of the container, since Nest applies global guards only after all modules are made. */
function hasGlobalGuard(modules: ModulesContainer): boolean {
  for (const { providers } of modules.values())
    for (const [token, { metatype, inject }] of providers)
      if (typeof token === 'string' && token.startsWith('APP_GUARD') && [metatype, ...(inject ?? [])].some(isOurGuard))
        return true;
  return false;
}
