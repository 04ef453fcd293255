import type { DynamicModule, FactoryProvider } from '@nestjs/common';
import type { OverrideOptions } from './overridden-options.js';
import type { TestIssuerOptions } from './test-issuer-options.js';
import { testIssuerModule } from './test-issuer.module.js';
import { TestIssuer } from './test-issuer.js';

/**
 * Puts a {@link TestIssuer} in the place of the identity provider of an application under test. Goes
 * beside the application's own module:
 *
 * ```ts
 * const module = await Test.createTestingModule({
 *   imports: [AppModule, provideTestIssuer({ audience: 'orders-api' })],
 * }).compile();
 * const token = await module.get(TestIssuer).sign({ sub: 'alice' });
 * ```
 *
 * `issuer`, `audience` and the place of the keys are those of the test issuer; `validate`,
 * `scopesFrom`, `claims` and all other options stay those of the application. Where that trusts
 * several issuers, `inPlaceOf` says which of them is replaced; the others stay trusted. Options that
 * name the test issuer themselves are left as they are.
 *
 * Started with the module and closed when the application closes; a `TestIssuer` that is handed in
 * stays the caller's to close. Among the `providers` of one module it provides the `TestIssuer` and
 * replaces nothing.
 *
 * @publicApi
 */
export function provideTestIssuer(
  issuer: TestIssuer | TestIssuerOptions = {},
  override: OverrideOptions = {},
): DynamicModule & FactoryProvider<TestIssuer> {
  const useFactory = async () => (issuer instanceof TestIssuer ? issuer : closing(await TestIssuer.start(issuer)));
  const provider = { provide: TestIssuer, useFactory };
  return { ...provider, ...testIssuerModule(provider, override) };
}

/** Nest calls this hook of whatever a factory made. */
function closing(issuer: TestIssuer): TestIssuer {
  return Object.assign(issuer, { onApplicationShutdown: () => issuer.close() });
}
