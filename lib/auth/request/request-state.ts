import { IncomingMessage } from 'node:http';
import type { MaybePromise } from '../../core/maybe-promise.js';
import { privateSlot } from '../../core/private-slot.js';
import type { SenderProof } from '../../proof/sender-proof.js';
import type { JwksService } from '../../jwks.service.js';
import type { AuthenticatedOptions } from '../route-options.js';
import type { AttachedAuthentication, Authentication } from '../verification.js';

/** The verifications of one request, the last one first. @internal */
export interface SharedAuthentication {
  readonly jwks: JwksService;
  readonly accessToken: string;
  readonly options: AuthenticatedOptions;
  readonly authentication: MaybePromise<Authentication>;
  readonly before: SharedAuthentication | undefined;
}

/**
 * What is known of one request, or client of a gateway, or message. Never on the object itself,
 * where others write too.
 *
 * @internal
 */
export interface RequestState {
  /**
   * What it was accepted with. Only our guard and our strategy write it, so that a `request.auth`
   * from elsewhere counts for nothing.
   */
  attached: AttachedAuthentication | undefined;
  /** The verifications made for it, whether it was accepted or not. */
  authentications: SharedAuthentication | undefined;
  /** What its sender proves possession of a token by. */
  proof: SenderProof | undefined;
}

const states = privateSlot<RequestState>();

/**
 * Express changes the prototype of each request, after which V8 has a hidden class for each one
 * alone: a private field then costs more than an entry here (before Node 24).
 */
const ofNode = new WeakMap<IncomingMessage, RequestState>();

/** @internal */
export function knownOf(request: object): RequestState | undefined {
  return request instanceof IncomingMessage ? ofNode.get(request) : states.of(request);
}

/** The same, to be written to. @internal */
export function requestStateOf(request: object): RequestState {
  const known = knownOf(request);
  if (known) return known;
  const state: RequestState = { attached: undefined, authentications: undefined, proof: undefined };
  if (request instanceof IncomingMessage) ofNode.set(request, state);
  else states.fill(request, state);
  return state;
}
