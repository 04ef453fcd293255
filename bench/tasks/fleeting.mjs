import { setTimeout as pause } from 'node:timers/promises';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { JwksClient } from 'nestjs-jwks';

let failed = 0;

const VERIFIERS = {
  'nestjs-jwks': ({ issuer, audience, lifetime, redis }) => {
    const store = redis && createCache({ stores: [createKeyv({ url: redis, disableOfflineQueue: true })] });
    const cache = { ttl: lifetime, respectHeaders: false, ...(store && { store }) };
    const client = new JwksClient({ ...issuer, audience, cache });
    return (token) => client.verify(token);
  },
  jose: ({ issuer: { issuer, jwksUri }, audience, lifetime }) => {
    const keys = createRemoteJWKSet(new URL(jwksUri), { cacheMaxAge: lifetime });
    return (token) => jwtVerify(token, keys, { issuer, audience });
  },
};

/** One process of a fleet: from now on it verifies a token again and again. */
export async function join({ contender, token, every, ...setup }) {
  const verify = VERIFIERS[contender](setup);
  await verify(token);
  void (async () => {
    for (;;) {
      await verify(token).catch(() => (failed += 1));
      await pause(every);
    }
  })();
}

export function failures() {
  return failed;
}
