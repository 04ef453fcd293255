import jwksRsa from 'jwks-rsa';

/** Keeps each kid by itself, five of them by default. */
export function lookup({ jwksUri, kids }) {
  const client = jwksRsa({ jwksUri, cache: true, cacheMaxEntries: Math.max(5, kids) });
  return (kid) => client.getSigningKey(kid);
}
