import { JwksError, TokenError } from './base-errors.js';
import type { Diagnosis } from './diagnosis.js';
import { safeText } from './events.js';
import { parseDuration, type Duration } from './clock.js';
import { stepUpFault } from './challenge-values.js';

/** What is wrong with a DPoP proof, with what to do about it. @internal */
export interface DpopFault {
  readonly reason: string;
  readonly hint: string;
  /** Whether the client or the options, rather than this one proof, are likely to be wrong. */
  readonly misconfiguration: boolean;
}

/**
 * The DPoP proof of a request is missing or not acceptable (RFC 9449 section 4.3). Answered with 401
 * `invalid_dpop_proof`.
 *
 * @publicApi
 */
export class DpopProofError extends TokenError {
  /** @internal */
  protected static override readonly defaultMessage: string = 'The DPoP proof is not valid';
  override readonly name = 'DpopProofError';
  override readonly code = 'dpop_proof_invalid';

  /** @internal */
  constructor(fault: DpopFault, options?: { cause?: unknown }) {
    super(fault.reason, options);
    this.explain(() => fault);
  }
}

/**
 * The DPoP proof lacks the nonce of this server, or has an old one (RFC 9449 section 9). Answered
 * with 401 `use_dpop_nonce` and the nonce to use.
 *
 * @publicApi
 */
export class DpopNonceRequiredError extends TokenError {
  override readonly name = 'DpopNonceRequiredError';
  override readonly code = 'dpop_nonce_required';

  constructor(
    /** What the client has to put into its next proof. */
    readonly nonce: string,
  ) {
    super('The DPoP proof has no current nonce of this server');
    this.explain(() => ({ reason: this.message, hint: NONCE_HINT, misconfiguration: false }));
  }
}

const NONCE_HINT = 'usual for the first request of a client: it repeats the request with the nonce of the response';

/** What a token lacks for a route that needs a stronger or newer login. @publicApi */
export interface StepUpRequirement {
  /** Acceptable values of `acr`, the preferred one first. */
  readonly acrValues?: readonly string[];
  /** How long ago the login (`auth_time`) may be: milliseconds or `'5m'`, at least a second. */
  readonly maxAge?: Duration;
}

/**
 * The token is good, but the user has to log in again, or in a stronger way (RFC 9470). `stepUp` of
 * `@Authenticated()` throws it; `validate`, a handler or a service may too, where the request itself
 * says how much it is worth (not in gateways, where Nest asks no filter for it). Answered with 401
 * `insufficient_user_authentication`.
 *
 * @publicApi
 */
export class StepUpRequiredError extends TokenError {
  override readonly name = 'StepUpRequiredError';
  override readonly code = 'step_up_required';
  readonly acrValues: readonly string[];
  /** In seconds. */
  readonly maxAge: number | undefined;

  /** @throws TypeError for what no login can fulfil: clients would send the user there forever. */
  constructor(required: StepUpRequirement, options?: { cause?: unknown }) {
    const fault = stepUpFault(required);
    if (fault) throw new TypeError(`StepUpRequiredError ${fault}`);
    const { acrValues = [], maxAge } = required;
    super('The access token was issued after a login that is too old or too weak', options);
    this.acrValues = Object.freeze([...acrValues]);
    this.maxAge = maxAge === undefined ? undefined : Math.floor(parseDuration(maxAge) / 1000);
    this.explain(() => ({ reason: this.message, hint: STEP_UP_HINT, misconfiguration: false }));
  }
}

const STEP_UP_HINT = 'the client has to send the user to the provider with the acr_values and max_age of the challenge';

/**
 * Whether the sender of a bound token may use it cannot be decided: the replay store or the function
 * for the client certificate failed. The response is 503, and never a pass.
 *
 * @publicApi
 */
export class SenderConstraintUnavailableError extends JwksError {
  override readonly name = 'SenderConstraintUnavailableError';
  override readonly code = 'sender_constraint_unavailable';
  readonly retryAfter = 1_000;

  /** @internal */
  get diagnosis(): Diagnosis {
    // An error of several addresses has a code and no message.
    const { message = '', code = '' } = (this.cause ?? {}) as { readonly message?: unknown; readonly code?: unknown };
    const why = safeText(String(message || code));
    return { reason: why ? `${this.message}: ${why}` : this.message, hint: OUTAGE_HINT, misconfiguration: true };
  }
}

const OUTAGE_HINT = 'requests with bound tokens get 503 until this is mended';
