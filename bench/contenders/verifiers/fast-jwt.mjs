import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';

/** The pair as get-jwks documents it. */
export function verifier({ issuers, audience, algorithms }, { cache = false } = {}) {
  const trusted = issuers.map(({ issuer }) => issuer);
  const keys = buildGetJwks({ issuersWhitelist: trusted, jwksPath: 'jwks' });
  return createVerifier({
    key: ({ header, payload }) => keys.getPublicKey({ kid: header.kid, alg: header.alg, domain: payload.iss }),
    algorithms,
    allowedIss: trusted,
    allowedAud: audience,
    cache,
  });
}
