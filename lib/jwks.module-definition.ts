import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { JwksModuleOptions } from './options/jwks-options.js';

/** Options of the dynamic module itself. @publicApi */
export interface JwksModuleExtras {
  /**
   * Whether every module can use the service, the guard and `@Authenticated()`. With `false` only
   * modules that import this one can, because Nest builds a guard in the module of its controller.
   *
   * @default true
   */
  isGlobal?: boolean;
}

const definition = new ConfigurableModuleBuilder<JwksModuleOptions>({ moduleName: 'Jwks' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createJwksOptions')
  .setExtras<JwksModuleExtras>({ isGlobal: true }, (module, { isGlobal }) => ({ ...module, global: isGlobal ?? true }))
  .build();

/** Named by the declarations of `JwksModule`, so they have to stay in the package. */
export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } = definition;

/** Changes the options of an application under test. @internal */
export type JwksOptionsOverride = (options: JwksModuleOptions) => JwksModuleOptions;

/** Token of the override that the testing kit provides; there is none in production. @internal */
export const JWKS_OPTIONS_OVERRIDE = Symbol('nestjs-jwks:options-override');

/**
 * Token of the options, for tests that put others in their place, all of them:
 * `overrideProvider(JWKS_MODULE_OPTIONS).useValue({ issuer, audience })`. `provideTestIssuer()` of
 * `nestjs-jwks/testing` replaces issuer, audience and keys alone.
 *
 * @publicApi
 */
export const JWKS_MODULE_OPTIONS: string | symbol = definition.MODULE_OPTIONS_TOKEN;
