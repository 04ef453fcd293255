import { ConfigurableModuleBuilder, Inject, Module, type DynamicModule } from '@nestjs/common';
import type { NestModule, OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { NO_MODULE } from '../client/jwks-runtime.js';
import { JwksConfigurationError } from '../core/errors.js';
import { answer, type Document } from '../documents/document-answer.js';
import { serveRoute } from '../documents/document-route.js';
import { JwksService } from '../jwks.service.js';
import { urlFault } from '../options/urls.js';
import { metadataDocument, metadataLocation } from './metadata-document.js';
import type { ProtectedResourceOptions } from './protected-resource-options.js';
import { resolveResourceOptions, type ResolvedResource } from './resolve-resource-options.js';

const definition = new ConfigurableModuleBuilder<ProtectedResourceOptions>({ moduleName: 'ProtectedResource' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createProtectedResourceOptions')
  .build();

const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } = definition;

const RESOLVED = Symbol('nestjs-jwks:protected-resource');

/**
 * Says where clients get tokens for the API: serves its protected resource metadata (RFC 9728), and
 * names them in every challenge of the guard and the strategy.
 *
 * ```ts
 * ProtectedResourceModule.forRoot({ resource: 'https://api.example.com/mcp', scopesSupported: ['notes:read'] })
 * ```
 *
 * Import it once, in the root module, beside `JwksModule`. The document is open to all: guards,
 * interceptors, the global prefix and versions of the application do not touch it.
 *
 * @publicApi
 */
@Module({
  providers: [{ provide: RESOLVED, useFactory: resolveResourceOptions, inject: [definition.MODULE_OPTIONS_TOKEN] }],
})
export class ProtectedResourceModule extends ConfigurableModuleClass implements NestModule, OnModuleInit {
  private document: Document | undefined;

  /** @internal */
  constructor(
    @Inject(RESOLVED) private readonly settings: ResolvedResource,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
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
    const document = this.open();
    for (const path of metadataLocation(this.settings.resource).paths) {
      serveRoute(this.host.httpAdapter, { path, answer: (request) => answer(request, '*', async () => document) });
    }
  }

  /** For an application without HTTP, whose options are checked all the same. */
  onModuleInit(): void {
    this.open();
  }

  /** Makes the document, and tells `JwksModule` of it. */
  private open(): Document {
    this.document ??= this.connect(this.jwksService());
    return this.document;
  }

  private connect(jwks: JwksService): Document {
    const { resource } = this.settings;
    // What a test put in its place has no issuers, and no challenges of ours.
    if (!(jwks instanceof JwksService)) {
      return metadataDocument(this.settings, this.settings.authorizationServers, NO_MODULE);
    }
    if (jwks.resource) throw twice(jwks.resource.identifier, resource);
    const document = metadataDocument(this.settings, this.issuersOf(jwks), jwks.settings);
    jwks.resource = { identifier: resource, metadataUrl: metadataLocation(resource).url };
    return document;
  }

  private jwksService(): JwksService {
    const provided = [...this.modules.values()].flatMap(({ providers }) => providers.get(JwksService) ?? []);
    const [first, second] = provided.map(({ instance }) => instance as JwksService);
    if (!first) throw new JwksConfigurationError('ProtectedResourceModule needs JwksModule in this application');
    if (!second) return first;
    throw new JwksConfigurationError(
      'ProtectedResourceModule cannot tell several JwksModules apart: use one with "issuers", or an application for each',
    );
  }

  private issuersOf(jwks: JwksService): readonly string[] {
    const { authorizationServers } = this.settings;
    if (authorizationServers) return authorizationServers;
    const issuers = jwks.configuredIssuers?.map((issuer) => issuer ?? '') ?? [''];
    const other = issuers.find((issuer) => urlFault(issuer, { allowInsecure: true }) !== undefined);
    if (other === undefined) return issuers;
    throw new JwksConfigurationError(
      `Option "authorizationServers" is needed: ${other === '' ? 'JwksModule lists no issuers' : `the issuer "${other}" of JwksModule is no URL`}`,
      'authorizationServers',
    );
  }
}

function twice(first: string, second: string): JwksConfigurationError {
  return new JwksConfigurationError(
    `ProtectedResourceModule is imported twice, for "${first}" and "${second}", and a challenge names one resource: use their common part, or an application for each`,
    'resource',
  );
}
