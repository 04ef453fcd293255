import {
  ConfigurableModuleBuilder,
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type NestModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { systemClock } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';
import { JwksService } from '../jwks.service.js';
import type { JwksEndpointOptions } from './endpoint-options.js';
import { serveRoute } from '../documents/document-route.js';
import { JwksEndpoint } from './jwks-endpoint.js';
import { JwksKeyRing } from './key-ring.js';
import { mirrorOf } from './mirror.js';
import { JwksSigner } from './signer.js';

/** What is said of the module itself, beside its options. @publicApi */
export interface JwksEndpointModuleExtras {
  /**
   * `false`: only modules that import this one can inject `JwksSigner` and `JwksKeyRing`. @default
   * true
   */
  isGlobal?: boolean;
}

const definition = new ConfigurableModuleBuilder<JwksEndpointOptions>({ moduleName: 'JwksEndpoint' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createJwksEndpointOptions')
  .setExtras<JwksEndpointModuleExtras>({ isGlobal: true }, (module, { isGlobal }) => ({
    ...module,
    global: isGlobal ?? true,
  }))
  .build();

const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } = definition;

const providers: Provider[] = [
  {
    provide: JwksEndpoint,
    useFactory: (options: JwksEndpointOptions) =>
      JwksEndpoint.open(options, { clock: systemClock, logger: new Logger(JwksEndpointModule.name) }),
    inject: [definition.MODULE_OPTIONS_TOKEN],
  },
  // Undefined where the keys are not a ring.
  { provide: JwksKeyRing, useFactory: ({ ring }: JwksEndpoint) => ring, inject: [JwksEndpoint] },
  { provide: JwksSigner, useFactory: ({ signer }: JwksEndpoint) => signer, inject: [JwksEndpoint] },
];

/**
 * Publishes a JWK Set: the keys of a ring that rotates by itself, keys of your own, or those of a provider, mirrored.
 *
 * ```ts
 * JwksEndpointModule.forRoot({ issuer: 'https://billing.internal', keys: { store: fileKeyRingStore(path, { encryptionKey }) } })
 * ```
 *
 * Import it once, in the root module. It provides `JwksSigner` and, where the keys are a ring, `JwksKeyRing`. The route is
 * open to all: guards, interceptors, pipes, filters, the global prefix and versions of the application do not touch it.
 *
 * @publicApi
 */
@Module({ providers, exports: [JwksSigner, JwksKeyRing] })
export class JwksEndpointModule
  extends ConfigurableModuleClass
  implements NestModule, OnModuleInit, OnApplicationShutdown
{
  /** @internal */
  constructor(
    @Inject(JwksEndpoint) private readonly endpoint: JwksEndpoint,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {
    super();
  }

  /** Options that are at hand. They are checked when the application starts. */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Options that come from other providers: `useFactory` with `inject`, `useClass` or
   * `useExisting`.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  /**
   * Nest calls this before it puts middleware and controllers on the framework: no route of the
   * application comes first.
   */
  configure(): void {
    const adapter = this.host.httpAdapter;
    for (const route of this.endpoint.routes()) serveRoute(adapter, route);
  }

  onModuleInit(): void {
    const { keys } = this.endpoint.settings;
    if (keys.kind === 'mirror') this.endpoint.publishFrom(mirrorOf(keys, this.jwksService()));
  }

  onApplicationShutdown(): void {
    this.endpoint.close();
  }

  private jwksService(): JwksService {
    try {
      return this.modules.get(JwksService, { strict: false });
    } catch (cause) {
      throw new JwksConfigurationError('Option "mirror" needs JwksModule in this application', 'mirror', { cause });
    }
  }
}
