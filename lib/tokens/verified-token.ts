import type { JWSHeaderParameters, JWTPayload } from 'jose';
import type { SigningKey } from '../keys/signing-key.js';

/**
 * A token whose signature and claims are good. Frozen all the way down: no handler can change what
 * the next one sees. The values are the issuer's word, and may hold what a user of it chose: escape
 * them like any input.
 *
 * @publicApi
 */
export interface VerifiedToken<C = JWTPayload> {
  /** The payload, its own members only; one called `__proto__` is left out. */
  readonly claims: Readonly<C>;
  /**
   * The protected header. `jwk`, `jku`, `x5u` and `x5c` in it had no say (RFC 8725 section 3.10).
   */
  readonly header: Readonly<JWSHeaderParameters>;
  /** `iss`; `undefined` only where `issuer: false` let a token without it pass. */
  readonly issuer: string | undefined;
  /** The key that the signature was verified with. */
  readonly key: SigningKey;
  /**
   * By what the sender has proved that a bound token is its own: a DPoP proof (also where a client
   * certificate was checked besides), a client certificate, or the word of the gateway in front.
   * Absent for a bearer token.
   */
  readonly senderConstrained?: 'dpop' | 'mtls' | 'gateway';
}
