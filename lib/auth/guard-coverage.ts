import { ApplicationConfig, type HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import { JwksConfigurationError } from '../core/errors.js';
import { handlersOf, isMarked, isOurGuard, type Handler, type Method } from './guard-marks.js';
import { isObject } from './fields.js';
import type { ModuleSettings } from '../options/resolve-options.js';
import { PUBLIC, ownRouteMetadataOf } from './route-metadata.js';

/** The parts of Nest that say which handlers there are, and which of them Nest guards. @internal */
export interface CoverageParts {
  readonly modules: ModulesContainer;
  readonly config: ApplicationConfig;
  readonly adapterHost: HttpAdapterHost;
  readonly allowed: Allowed;
}

type Allowed = ModuleSettings['allowUnguarded'];
type UnguardedKind = Allowed extends ReadonlySet<infer Kind> ? Kind : never;

/**
 * Since version 12, which has these hooks, Nest runs global guards for gateways. Its package.json
 * cannot be read for the version: Jest, where it makes CommonJS of us, has no `import.meta`.
 */
const GUARDS_GATEWAYS = 'getGlobalPreRequestHooks' in ApplicationConfig.prototype;

const REMEDIES: Readonly<Record<UnguardedKind, string>> = {
  gateways: 'put @Authenticated() or @Public() on the gateway: Nest 11 runs no global guard for gateways',
  microservices:
    "put @Authenticated() or @Public() on the handler; or connect with inheritAppConfig: true and say allowUnguarded: ['microservices']",
  resolvers:
    "set fieldResolverEnhancers: ['guards'] in the options of GraphQLModule: Nest guards field and reference resolvers only then",
  providers: 'move the rule to a route, a message handler or a resolver: Nest runs no guard for other methods',
};

/**
 * Finds rules that Nest would never ask for: `@Authenticated()` or a guard of ours on a method that
 * Nest does not guard, and handlers that a guard for the whole application does not reach.
 *
 * @throws JwksConfigurationError that names class, method and remedy.
 * @internal
 */
export function assertRulesAreGuarded(parts: CoverageParts): void {
  const isGlobal = hasGlobalGuard(parts.config);
  const guardsFields = hasFieldGuards(parts.modules);
  const isHybrid = parts.adapterHost.httpAdapter !== undefined;
  for (const { types, isController } of typesIn(parts.modules)) {
    for (const type of types) {
      const handlers = handlersOf(type);
      for (const handler of handlers) {
        const kind = isController
          ? unguardedInController(handler, isGlobal && isHybrid)
          : unguardedInProvider(handler, { isGlobal, guardsFields });
        if (kind && !parts.allowed.has(kind)) throw unguarded(handler, kind);
      }
      const isIdle = !isController && isMarked(type) && !handlers.some(({ method }) => isGuardedByNest(method));
      if (isIdle && !parts.allowed.has('providers')) throw unguarded({ type, name: '', method: type }, 'providers');
    }
  }
}

function unguardedInController({ type, method }: Handler, isGlobal: boolean): UnguardedKind | undefined {
  const isMessage = has(method, 'microservices:pattern');
  if (isMessage) return isGlobal && !isDecided(type, method) ? 'microservices' : undefined;
  return isMarked(method) && !has(method, 'path') ? 'providers' : undefined;
}

function unguardedInProvider(
  { type, method }: Handler,
  { isGlobal, guardsFields }: { isGlobal: boolean; guardsFields: boolean },
): UnguardedKind | undefined {
  const isEntry = has(method, 'graphql:resolve_reference');
  if (isEntry || has(method, 'graphql:resolve_property')) {
    const isRule = isMarked(method) || (isEntry && (isMarked(type) || isGlobal) && !isPublicMethod(method));
    return isRule && !guardsFields ? 'resolvers' : undefined;
  }
  if (has(method, 'websockets:message_mapping'))
    return isGlobal && !isDecided(type, method) && !GUARDS_GATEWAYS ? 'gateways' : undefined;
  return isMarked(method) && !isGuardedByNest(method) ? 'providers' : undefined;
}

function isGuardedByNest(method: Method): boolean {
  return [
    'graphql:resolver_type',
    'graphql:resolve_reference',
    'graphql:resolve_property',
    'websockets:message_mapping',
  ].some((key) => has(method, key));
}

/** Whether the method or its class says what it takes, so that no global guard is needed. */
function isDecided(type: Method, method: Method): boolean {
  return isMarked(type) || isMarked(method) || isPublicMethod(method) || isPublicMethod(type);
}

function isPublicMethod(target: Method): boolean {
  return ownRouteMetadataOf(target) === PUBLIC;
}

function hasGlobalGuard(config: ApplicationConfig): boolean {
  const requestScoped = config.getGlobalRequestGuards().map(({ metatype }) => metatype);
  return [...config.getGlobalGuards(), ...requestScoped].some(isOurGuard);
}

function hasFieldGuards(modules: ModulesContainer): boolean {
  for (const { providers } of modules.values())
    for (const [token, { instance }] of providers) {
      const enhancers =
        token === 'GqlModuleOptions' && isObject(instance) && Reflect.get(instance, 'fieldResolverEnhancers');
      if (Array.isArray(enhancers) && enhancers.includes('guards')) return true;
    }
  return false;
}

/** The classes of all modules. @internal */
export function* typesIn(modules: ModulesContainer): Iterable<{ types: Set<Method>; isController: boolean }> {
  for (const { providers, controllers } of modules.values()) {
    yield { types: classesOf(controllers.values()), isController: true };
    yield { types: classesOf(providers.values()), isController: false };
  }
}

function classesOf(wrappers: Iterable<{ metatype: unknown; isNotMetatype?: boolean; instance: unknown }>): Set<Method> {
  const classes = new Set<Method>();
  for (const { metatype, isNotMetatype, instance } of wrappers) {
    // The metatype of a factory is the factory.
    const type: unknown = isNotMetatype ? isObject(instance) && (instance as object).constructor : metatype;
    if (typeof type === 'function' && isObject(type.prototype)) classes.add(type as Method);
  }
  return classes;
}

function has(target: object, key: string): boolean {
  return Reflect.hasMetadata(key, target);
}

function unguarded({ type, name }: Handler, kind: UnguardedKind): JwksConfigurationError {
  const where = name === '' ? type.name : `${type.name}.${name}`;
  return new JwksConfigurationError(
    `Nest runs no guard of nestjs-jwks for ${where}: ${REMEDIES[kind]}. If it is meant to be open: allowUnguarded: ['${kind}']`,
    'allowUnguarded',
  );
}
