import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common';
import { isJwksError, type AnyJwksError, type InsufficientScopeError, type JwksErrorCode } from '../../core/errors.js';

interface Fault {
  readonly status: 400 | 401 | 403 | 503;
  /** `error` of the challenge (RFC 6750 section 3.1). */
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /** Fixed: nothing of the token, no host, no URL; characters as RFC 6750 section 3 allows. */
  readonly description: string;
}

/** A refusal as HTTP says it. @internal */
export interface ErrorResponse {
  readonly status: Fault['status'];
  readonly headers: Readonly<Record<string, string>>;
  /** Nest's shape, with our `code`. */
  readonly body: {
    readonly statusCode: number;
    readonly message: string;
    readonly error: string;
    readonly code: string;
  };
}

const invalidToken = (description: string): Fault => ({ status: 401, error: 'invalid_token', description });
const unavailable: Fault = { status: 503, description: 'The keys that verify access tokens are not available' };

/** What a client gets to know of each fault: section "Faults" of the README. */
const FAULTS: Readonly<Record<Exclude<JwksErrorCode, 'configuration_invalid'>, Fault>> = {
  // RFC 6750 section 3.1: no error code for a request that has no authentication information at
  // all.
  token_missing: { status: 401, description: 'An access token is required' },
  invalid_request: { status: 400, error: 'invalid_request', description: 'The request has more than one access token' },
  token_malformed: invalidToken('The access token is malformed'),
  issuer_untrusted: invalidToken('The issuer of the access token is not trusted'),
  alg_not_allowed: invalidToken('The signature algorithm of the access token is not allowed'),
  key_not_found: invalidToken('The signing key of the access token is not known'),
  signature_invalid: invalidToken('The signature of the access token is not valid'),
  token_expired: invalidToken('The access token has expired'),
  token_not_active: invalidToken('The access token is not valid yet'),
  claim_invalid: invalidToken('A claim of the access token is missing or not acceptable'),
  token_refused: invalidToken('The access token was refused'),
  // RFC 6750 section 3.1: not `invalid_token`, for which a client would fetch a new token and retry.
  access_denied: { status: 403, description: 'The access token does not allow this' },
  insufficient_scope: {
    status: 403,
    error: 'insufficient_scope',
    description: 'The access token lacks a scope that is required',
  },
  jwks_unavailable: unavailable,
  jwks_invalid: unavailable,
};

const EXCEPTIONS = {
  400: { Exception: BadRequestException, error: 'Bad Request' },
  401: { Exception: UnauthorizedException, error: 'Unauthorized' },
  403: { Exception: ForbiddenException, error: 'Forbidden' },
  503: { Exception: ServiceUnavailableException, error: 'Service Unavailable' },
} as const;

/** Name and value of a parameter of a challenge. @internal */
export type ChallengeParameter = readonly [name: string, value: string];

/** Seconds after which a client may ask again, where the key source did not say. */
const RETRY_AFTER = 5;

/**
 * The response to a client for an error; `undefined` for an error that is not the client's business (bad
 * options, an error of the application): that is thrown on, and answered with 500. A challenge ends
 * with the parameters `more`.
 *
 * @internal
 */
export function errorResponseOf(
  error: unknown,
  realm?: string,
  more: readonly ChallengeParameter[] = [],
): ErrorResponse | undefined {
  if (!isJwksError(error) || error.code === 'configuration_invalid') return undefined;
  const code = Object.hasOwn(FAULTS, error.code) ? error.code : 'token_refused';
  const fault = FAULTS[code];
  const { status, description } = fault;
  return {
    status,
    headers:
      status === 503
        ? { 'Retry-After': retryAfter(error) }
        : { 'WWW-Authenticate': challenge(fault, error, realm, more) },
    body: { statusCode: status, message: description, error: EXCEPTIONS[status].error, code },
  };
}

/**
 * The refusal as an `HttpException` with the fault as its `cause`. An `HttpException` that the
 * application's `validate` threw is the answer itself.
 *
 * @internal
 */
export function httpExceptionOf(response: ErrorResponse, error: unknown): HttpException {
  const chosen = ownAnswer(error);
  if (chosen) return chosen;
  const { Exception } = EXCEPTIONS[response.status];
  return new Exception(response.body, { cause: error });
}

/** The `HttpException` by which `validate` answers for itself, if it does. @internal */
export function ownAnswer(error: unknown): HttpException | undefined {
  const rejected = isJwksError(error) && error.code === 'token_refused';
  return rejected && error.cause instanceof HttpException ? error.cause : undefined;
}

/** RFC 6750 section 3: `Bearer` and, where there is something to say, its parameters. */
function challenge(
  { error, description }: Fault,
  thrown: AnyJwksError,
  realm: string | undefined,
  more: readonly ChallengeParameter[],
): string {
  const parameters = [
    ...(realm ? [['realm', realm]] : []),
    ...(error
      ? [
          ['error', error],
          ['error_description', description],
        ]
      : []),
    ...(error === 'insufficient_scope' ? [['scope', (thrown as InsufficientScopeError).scopes.join(' ')]] : []),
    ...more,
  ].map(([name, value]) => `${name}="${quotable(value ?? '')}"`);
  return parameters.length > 0 ? `Bearer ${parameters.join(', ')}` : 'Bearer';
}

/** The inside of a quoted-string (RFC 9110 section 5.6.4), on one line whatever it is made of. */
function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&');
}

/** Whole seconds (RFC 9110 section 10.2.3), at least one. */
function retryAfter(error: AnyJwksError): string {
  const milliseconds = 'retryAfter' in error ? error.retryAfter : undefined;
  return String(Number.isFinite(milliseconds) ? Math.max(1, Math.ceil(Number(milliseconds) / 1000)) : RETRY_AFTER);
}
