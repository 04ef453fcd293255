import { All, Controller, HttpCode, Module, type DynamicModule } from '@nestjs/common';
import { Authenticated, JwksModule } from 'nestjs-jwks';
import { JwksEndpointModule } from 'nestjs-jwks/endpoint';

/**
 * For nginx `auth_request`, Traefik `forwardAuth` and Envoy `ext_authz`: 204 lets a request pass,
 * 401, 403 and 503 are the answer.
 */
@Controller('auth')
class AuthController {
  @All()
  @Authenticated()
  @HttpCode(204)
  check(): void {}
}

/**
 * Verifies tokens, and publishes the keys of the identity provider to the services behind it, also
 * while that is down.
 */
@Module({})
export class GatewayModule {
  static for(issuer: string): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        JwksModule.forRoot({
          issuer,
          audience: 'shop',
          // Seconds here, so that half a minute shows what takes hours.
          cache: { ttl: '2s', minTtl: '1s', respectHeaders: false, staleIfError: '1h' },
        }),
        JwksEndpointModule.forRoot({ mirror: true }),
      ],
      controllers: [AuthController],
    };
  }
}
