import { isBranded, JwksError, TokenError } from './base-errors.js';
import type {
  DpopNonceRequiredError,
  DpopProofError,
  SenderConstraintUnavailableError,
  StepUpRequiredError,
} from './sender-errors.js';

export { JwksError, TokenError } from './base-errors.js';

/**
 * What a fault of a key source means to the layers around it, said once, where the fault is thrown.
 *
 * @publicApi
 */
export interface SourceFaultTraits {
  /** Asking the same source again soon may help. */
  readonly retryable: boolean;
  /** The next failover member may help. */
  readonly failsOver: boolean;
  /** A set past its freshness may serve while this fault lasts (`cache.staleIfError`). */
  readonly allowsStale: boolean;
  /** What the source asked for by `Retry-After`, in milliseconds (RFC 9110 section 10.2.3). */
  readonly retryAfter?: number | undefined;
}

/**
 * What a {@link JwkSetSource} says of a fault; what it leaves out is as the class has it.
 *
 * @publicApi
 */
export interface SourceFaultOptions extends Partial<SourceFaultTraits> {
  cause?: unknown;
}

/** What the two errors of a key source have in common. */
abstract class KeySourceError extends JwksError implements SourceFaultTraits {
  /** Whether an error that says nothing about it is worth a retry. @internal */
  protected static readonly isRetryable: boolean = true;
  readonly retryable: boolean;
  readonly failsOver: boolean;
  readonly allowsStale: boolean;
  readonly retryAfter: number | undefined;

  constructor(message: string, options: SourceFaultOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.retryable = options.retryable ?? new.target.isRetryable;
    this.failsOver = options.failsOver ?? true;
    this.allowsStale = options.allowsStale ?? true;
    this.retryAfter = options.retryAfter;
  }
}

/**
 * The keys are unavailable: network error, timeout (`timed out` is in the message), an HTTP status
 * other than 200 or 304. The response is 503, never 401: an outage logs no user out.
 *
 * @publicApi
 */
export class JwksConnectionError extends KeySourceError {
  override readonly name = 'JwksConnectionError';
  override readonly code = 'jwks_unavailable';
}

/**
 * Something answered, but not with a usable JWK Set (RFC 7517 section 5): not JSON, no `keys`
 * array, too many keys, none usable. Answered with 503.
 *
 * @publicApi
 */
export class InvalidJwkSetError extends KeySourceError {
  /** @internal */
  protected static override readonly isRetryable = false;
  override readonly name = 'InvalidJwkSetError';
  override readonly code = 'jwks_invalid';
}

/** The errors of a key source. @publicApi */
export type SourceError = JwksConnectionError | InvalidJwkSetError;

/** No token where one is needed. Challenge without an `error` (RFC 6750 section 3.1). @publicApi */
export class MissingTokenError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The request has no access token';
  override readonly name = 'MissingTokenError';
  override readonly code = 'token_missing';
}

/** More than one token, or more than one way of sending it (RFC 6750 section 2). @publicApi */
export class AmbiguousTokenError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The request has more than one access token';
  override readonly name = 'AmbiguousTokenError';
  override readonly code = 'invalid_request';
}

/**
 * Not a JWT in compact form (RFC 7519 section 7.2), in a form that is not canonical, or too long.
 *
 * @publicApi
 */
export class MalformedTokenError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The access token is not a JWT in compact form';
  override readonly name = 'MalformedTokenError';
  override readonly code = 'token_malformed';
}

/** `iss` is none of the trusted issuers; found out before any network call. @publicApi */
export class UntrustedIssuerError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The issuer of the access token is not trusted';
  override readonly name = 'UntrustedIssuerError';
  override readonly code = 'issuer_untrusted';
}

/** `alg` is not in the configured list (RFC 8725 section 3.1). @publicApi */
export class UnsupportedAlgorithmError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The signature algorithm of the access token is not allowed';
  override readonly name = 'UnsupportedAlgorithmError';
  override readonly code = 'alg_not_allowed';
}

/**
 * The issuer's current set has no key for this kid and algorithm, also after a refetch.
 *
 * @publicApi
 */
export class SigningKeyNotFoundError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'No signing key matches';
  override readonly name = 'SigningKeyNotFoundError';
  override readonly code = 'key_not_found';

  constructor(
    message?: string,
    options?: { cause?: unknown },
    /** The kid that was looked for, as it came: make it safe before it meets a log line. */
    readonly kid?: string,
  ) {
    super(message, options);
  }
}

/** The signature does not verify (RFC 7515 section 5.2). @publicApi */
export class InvalidSignatureError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The signature of the access token is not valid';
  override readonly name = 'InvalidSignatureError';
  override readonly code = 'signature_invalid';
}

/**
 * `exp` has passed (RFC 7519 section 4.1.4), or the token is older than `maxTokenAge`.
 *
 * @publicApi
 */
export class TokenExpiredError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The access token has expired';
  override readonly name = 'TokenExpiredError';
  override readonly code = 'token_expired';
}

/** `nbf` (RFC 7519 section 4.1.5) or `iat` lies in the future. @publicApi */
export class TokenNotActiveError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The access token is not valid yet';
  override readonly name = 'TokenNotActiveError';
  override readonly code = 'token_not_active';
}

/** A claim is missing, of the wrong type, or not acceptable. @publicApi */
export class InvalidClaimError extends TokenError {
  override readonly name = 'InvalidClaimError';
  override readonly code = 'claim_invalid';

  constructor(
    /** Name of the claim, such as `aud`. */
    readonly claim: string,
    message = `The claim "${claim}" of the access token is missing or not acceptable`,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * The application's `validate` threw or returned nothing that could be a user; what it threw is the
 * `cause`.
 *
 * @publicApi
 */
export class TokenRefusedError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The application refused the access token';
  override readonly name = 'TokenRefusedError';
  override readonly code = 'token_refused';
}

/**
 * The token is good but a claim is not what the route asks for: another token of the same user would
 * not help. Answered with 403.
 *
 * @publicApi
 */
export class AccessDeniedError extends TokenError {
  override readonly name = 'AccessDeniedError';
  override readonly code = 'access_denied';

  constructor(
    /** Name or path of the claim, such as `realm_access.roles`. */
    readonly claim: string,
    options?: { cause?: unknown },
  ) {
    super(`The claim "${claim}" of the access token is not what this route asks for`, options);
  }
}

/**
 * The token is good but lacks a scope that the route asks for (RFC 6750 section 3.1). Answered with
 * 403.
 *
 * @publicApi
 */
export class InsufficientScopeError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage = 'The access token lacks a scope that this route asks for';
  override readonly name = 'InsufficientScopeError';
  override readonly code = 'insufficient_scope';

  constructor(
    /** The scopes that the route asks for. */
    readonly scopes: readonly string[],
    message?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** An option that cannot work. Thrown when the module or the client is made. @publicApi */
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
  | AccessDeniedError
  | InvalidClaimError
  | TokenRefusedError
  | InsufficientScopeError
  | DpopProofError
  | DpopNonceRequiredError
  | StepUpRequiredError
  | SenderConstraintUnavailableError;

/** The stable codes of section "Faults" of the README. @publicApi */
export type JwksErrorCode = AnyJwksError['code'];

/** Whether `error` was thrown by this package, by any copy of it in the process. @publicApi */
export function isJwksError(error: unknown): error is AnyJwksError {
  return isBranded(error);
}

/** @internal */
export function isSourceError(error: unknown): error is SourceError {
  return isJwksError(error) && (error.code === 'jwks_unavailable' || error.code === 'jwks_invalid');
}
