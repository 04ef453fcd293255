import { Controller, Get, Header } from '@nestjs/common';
import { HealthCheck, HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';
import { JwksService } from 'nestjs-jwks';
import { registerJwksMetrics } from 'nestjs-jwks/prometheus';
import { JwksHealthIndicator } from 'nestjs-jwks/terminus';
import { Registry } from 'prom-client';

/** What an operator looks at: docs/observability.md says what for. */
@Controller()
export class OperationsController {
  private readonly registry = new Registry();

  constructor(
    private readonly health: HealthCheckService,
    private readonly keys: JwksHealthIndicator,
    jwks: JwksService,
  ) {
    registerJwksMetrics(jwks, this.registry);
  }

  @Get('metrics')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  metrics(): Promise<string> {
    return this.registry.metrics();
  }

  @Get('health')
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.keys.check('jwks')]);
  }
}
