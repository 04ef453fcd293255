import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';

/** Its own fetcher takes https alone; the documented way around is one's own. */
const fetcher = { fetch: async (uri) => (await fetch(uri)).arrayBuffer() };

export function verifier({ issuers, audience }) {
  const trusted = issuers.map(({ issuer, jwksUri }) => ({ issuer, jwksUri, audience }));
  const made = JwtVerifier.create(trusted.length === 1 ? trusted[0] : trusted, {
    jwksCache: new SimpleJwksCache({ fetcher }),
  });
  return (token) => made.verify(token);
}
