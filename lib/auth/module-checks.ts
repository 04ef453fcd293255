import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { JwksConfigurationError } from '../core/errors.js';
import { JwksService } from '../jwks.service.js';

/**
 * Rejects a `JwksModule` that would not work as it is written: created anew for each request, or
 * global twice. Depends on no option, so that it always runs.
 *
 * @internal
 */
@Injectable()
export class JwksModuleChecks implements OnModuleInit {
  constructor(@Inject(ModulesContainer) private readonly container: ModulesContainer) {}

  onModuleInit(): void {
    const ours = [...this.container.values()].filter((module) => module.providers.has(JwksModuleChecks));
    if (ours.filter(({ isGlobal }) => isGlobal).length > 1) {
      throw new JwksConfigurationError(
        'JwksModule is imported twice, both times for the whole application: import it once, with "issuers" for several issuers, or with "isGlobal: false"',
        'isGlobal',
      );
    }
    for (const { providers } of ours) {
      if (providers.get(JwksService)?.isDependencyTreeStatic() !== false) continue;
      throw new JwksConfigurationError(
        'JwksModule.forRootAsync depends on a request-scoped provider, which would make the module and its keys anew for each request: inject providers of the default scope',
      );
    }
  }
}
