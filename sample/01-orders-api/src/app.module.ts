import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { JwksModule } from 'nestjs-jwks';
import { JwksHealthIndicator } from 'nestjs-jwks/terminus';
import { OperationsController } from './operations.controller.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

@Module({
  imports: [
    TerminusModule,
    JwksModule.forRootAsync({
      useFactory: () => ({
        issuer: process.env['OIDC_ISSUER'] ?? '', // exact `iss`; where the keys are is discovered from it
        audience: 'orders-api',
        realm: 'orders',
      }),
    }),
  ],
  controllers: [OrdersController, OperationsController],
  providers: [OrdersService, JwksHealthIndicator],
})
export class AppModule {}
