import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';

/** The pair as get-jwks documents it. */
export function verifier({ issuers, audience, algorithms, lifetime }, { cache = false } = {}) {
  const trusted = issuers.map(({ issuer }) => issuer);
  const domains = new Map(issuers.map(({ issuer, jwksUri }) => [issuer, new URL('.', jwksUri).href]));
  const keeping = { ...(lifetime && { ttl: lifetime }) };
  const keys = buildGetJwks({ issuersWhitelist: [...domains.values()], jwksPath: 'jwks', ...keeping });
  return createVerifier({
    key: ({ header: { kid, alg }, payload: { iss } }) =>
      keys.getPublicKey({ kid, alg, domain: domains.get(iss) ?? iss }),
    algorithms,
    allowedIss: trusted,
    allowedAud: audience,
    cache,
  });
}

/** Errors of get-jwks come inside one of fast-jwt. One of them says that the set lacks the key. */
export function blamesToken({ code, originalError }) {
  return code !== 'FAST_JWT_KEY_FETCHING_ERROR' || originalError?.code === 'JWK_NOT_FOUND';
}
