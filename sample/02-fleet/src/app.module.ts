import { createKeyv } from '@keyv/redis';
import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { createCache } from 'cache-manager';
import { JwksModule } from 'nestjs-jwks';
import { OrdersController } from './orders.controller.js';

/** What all processes share. */
@Injectable()
class SharedStore implements OnApplicationShutdown {
  // Without its queue the client says at once that Redis is down, instead of waiting for it.
  private readonly redis = createKeyv({ url: process.env['REDIS_URL'] ?? '', disableOfflineQueue: true });
  readonly cache = createCache({ stores: [this.redis] });

  async onApplicationShutdown(): Promise<void> {
    await this.redis.store.disconnect(true); // `true`: also when Redis hangs
  }
}

@Module({ providers: [SharedStore], exports: [SharedStore] })
class SharedStoreModule {}

@Module({
  imports: [
    JwksModule.forRootAsync({
      imports: [SharedStoreModule],
      inject: [SharedStore],
      useFactory: ({ cache: store }: SharedStore) => ({
        issuer: process.env['OIDC_ISSUER'] ?? '',
        audience: 'orders-api',
        cache: {
          store,
          integrityKey: process.env['JWKS_INTEGRITY_KEY'] ?? '', // other writers to Redis can't plant keys
          ttl: process.env['JWKS_TTL'] ?? '10m', // seconds here, so that a minute shows what takes hours
          respectHeaders: false,
        },
      }),
    }),
  ],
  controllers: [OrdersController],
})
export class AppModule {}
