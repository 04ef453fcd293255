import { createRemoteJWKSet } from 'jose';

export function lookup({ jwksUri }) {
  const set = createRemoteJWKSet(new URL(jwksUri));
  return (kid) => set({ alg: 'RS256', kid });
}
