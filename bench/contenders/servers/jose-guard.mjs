import { UnauthorizedException, UseGuards } from '@nestjs/common';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { nestApp } from './nest-app.mjs';

/** What people write by hand where they leave Passport out. */
export function serve({ platform, issuer: { issuer, jwksUri }, audience, lifetime }) {
  const keys = createRemoteJWKSet(new URL(jwksUri), lifetime ? { cacheMaxAge: lifetime } : {});
  const options = { issuer, audience, algorithms: ['RS256'] };
  class JoseGuard {
    async canActivate(context) {
      const request = context.switchToHttp().getRequest();
      const [scheme, token] = request.headers.authorization?.split(' ') ?? [];
      if (scheme !== 'Bearer' || !token) throw new UnauthorizedException();
      try {
        const { payload } = await jwtVerify(token, keys, options);
        request.user = payload;
        return true;
      } catch {
        throw new UnauthorizedException();
      }
    }
  }
  return nestApp(platform, { protect: UseGuards(JoseGuard) });
}
