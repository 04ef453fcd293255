import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { JWKS_OPTIONS_OVERRIDE, type JwksOptionsOverride } from '../jwks.module-definition.js';
import { overriddenOptions, type OverrideOptions, type Replacement } from './overridden-options.js';

/** The module that puts a `TestIssuer` in the place of an identity provider. @publicApi */
@Module({})
export class TestIssuerModule {}

/** Global, since each `JwksModule` of the application has to see it. @internal */
export function testIssuerModule<T extends Replacement>(
  provider: FactoryProvider<T>,
  override: OverrideOptions,
): DynamicModule {
  const replacement: FactoryProvider<JwksOptionsOverride> = {
    provide: JWKS_OPTIONS_OVERRIDE,
    inject: [provider.provide],
    useFactory: (issuer: T) => (options) => overriddenOptions(options, issuer, override),
  };
  return {
    module: TestIssuerModule,
    global: true,
    providers: [provider, replacement],
    exports: [provider.provide, JWKS_OPTIONS_OVERRIDE],
  };
}
