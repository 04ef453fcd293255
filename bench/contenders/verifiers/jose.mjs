import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose';

/** As jose documents it; for several issuers a map of sets, which jose leaves to its users. */
export function verifier({ issuers, audience, algorithms, lifetime }) {
  const [first] = issuers;
  const keeping = lifetime && { cacheMaxAge: lifetime };
  const sets = new Map(issuers.map(({ issuer, jwksUri }) => [issuer, createRemoteJWKSet(new URL(jwksUri), keeping)]));
  if (sets.size === 1) {
    const set = sets.get(first.issuer);
    const options = { issuer: first.issuer, audience, algorithms };
    return (token) => jwtVerify(token, set, options);
  }
  return async (token) => {
    const { iss } = decodeJwt(token);
    const set = sets.get(iss);
    if (!set) throw new Error('an issuer that is not trusted');
    return jwtVerify(token, set, { issuer: iss, audience, algorithms });
  };
}

/** Errors of fetching are a plain JOSEError, JWKSTimeout and JWKSInvalid, or none of jose's. */
export function blamesToken(error) {
  const { JOSEError, JWKSTimeout, JWKSInvalid } = errors;
  const ofFetching = error instanceof JWKSTimeout || error instanceof JWKSInvalid || error.constructor === JOSEError;
  return error instanceof JOSEError && !ofFetching;
}
