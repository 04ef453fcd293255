import { Module } from '@nestjs/common';
import { JwksModule } from 'nestjs-jwks';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

@Module({
  imports: [
    JwksModule.forRootAsync({
      useFactory: () => ({
        issuer: process.env['OIDC_ISSUER'] ?? '', // exact `iss`; where the keys are is discovered from it
        audience: 'orders-api',
        realm: 'orders',
      }),
    }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService],
})
export class AppModule {}
