export { bearerToken } from './auth/request/credentials.js';
export { AccessToken, Authenticated, authenticationOf, Claims, Public } from './auth/decorators.js';
export { JwksAuthGuard } from './auth/jwks-auth.guard.js';
export { JwksStrategy } from './auth/passport/jwks.strategy.js';
export { withUpgradeRequest } from './auth/request/upgrade-request.js';
export { JwksClient } from './client/jwks-client.js';
export { JwksError, TokenError } from './core/base-errors.js';
export {
  AccessDeniedError,
  AmbiguousTokenError,
  InsufficientScopeError,
  InvalidClaimError,
  InvalidJwkSetError,
  InvalidSignatureError,
  isJwksError,
  JwksConfigurationError,
  JwksConnectionError,
  MalformedTokenError,
  MissingTokenError,
  SigningKeyNotFoundError,
  TokenExpiredError,
  TokenNotActiveError,
  TokenRefusedError,
  UnsupportedAlgorithmError,
  UntrustedIssuerError,
} from './core/errors.js';
export { StepUpRequiredError } from './core/sender-errors.js';
export { JWKS_MODULE_OPTIONS } from './jwks.module-definition.js';
export { JwksModule } from './jwks.module.js';
export { JwksService } from './jwks.service.js';
export { JwkSet } from './keys/jwk-set.js';
export { SigningKey } from './keys/signing-key.js';
export { redisReplayStore } from './proof/redis-replay-store.js';
export { memoryReplayStore } from './proof/replay-store.js';

export type { Authentication } from './client/authentication.js';
export type { ClaimsSchema } from './auth/claims-schema.js';
export type { AuthenticatedOptions } from './auth/route-options.js';
export type { JwksStatus } from './client/trusted-issuer.js';
export type { AnyJwksError, JwksErrorCode } from './core/errors.js';
export type { JwksEvent } from './core/events.js';
export type { JwksCacheOptions } from './options/cache-options.js';
export type { JwksHttpOptions } from './options/http-options.js';
export type {
  JwksIssuerConfig,
  JwksIssuerOptions,
  JwksIssuerResolver,
  JwksSourceOptions,
  JwksTokenOptions,
} from './options/issuer-options.js';
export type {
  JwksClientOptions,
  JwksModuleOptions,
  JwksMultiIssuerOptions,
  JwksOptionsFactory,
  JwksSharedOptions,
  TokenExtractorRequest,
} from './options/jwks-options.js';
export type { JwksVerifyOptions } from './options/verify-options.js';
export type { ReplayStore } from './proof/replay-store.js';
export type { VerifiedToken } from './tokens/verified-token.js';
