import { createKeyv } from '@keyv/redis';
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { createCache, type Cache } from 'cache-manager';
import { JwksModule } from 'nestjs-jwks';
import { OrdersController } from './orders.controller.js';

const STORE = Symbol('the store that all processes share');

@Module({
  providers: [
    {
      provide: STORE,
      // Without the queue a Redis that is down is known to be down at once.
      useFactory: () =>
        createCache({ stores: [createKeyv({ url: process.env['REDIS_URL'] ?? '', disableOfflineQueue: true })] }),
    },
  ],
  exports: [STORE],
})
class StoreModule implements OnApplicationShutdown {
  constructor(@Inject(STORE) private readonly store: Cache) {}

  async onApplicationShutdown(): Promise<void> {
    await this.store.disconnect();
  }
}

@Module({
  imports: [
    JwksModule.forRootAsync({
      imports: [StoreModule],
      inject: [STORE],
      useFactory: (store: Cache) => ({
        issuer: process.env['OIDC_ISSUER'] ?? '',
        audience: 'orders-api',
        cache: {
          store,
          integrityKey: process.env['JWKS_INTEGRITY_KEY'] ?? '', // whoever else writes to Redis can't plant keys
          ttl: process.env['JWKS_TTL'] ?? '10m', // seconds, so that a minute shows what takes hours
          respectHeaders: false,
        },
      }),
    }),
  ],
  controllers: [OrdersController],
})
export class AppModule {}
