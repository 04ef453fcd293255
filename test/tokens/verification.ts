import { KeyObject } from 'node:crypto';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { TokenRules } from '../../lib/tokens/claims.js';
import { parseCompactJwt, type CompactJwt } from '../../lib/tokens/compact-jwt.js';
import { TokenVerifier } from '../../lib/tokens/token-verifier.js';
import type { VerifiedToken } from '../../lib/tokens/verified-token.js';
import type { TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { StaticKeyLookup } from '../support/static-key-lookup.js';

/** With the length that is the default. */
export const parseToken = (token: unknown): CompactJwt => parseCompactJwt(token, 8_192);

export const ISSUER = 'https://id.example.com/';
const SECONDS = new ManualClock().now() / 1000;

export const CLAIMS = { iss: ISSUER, aud: 'orders-api', sub: 'me', iat: SECONDS, exp: SECONDS + 600 };

export const RULES: TokenRules = {
  issuer: ISSUER,
  audience: ['orders-api'],
  algorithms: new Set([
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA',
    'Ed25519',
  ]),
  clockTolerance: 5000,
  requiredClaims: ['exp'],
};

export function setOf(...keys: readonly TestKey[]): JwkSet {
  return JwkSet.parse({ keys: keys.map((key) => key.jwk) });
}

/** Takes tokens the whole way, over keys in the hand or over these. */
export function verifierOf(keys: StaticKeyLookup | JwkSet): { keys: StaticKeyLookup; verify: Verify } {
  const lookup = keys instanceof JwkSet ? new StaticKeyLookup(keys) : keys;
  const verifier = new TokenVerifier(lookup, new ManualClock());
  return {
    keys: lookup,
    verify: async (token, changes) => verifier.verify(token as string, parseToken(token), { ...RULES, ...changes }),
  };
}

type Verify = (token: unknown, changes?: Partial<TokenRules>) => Promise<VerifiedToken>;

/** The private key for node:crypto, which signs what WebCrypto would not. */
export function keyObjectOf(key: TestKey): KeyObject {
  return KeyObject.from(key.privateKey as unknown as Parameters<typeof KeyObject.from>[0]);
}
