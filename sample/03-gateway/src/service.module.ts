import { Controller, Get, Module, type DynamicModule } from '@nestjs/common';
import { Authenticated, Claims, JwksModule } from 'nestjs-jwks';

@Controller()
class ServiceController {
  @Get()
  @Authenticated()
  read(@Claims('sub') sub: string): { readBy: string } {
    return { readBy: sub };
  }
}

/**
 * A service behind the gateway: it verifies for itself, with keys from the gateway, and never asks
 * the identity provider.
 */
@Module({})
export class ServiceModule {
  static for(issuer: string, gateway: string): DynamicModule {
    const jwksUri = `${gateway}/.well-known/jwks.json`;
    return {
      module: ServiceModule,
      imports: [JwksModule.forRoot({ issuer, audience: 'shop', jwksUri, cache: { minTtl: '1s' } })],
      controllers: [ServiceController],
    };
  }
}
