import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import type { TestIssuerOptions } from './test-issuer-options.js';
import { TestIssuer } from './test-issuer.js';

/** The module that {@link provideTestIssuer} fills. @publicApi */
@Module({})
export class TestIssuerModule {}

/**
 * Provides a {@link TestIssuer} to the application under test: a global module among the `imports`, or a provider among the `providers` of the
 * module that needs it.
 *
 * Started with the module and closed when the application closes:
 *
 * ```ts
 * const module = await Test.createTestingModule({
 *   imports: [
 *     provideTestIssuer({ audience: 'orders-api' }),
 *     JwksModule.forRootAsync({ inject: [TestIssuer], useFactory: (issuer: TestIssuer) => issuer.options() }),
 *   ],
 * }).compile();
 * const token = await module.get(TestIssuer).sign({ sub: 'alice' });
 * ```
 *
 * An application that configures `JwksModule` itself gets the issuer's options in place of its own; an issuer that is handed in stays the
 * caller's to close:
 *
 * ```ts
 * const issuer = await TestIssuer.start({ audience: 'orders-api' });
 * Test.createTestingModule({ imports: [AppModule] }).overrideProvider(JWKS_MODULE_OPTIONS).useValue(issuer.options());
 * ```
 *
 * @publicApi
 */
export function provideTestIssuer(
  issuer: TestIssuer | TestIssuerOptions = {},
): DynamicModule & FactoryProvider<TestIssuer> {
  const useFactory = async () => (issuer instanceof TestIssuer ? issuer : closing(await TestIssuer.start(issuer)));
  const provider = { provide: TestIssuer, useFactory };
  return { ...provider, module: TestIssuerModule, global: true, providers: [provider], exports: [TestIssuer] };
}

/** Nest calls this hook of whatever a factory made. */
function closing(issuer: TestIssuer): TestIssuer {
  return Object.assign(issuer, { onApplicationShutdown: () => issuer.close() });
}
