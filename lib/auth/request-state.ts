import type { MaybePromise } from '../core/maybe-promise.js';
import type { JwksService } from '../jwks.service.js';
import type { AuthenticatedOptions } from './route-options.js';
import type { Admission, Verification } from './verification.js';

/** The verifications of one request, the last one first. @internal */
export interface SharedVerification {
  readonly jwks: JwksService;
  readonly accessToken: string;
  readonly options: AuthenticatedOptions;
  readonly verification: MaybePromise<Verification>;
  readonly before: SharedVerification | undefined;
}

/** What is known of one request, or client of a gateway, or message. Never on the object itself, where others write too. @internal */
export interface RequestState {
  /** Written by our guard and our strategy alone, so that a `request.auth` from elsewhere counts for nothing. */
  admission: Admission | undefined;
  verifications: SharedVerification | undefined;
}

const states = new WeakMap<object, RequestState>();

/** @internal */
export function knownOf(request: object): RequestState | undefined {
  return states.get(request);
}

/** The same, to be written to. @internal */
export function requestStateOf(request: object): RequestState {
  const known = states.get(request);
  if (known) return known;
  const state: RequestState = { admission: undefined, verifications: undefined };
  states.set(request, state);
  return state;
}
