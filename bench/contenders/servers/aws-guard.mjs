import { UnauthorizedException, UseGuards } from '@nestjs/common';
import { jwtVerifier } from '../verifiers/aws-jwt-verify.mjs';
import { nestApp } from './nest-app.mjs';

/** The fastest guard that can be written by hand: keys at start, and no promise. */
export async function serve({ platform, issuer, audience }) {
  const made = jwtVerifier({ issuers: [issuer], audience });
  await made.hydrate();
  class AwsGuard {
    canActivate(context) {
      const request = context.switchToHttp().getRequest();
      const [scheme, token] = request.headers.authorization?.split(' ') ?? [];
      if (scheme !== 'Bearer' || !token) throw new UnauthorizedException();
      try {
        request.user = made.verifySync(token);
        return true;
      } catch {
        throw new UnauthorizedException();
      }
    }
  }
  return nestApp(platform, { protect: UseGuards(AwsGuard) });
}
