export { AccessToken, Authenticated, Claims, Public } from './auth/decorators.js';
export { JwksAuthGuard } from './auth/jwks-auth.guard.js';
export { JwksStrategy } from './auth/jwks.strategy.js';
export { withUpgradeRequest } from './auth/upgrade-request.js';
export { JwksClient } from './client/jwks-client.js';
export { isJwksError, JwksConfigurationError } from './core/errors.js';
export { JwksError } from './core/jwks-error.js';
export { InvalidJwkSetError, JwksConnectionError } from './core/source-errors.js';
export {
  AmbiguousTokenError,
  InsufficientScopeError,
  InvalidClaimError,
  InvalidSignatureError,
  MalformedTokenError,
  MissingTokenError,
  SigningKeyNotFoundError,
  TokenError,
  TokenExpiredError,
  TokenNotActiveError,
  TokenRefusedError,
  UnsupportedAlgorithmError,
  UntrustedIssuerError,
} from './core/token-errors.js';
export { JWKS_MODULE_OPTIONS } from './jwks.module-definition.js';
export { JwksModule } from './jwks.module.js';
export { JwksService } from './jwks.service.js';
export { JwkSet } from './keys/jwk-set.js';
export { SigningKey } from './keys/signing-key.js';

export type { ClaimsSchema, StandardResult, StandardSchema } from './auth/claims-schema.js';
export type { ClaimsDecorator } from './auth/decorators.js';
export type { ClientConnectAdapter } from './auth/upgrade-request.js';
export type { PassportActions } from './auth/jwks.strategy.js';
export type { Verification } from './auth/verification.js';
export type { AuthenticatedOptions, ClaimPredicate, ClaimValue } from './auth/route-options.js';
export type { StoreLike } from './cache/jwk-set-store.js';
export type { JwkSetCounters, KeyLookupStatus } from './cache/key-lookup.js';
export type { SetState } from './cache/lifetime.js';
export type { JwksStatus } from './client/issuer-chain.js';
export type { RefreshOptions } from './client/jwks-client.js';
export type { SecretOrKeyProvider } from './client/secret-or-key-provider.js';
export type { Duration } from './core/clock.js';
export type { AnyJwksError, JwksErrorCode } from './core/errors.js';
export type { JwksEvent, JwksEventType, RefreshCause } from './core/events.js';
export type { SourceError, SourceFaultOptions, SourceFaultTraits } from './core/source-errors.js';
export type { JwksModuleExtras } from './jwks.module-definition.js';
export type { IssuerSelection } from './jwks.service.js';
export type { DroppedKey, KeySelector } from './keys/jwk-set.js';
export type { JwksCacheOptions, JwksUnknownKidOptions } from './options/cache-options.js';
export type { JwksHttpOptions } from './options/http-options.js';
export type { JwksTokenCacheOptions } from './options/token-cache-options.js';
export type {
  JwksFailoverMember,
  JwksIssuerEntry,
  JwksIssuerOptions,
  JwksIssuerResolver,
  JwksKeyOptions,
  JwksTokenOptions,
} from './options/issuer-options.js';
export type {
  JwksClientOptions,
  JwksKeepingOptions,
  JwksModuleOptions,
  JwksOptionsFactory,
  JwksSeveralIssuersOptions,
  JwksSharedOptions,
  JwksSingleIssuerOptions,
  TokenRequest,
} from './options/jwks-options.js';
export type { VerifyOptions } from './options/verify-options.js';
export type { TlsOptions } from './sources/http-dispatcher.js';
export type {
  FreshnessHints,
  JwkSetSource,
  LoadRequest,
  PreviousAnswer,
  SourceAnswer,
  Validators,
} from './sources/jwk-set-source.js';
export type { VerifiedToken } from './tokens/verified-token.js';
