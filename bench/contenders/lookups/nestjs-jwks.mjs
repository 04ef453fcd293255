import { JwksClient } from 'nestjs-jwks';

export function lookup({ jwksUri }) {
  const client = new JwksClient({ jwksUri });
  return (kid) => client.getSigningKey(kid);
}
