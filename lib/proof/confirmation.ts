import { InvalidClaimError } from '../core/errors.js';
import { getOwn, isJsonObject, type JsonObject } from '../tokens/json-object.js';

/** To what a token is bound (RFC 7800): at least one of them. @internal */
export interface Confirmation {
  /** RFC 9449 section 6.1. */
  readonly jkt: string | undefined;
  /** RFC 8705 section 3.1. */
  readonly x5t: string | undefined;
}

const ASK_FOR_BEARER = 'have the client request a bearer token, or configure the check of its binding';

/** Whether the claims bind their token, in whatever way. @internal */
export function isBound(claims: object): boolean {
  return Object.hasOwn(claims, 'cnf');
}

/**
 * Reads `cnf`. Members that are not understood are ignored beside one that is (RFC 7800 section 3.1),
 * and so is `null`, which serializers write for what is absent. Throws an InvalidClaimError where
 * none is understood: the token is bound, and to what cannot be checked.
 *
 * @internal
 */
export function confirmationOf(claims: object): Confirmation {
  const cnf = getOwn(claims as JsonObject, 'cnf');
  const [jkt = undefined, x5t = undefined] = isJsonObject(cnf)
    ? ['jkt', 'x5t#S256'].map((name) => getOwn(cnf, name) ?? undefined)
    : [];
  const isUsable = (member: unknown) => member === undefined || (typeof member === 'string' && member !== '');
  if ((jkt === undefined && x5t === undefined) || !isUsable(jkt) || !isUsable(x5t))
    throw bindingFault('The access token is bound ("cnf") in a way that is not supported');
  return { jkt: jkt as string | undefined, x5t: x5t as string | undefined };
}

/** A binding that does not hold, or is missing. @internal */
export function bindingFault(reason: string, hint = ASK_FOR_BEARER): InvalidClaimError {
  const error = new InvalidClaimError('cnf', reason);
  error.explain(() => ({ reason, hint, misconfiguration: true }));
  return error;
}
