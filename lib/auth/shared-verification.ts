import type { MaybePromise } from '../core/maybe-promise.js';
import type { JwksService } from '../jwks.service.js';
import { verifyOptionsOf, type AuthenticatedOptions } from './route-options.js';
import type { Authentication } from './verification.js';
import { requestStateOf } from './request/request-state.js';
import type { Sender } from './sender.js';

/** Where a token came from. @internal */
export interface TokenOrigin {
  /** For `validate`. */
  readonly request: unknown;
  readonly sender: Sender;
}

/**
 * Verifies a token once for each `scope` (a request, or one message of a WebSocket), for several
 * guards of one route and for the fields of one GraphQL query. Routes that name another issuer or
 * audience do not share, nor does the service of another application.
 *
 * @internal
 */
export function verifyOnce(
  jwks: JwksService,
  accessToken: string,
  options: AuthenticatedOptions,
  origin: TokenOrigin & { readonly scope: object },
): MaybePromise<Authentication> {
  const state = requestStateOf(origin.scope);
  const before = state.authentications;
  for (let shared = before; shared; shared = shared.before) {
    const { jwks: service, accessToken: token } = shared;
    if (service === jwks && token === accessToken && asksAlike(shared.options, options)) return shared.authentication;
  }
  let authentication: MaybePromise<Authentication>;
  try {
    authentication = verifyToken(jwks, accessToken, options, origin);
  } catch (error) {
    authentication = Promise.reject(error);
  }
  state.authentications = { jwks, accessToken, options, authentication, before };
  return authentication;
}

/** Returns or throws at once where nothing has to be waited for. @internal */
export function verifyToken(
  jwks: JwksService,
  accessToken: string,
  options: AuthenticatedOptions,
  { request, sender }: TokenOrigin,
): MaybePromise<Authentication> {
  const { scheme, proof } = sender;
  return jwks.authenticate({ token: accessToken, scheme, options: verifyOptionsOf(options), proof, request });
}

function asksAlike(some: AuthenticatedOptions, others: AuthenticatedOptions): boolean {
  return some === others || asked(some) === asked(others);
}

function asked({ issuer, audience }: AuthenticatedOptions): string {
  return JSON.stringify([issuer, audience]);
}
