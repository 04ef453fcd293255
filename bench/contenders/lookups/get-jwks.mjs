import buildGetJwks from 'get-jwks';

/** `getPublicKey` is what a verifier can use; it makes the PEM anew each time. */
export function lookup({ issuer }) {
  const keys = buildGetJwks({ issuersWhitelist: [issuer], jwksPath: 'jwks' });
  return (kid) => keys.getPublicKey({ kid, alg: 'RS256', domain: issuer });
}
