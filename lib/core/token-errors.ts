import { JwksError } from './jwks-error.js';

/**
 * Base of every reason to refuse a request because of its token. Messages are fixed sentences: they hold nothing of the token.
 *
 * @publicApi
 */
export abstract class TokenError extends JwksError {}

/** No token where one is needed. Challenge without an `error` (RFC 6750 section 3.1). @publicApi */
export class MissingTokenError extends TokenError {
  override readonly name = 'MissingTokenError';
  override readonly code = 'token_missing';

  constructor(message = 'The request has no access token', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** More than one token, or more than one way of sending it (RFC 6750 section 2). @publicApi */
export class AmbiguousTokenError extends TokenError {
  override readonly name = 'AmbiguousTokenError';
  override readonly code = 'invalid_request';

  constructor(message = 'The request has more than one access token', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** Not a JWT in compact form (RFC 7519 section 7.2), in a form that is not canonical, or too long. @publicApi */
export class MalformedTokenError extends TokenError {
  override readonly name = 'MalformedTokenError';
  override readonly code = 'token_malformed';

  constructor(message = 'The access token is not a JWT in compact form', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** `iss` is none of the trusted issuers; found out before any network call. @publicApi */
export class UntrustedIssuerError extends TokenError {
  override readonly name = 'UntrustedIssuerError';
  override readonly code = 'issuer_untrusted';

  constructor(message = 'The issuer of the access token is not trusted', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** `alg` is not in the configured list (RFC 8725 section 3.1). @publicApi */
export class UnsupportedAlgorithmError extends TokenError {
  override readonly name = 'UnsupportedAlgorithmError';
  override readonly code = 'alg_not_allowed';

  constructor(message = 'The signature algorithm of the access token is not allowed', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** The issuer's current set has no key for this kid and algorithm, also after a refetch. @publicApi */
export class SigningKeyNotFoundError extends TokenError {
  override readonly name = 'SigningKeyNotFoundError';
  override readonly code = 'key_not_found';

  constructor(
    message = 'No signing key matches',
    options?: { cause?: unknown },
    /** The kid that was looked for, as it came: make it safe before it meets a log line. */
    readonly kid?: string,
  ) {
    super(message, options);
  }
}

/** The signature does not verify (RFC 7515 section 5.2). @publicApi */
export class InvalidSignatureError extends TokenError {
  override readonly name = 'InvalidSignatureError';
  override readonly code = 'signature_invalid';

  constructor(message = 'The signature of the access token is not valid', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** `exp` has passed (RFC 7519 section 4.1.4), or the token is older than `maxTokenAge`. @publicApi */
export class TokenExpiredError extends TokenError {
  override readonly name = 'TokenExpiredError';
  override readonly code = 'token_expired';

  constructor(message = 'The access token has expired', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** `nbf` (RFC 7519 section 4.1.5) or `iat` lies in the future. @publicApi */
export class TokenNotActiveError extends TokenError {
  override readonly name = 'TokenNotActiveError';
  override readonly code = 'token_not_active';

  constructor(message = 'The access token is not valid yet', options?: { cause?: unknown }) {
    super(message, options);
  }
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

/** The application's `validate` threw or returned nothing that could be a user; what it threw is the `cause`. @publicApi */
export class TokenRefusedError extends TokenError {
  override readonly name = 'TokenRefusedError';
  override readonly code = 'token_refused';

  constructor(message = 'The application refused the access token', options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** The token is good but lacks a scope that the route asks for (RFC 6750 section 3.1). Answered with 403. @publicApi */
export class InsufficientScopeError extends TokenError {
  override readonly name = 'InsufficientScopeError';
  override readonly code = 'insufficient_scope';

  constructor(
    /** The scopes that the route asks for. */
    readonly scopes: readonly string[],
    message = 'The access token lacks a scope that this route asks for',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
