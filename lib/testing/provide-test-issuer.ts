import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { TestIssuerOptions } from './test-issuer-options.js';
import { TestIssuer } from './test-issuer.js';

const OWNED_ISSUER = Symbol('nestjs-jwks.testing.owned-issuer');

/** What {@link provideTestIssuer} makes: a module that ends the issuer it started. @publicApi */
@Module({})
export class TestIssuerModule implements OnApplicationShutdown {
  constructor(@Inject(OWNED_ISSUER) private readonly owned: TestIssuer | null) {}

  async onApplicationShutdown(): Promise<void> {
    await this.owned?.close();
  }
}

/**
 * A global module that provides a {@link TestIssuer} to the application under test.
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
export function provideTestIssuer(issuer: TestIssuer | TestIssuerOptions = {}): DynamicModule {
  const given = issuer instanceof TestIssuer ? issuer : undefined;
  return {
    module: TestIssuerModule,
    global: true,
    providers: [
      { provide: TestIssuer, useFactory: async () => given ?? TestIssuer.start(issuer as TestIssuerOptions) },
      { provide: OWNED_ISSUER, inject: [TestIssuer], useFactory: (provided: TestIssuer) => (given ? null : provided) },
    ],
    exports: [TestIssuer],
  };
}
