import { JwksError } from './jwks-error.js';

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
  readonly bridged: boolean;
  /** What the source asked for by `Retry-After`, in milliseconds (RFC 9110 section 10.2.3). */
  readonly retryAfter?: number | undefined;
}

/** What a {@link JwkSetSource} says of a fault; what it leaves out is as the class has it. @publicApi */
export interface SourceFaultOptions extends Partial<SourceFaultTraits> {
  cause?: unknown;
}

/**
 * The keys cannot be had: network fault, timeout (`timed out` is in the message), an HTTP status other than 200 or 304.
 * Answered with 503, never with 401: an outage logs nobody out.
 *
 * @publicApi
 */
export class JwksConnectionError extends JwksError implements SourceFaultTraits {
  override readonly name = 'JwksConnectionError';
  override readonly code = 'jwks_unavailable';
  readonly retryable: boolean;
  readonly failsOver: boolean;
  readonly bridged: boolean;
  readonly retryAfter: number | undefined;

  constructor(message: string, options: SourceFaultOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.retryable = options.retryable ?? true;
    this.failsOver = options.failsOver ?? true;
    this.bridged = options.bridged ?? true;
    this.retryAfter = options.retryAfter;
  }
}

/**
 * Something answered, but not with a usable JWK Set (RFC 7517 section 5): not JSON, no `keys` array, too many keys, none usable.
 * Answered with 503.
 *
 * @publicApi
 */
export class InvalidJwkSetError extends JwksError implements SourceFaultTraits {
  override readonly name = 'InvalidJwkSetError';
  override readonly code = 'jwks_invalid';
  readonly retryable: boolean;
  readonly failsOver: boolean;
  readonly bridged: boolean;
  readonly retryAfter: number | undefined;

  constructor(message: string, options: SourceFaultOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.retryable = options.retryable ?? false;
    this.failsOver = options.failsOver ?? true;
    this.bridged = options.bridged ?? true;
    this.retryAfter = options.retryAfter;
  }
}

/** The errors of a key source. @publicApi */
export type SourceError = JwksConnectionError | InvalidJwkSetError;
