import { UseGuards } from '@nestjs/common';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import jwksRsa from 'jwks-rsa';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { nestApp } from './nest-app.mjs';

/** As the guides of Nest, Auth0 and jwks-rsa show it. */
export function serve({ platform, issuer: { issuer, jwksUri }, audience, lifetime }) {
  class JwtStrategy extends PassportStrategy(Strategy) {
    constructor() {
      super({
        secretOrKeyProvider: jwksRsa.passportJwtSecret({
          cache: true,
          rateLimit: true,
          jwksRequestsPerMinute: 10,
          jwksUri,
          ...(lifetime && { cacheMaxAge: lifetime }),
        }),
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        audience,
        issuer,
        algorithms: ['RS256'],
      });
    }

    validate(payload) {
      return payload;
    }
  }
  const guard = UseGuards(AuthGuard('jwt'));
  return nestApp(platform, { imports: [PassportModule], providers: [JwtStrategy], protect: guard });
}
