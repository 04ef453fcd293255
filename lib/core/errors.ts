import { isBranded, JwksError } from './jwks-error.js';
import { InvalidJwkSetError, JwksConnectionError, type SourceError } from './source-errors.js';
import type {
  AmbiguousTokenError,
  InsufficientScopeError,
  InvalidClaimError,
  InvalidSignatureError,
  MalformedTokenError,
  MissingTokenError,
  SigningKeyNotFoundError,
  TokenExpiredError,
  TokenNotActiveError,
  TokenRefusedError,
  UnsupportedAlgorithmError,
  UntrustedIssuerError,
} from './token-errors.js';

export { JwksError, InvalidJwkSetError, JwksConnectionError };
export type { SourceError };
export type { SourceFaultOptions, SourceFaultTraits } from './source-errors.js';
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
} from './token-errors.js';

/**
 * An option, or a combination of options, that cannot work. Thrown when the module or the client is made.
 *
 * @publicApi
 */
export class JwksConfigurationError extends JwksError {
  override readonly name = 'JwksConfigurationError';
  override readonly code = 'configuration_invalid';

  constructor(
    message: string,
    /** Path of the option, such as `cache.ttl`. */
    readonly option?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Every concrete error of this package: a `switch` on `code` narrows it. @publicApi */
export type AnyJwksError =
  | SourceError
  | JwksConfigurationError
  | MissingTokenError
  | AmbiguousTokenError
  | MalformedTokenError
  | UntrustedIssuerError
  | UnsupportedAlgorithmError
  | SigningKeyNotFoundError
  | InvalidSignatureError
  | TokenExpiredError
  | TokenNotActiveError
  | InvalidClaimError
  | TokenRefusedError
  | InsufficientScopeError;

/** The stable codes of section "Faults" of the README. @publicApi */
export type JwksErrorCode = AnyJwksError['code'];

/**
 * Whether `error` was thrown by this package, by any copy of it in the process.
 *
 * @publicApi
 */
export function isJwksError(error: unknown): error is AnyJwksError {
  return isBranded(error);
}

/** @internal */
export function isSourceError(error: unknown): error is SourceError {
  return isJwksError(error) && (error.code === 'jwks_unavailable' || error.code === 'jwks_invalid');
}
