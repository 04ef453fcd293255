import { randomUUID } from 'node:crypto';
import { createClient } from '@keyv/redis';
import {
  BadGatewayException,
  Controller,
  Inject,
  Injectable,
  Module,
  Post,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { JwksEndpointModule, JwksSigner, redisKeyRingStore } from 'nestjs-jwks/endpoint';

/** A client of node-redis; one of ioredis does as well. */
@Injectable()
class Redis implements OnApplicationShutdown {
  readonly client = createClient({ url: process.env['REDIS_URL'] ?? '' });

  async connect(): Promise<this> {
    this.client.on('error', () => undefined);
    await this.client.connect();
    return this;
  }

  onApplicationShutdown(): void {
    this.client.destroy();
  }
}

@Module({ providers: [{ provide: Redis, useFactory: () => new Redis().connect() }], exports: [Redis] })
class RedisModule {}

@Controller('invoices')
class InvoicesController {
  constructor(@Inject(JwksSigner) private readonly signer: JwksSigner) {}

  /** Books an order in the name of this service. */
  @Post()
  async create(): Promise<unknown> {
    const token = await this.signer.sign(
      { sub: 'billing', scope: 'orders:write', invoice: randomUUID() },
      { audience: 'orders-api', expiresIn: '1m', type: 'at+jwt' },
    );
    const response = await fetch(process.env['ORDERS_URL'] ?? '', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    if (!response.ok)
      throw new BadGatewayException(`orders answered with ${response.status}: ${await response.text()}`);
    return response.json();
  }
}

@Module({
  imports: [
    JwksEndpointModule.forRootAsync({
      imports: [RedisModule],
      inject: [Redis],
      useFactory: ({ client }: Redis) => ({
        issuer: process.env['BILLING_URL'] ?? '',
        keys: {
          algorithm: 'ES256',
          publishAhead: '1s', // seconds here, so that half a minute shows what takes months
          store: redisKeyRingStore(client, {
            key: 'billing:keys',
            encryptionKey: process.env['KEYS_ENCRYPTION_KEY'] ?? '',
          }),
        },
        maxAge: '1s',
      }),
    }),
  ],
  controllers: [InvoicesController],
})
export class BillingModule {}
