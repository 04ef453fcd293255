import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { JwksModuleOptions } from './options/jwks-options.js';

/** What is said of the module itself, beside its options. @publicApi */
export interface JwksModuleExtras {
  /**
   * `false`: only modules that import the one with the options can use the service, the guard and
   * `@Authenticated()`: a guard is built in the module of the controller that it stands at.
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

/**
 * Token of the options, for tests that put others in their place:
 * `overrideProvider(JWKS_MODULE_OPTIONS).useValue(issuer.options())`.
 *
 * @publicApi
 */
export const JWKS_MODULE_OPTIONS: string | symbol = definition.MODULE_OPTIONS_TOKEN;
