import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { AuthGuard, AuthModuleOptions } from '@nestjs/passport';
import { JwksConfigurationError } from '../core/errors.js';
import { JwksService } from '../jwks.service.js';
import { JwksStrategy } from './passport/jwks.strategy.js';
import { takeStrategyName } from './passport/passport-name.js';

type NestModule = ModulesContainer extends Map<string, infer Module> ? Module : never;

/**
 * Rejects a `JwksModule` that would not work as it is written: created anew for each request,
 * global twice, or with a Passport strategy that another one replaces. Depends on no option, so
 * that it always runs.
 *
 * @internal
 */
@Injectable()
export class JwksModuleChecks implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private giveNameBack: (() => void) | undefined;

  constructor(@Inject(ModulesContainer) private readonly container: ModulesContainer) {}

  onModuleInit(): void {
    const { ours } = this;
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
    if (ours.length > 1 && this.usesPassport) {
      throw new JwksConfigurationError(
        `AuthGuard('jwks') cannot tell several JwksModules apart, because Passport has one strategy "jwks": use @Authenticated(), or one JwksModule with "issuers"`,
      );
    }
  }

  /** An application whose start has failed must not keep the name. */
  onApplicationBootstrap(): void {
    const providers = this.ours[0]?.providers;
    const strategy: unknown = providers?.get(JwksStrategy)?.instance;
    const jwks: unknown = providers?.get(JwksService)?.instance;
    // A test may have put something else in their place.
    if (strategy instanceof JwksStrategy && jwks instanceof JwksService && this.usesPassport)
      this.giveNameBack = takeStrategyName({ strategy, jwks });
  }

  onApplicationShutdown(): void {
    this.giveNameBack?.();
  }

  private get ours(): NestModule[] {
    return [...this.container.values()].filter(({ providers }) => providers.has(JwksModuleChecks));
  }

  private get usesPassport(): boolean {
    const modules = [...this.container.values()];
    const guards = modules.some(isDefaultStrategy) ? [AuthGuard('jwks'), AuthGuard()] : [AuthGuard('jwks')];
    return modules.some((module) => guards.some((guard) => hasGuard(module, guard)));
  }
}

/** Whether `PassportModule` makes `jwks` the strategy of `AuthGuard()`. */
function isDefaultStrategy({ providers }: NestModule): boolean {
  const options = providers.get(AuthModuleOptions)?.instance as Partial<AuthModuleOptions> | undefined;
  return [options?.defaultStrategy].flat().includes('jwks');
}

function hasGuard({ injectables, providers }: NestModule, guard: ReturnType<typeof AuthGuard>): boolean {
  return [...injectables.values(), ...providers.values()].some(({ metatype }) => {
    if (typeof metatype !== 'function') return false;
    return (metatype as unknown) === guard || metatype.prototype instanceof guard;
  });
}
