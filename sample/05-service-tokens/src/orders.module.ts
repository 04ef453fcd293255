import { Controller, Module, Post, type DynamicModule } from '@nestjs/common';
import { Authenticated, Claims, JwksModule } from 'nestjs-jwks';

@Controller('orders')
class OrdersController {
  @Post()
  @Authenticated({ scopes: ['orders:write'] })
  book(@Claims('sub') by: string, @Claims('invoice') invoice: string): { by: string; invoice: string } {
    return { by, invoice };
  }
}

/** Trusts the tokens of billing. Where their keys are it finds out from the issuer. */
@Module({})
export class OrdersModule {
  static for(issuer: string): DynamicModule {
    return {
      module: OrdersModule,
      imports: [
        JwksModule.forRoot({
          issuer,
          audience: 'orders-api',
          tokenType: 'at+jwt',
          prefetch: false, // billing is started later
          cache: { minTtl: '100ms' }, // keys are published for a second here
        }),
      ],
      controllers: [OrdersController],
    };
  }
}
