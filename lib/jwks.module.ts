import {
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { assertRulesAreGuarded } from './auth/guard-coverage.js';
import { JwksAuthGuard } from './auth/jwks-auth.guard.js';
import { JwksStrategy } from './auth/passport/jwks.strategy.js';
import { describeRoutes } from './auth/open-api.js';
import { JwksModuleChecks } from './auth/module-checks.js';
import { unreachableRoutes } from './auth/sender-coverage.js';
import { StepUpFilter } from './auth/step-up.filter.js';
import { JwksRuntime } from './client/jwks-runtime.js';
import { JwksConfigurationError } from './core/errors.js';
import {
  ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  JWKS_MODULE_OPTIONS,
  JWKS_OPTIONS_OVERRIDE,
  OPTIONS_TYPE,
  type JwksOptionsOverride,
} from './jwks.module-definition.js';
import { JwksService } from './jwks.service.js';
import type { JwksModuleOptions } from './options/jwks-options.js';
import { logEvents } from './telemetry/log-events.js';
import { exportToOpenTelemetry } from './telemetry/opentelemetry.js';

const providers: Provider[] = [
  {
    provide: JwksRuntime,
    useFactory: (options: JwksModuleOptions, override?: JwksOptionsOverride) =>
      JwksRuntime.ofModule(override ? override(options) : options),
    inject: [JWKS_MODULE_OPTIONS, { token: JWKS_OPTIONS_OVERRIDE, optional: true }],
  },
  { provide: JwksService, useFactory: (runtime: JwksRuntime) => new JwksService(runtime), inject: [JwksRuntime] },
  JwksAuthGuard,
  JwksStrategy,
  JwksModuleChecks,
];

/**
 * Makes an API trust the access tokens of an issuer, or of several.
 *
 * ```ts
 * JwksModule.forRoot({ issuer: 'https://id.example.com/', audience: 'orders-api' })
 * ```
 *
 * Import it once, in the root module. It provides `JwksService`, the guard behind `@Authenticated()`, and the Passport strategy `jwks`.
 *
 * @publicApi
 */
@Module({ providers, exports: [JwksService, JwksAuthGuard, JwksStrategy] })
export class JwksModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  // The name as written: a bundler may rename the class.
  private readonly logger = new Logger('JwksModule');
  private endLogs: (() => void) | undefined;
  private endMetrics: (() => void) | undefined;
  private readonly adapterHost: HttpAdapterHost;

  /** @internal */
  constructor(
    @Inject(JwksRuntime) private readonly runtime: JwksRuntime,
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
    moduleRef: ModuleRef,
  ) {
    super();
    this.adapterHost = moduleRef.get(HttpAdapterHost, { strict: false });
    // Before any filter of the application: those that come later are asked first.
    config.addGlobalFilter(new StepUpFilter(() => moduleRef.get(JwksService), this.adapterHost));
    describeRoutes(modules, runtime.settings.openApi);
  }

  /**
   * Takes the options as a value. They are checked when the application starts, not now, so that a
   * test may replace them.
   */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    if (!isObject(options)) throw missing('forRoot', 'at least { issuer, audience }');
    return super.forRoot(options);
  }

  /**
   * Takes the options from other providers: `useFactory` with `inject`, `useClass` or `useExisting`
   * with a `JwksOptionsFactory`.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const isComplete = isObject(options) && (options.useFactory ?? options.useClass ?? options.useExisting);
    if (!isComplete) throw missing('forRootAsync', 'useFactory, useClass or useExisting');
    return super.forRootAsync(options);
  }

  /**
   * Checks that Nest asks for every rule, and loads the sets as `prefetch` says.
   *
   * @throws JwksConfigurationError for a rule on a method that Nest does not guard.
   */
  async onModuleInit(): Promise<void> {
    const { modules, config, adapterHost } = this;
    assertRulesAreGuarded({ modules, config, adapterHost, allowed: this.runtime.settings.allowUnguarded });
    this.endMetrics = await this.exportMetrics();
    this.endLogs = logEvents(this.runtime.events, this.runtime.clock, this.logger);
    const { prefetch, sender, warnings } = this.runtime.settings;
    // Of several modules, each has routes of its own.
    const isOnlyOne = [...modules.values()].filter(({ providers }) => providers.has(JwksRuntime)).length === 1;
    const unreachable = isOnlyOne ? unreachableRoutes(modules, sender) : [];
    for (const warning of [...warnings, ...unreachable]) this.logger.warn(warning);
    if (prefetch === 'required') await this.prefetchOrFail();
    // A failure in the background is an event; a start that fails for it would be a crash loop.
    else if (prefetch) this.prefetch().catch(() => undefined);
  }

  /** Ends what is under way. */
  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
    this.endLogs?.();
    this.endMetrics?.();
  }

  /** Does nothing where the optional package is not installed. */
  private async exportMetrics(): Promise<(() => void) | undefined> {
    if (!this.runtime.settings.metrics) return undefined;
    const api = await import('@opentelemetry/api').catch(() => undefined);
    return api && exportToOpenTelemetry(api, this.runtime.telemetry);
  }

  private async prefetch(): Promise<void> {
    await this.runtime.prefetch();
    const loaded = this.runtime.status().map(({ issuer, keys }) => `${keys} of ${issuer ?? 'any issuer'}`);
    if (loaded.length > 0) this.logger.log(`Keys loaded: ${loaded.slice(0, LISTED).join(', ')}${more(loaded.length)}`);
  }

  /** Nest calls no shutdown hook of an application that did not start. */
  private async prefetchOrFail(): Promise<void> {
    try {
      await this.prefetch();
    } catch (error) {
      await this.runtime.close();
      throw error;
    }
  }
}

const LISTED = 10;

function more(count: number): string {
  return count > LISTED ? ` and ${count - LISTED} more issuers` : '';
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function missing(method: string, needs: string): JwksConfigurationError {
  return new JwksConfigurationError(`JwksModule.${method} needs options: ${needs}`);
}
