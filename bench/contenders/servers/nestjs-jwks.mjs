import { Authenticated, JwksModule } from 'nestjs-jwks';
import { nestApp } from './nest-app.mjs';

export function serve({ platform, issuer, audience, lifetime }) {
  return nestApp(platform, {
    imports: [
      JwksModule.forRoot({ ...issuer, audience, ...(lifetime && { cache: { ttl: lifetime, respectHeaders: false } }) }),
    ],
    protect: Authenticated(),
  });
}
