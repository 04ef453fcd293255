import { systemClock } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';
import { NO_MODULE } from '../client/jwks-runtime.js';
import type { AuthenticationRequest } from '../client/authenticator.js';
import { JwksService } from '../jwks.service.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import { fieldsOf, isObject } from './fields.js';
import type { Authentication } from './verification.js';

/**
 * The service that a guard or strategy works with. What a test puts in the place of `JwksService`
 * has `verify` and little else: the rest is added, so that it does what it would do for a caller.
 *
 * @internal
 */
export function completedService(jwks: JwksService): JwksService {
  if (jwks instanceof JwksService) return jwks;
  const verify: unknown = fieldsOf(jwks)['verify'];
  const authenticate = async ({ token: accessToken, options }: AuthenticationRequest): Promise<Authentication> => {
    const token: unknown = typeof verify === 'function' ? await verify.call(jwks, accessToken, options) : undefined;
    if (!isVerifiedToken(token)) throw new JwksConfigurationError(UNFIT);
    return { accessToken, token, user: token };
  };
  const parts = { settings: NO_MODULE, report: () => undefined, authenticate, now: systemClock.now };
  const missing = Object.entries(parts).filter(([name]) => fieldsOf(jwks)[name] === undefined);
  if (missing.length === 0) return jwks;
  return Object.assign(Object.create(isObject(jwks) ? jwks : null) as JwksService, Object.fromEntries(missing));
}

const UNFIT =
  'What stands in place of JwksService needs a function verify that resolves to { claims }; see actingAs() in nestjs-jwks/testing for tests without tokens';

function isVerifiedToken(token: unknown): token is VerifiedToken {
  return isObject(token) && isObject(fieldsOf(token)['claims']);
}
