import { describe, expect, it } from 'vitest';
import { faultOf, listenTo, serviceOf, startIssuer } from './client/support.js';

describe('JwksService', () => {
  it('verifies and looks up for one issuer', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    const token = await issuer.sign({ sub: 'alice' });
    const [kid = ''] = issuer.kids;
    const verified = await jwks.verify<{ sub: string }>(token);
    expect(verified.claims.sub).toBe('alice');
    const key = await jwks.getSigningKey(kid);
    expect(verified.key).toBe(key);
    expect(await jwks.getSigningKeyFromJwt(token)).toBe(key);
    expect(await jwks.getSigningKeys()).toEqual([key]);
    expect((await jwks.getJwkSet()).get(kid)).toBe(key);
    expect(issuer.jwksRequests).toBe(1);
    expect(await jwks.fetchJwkSet()).toEqual(issuer.jwks);
    await jwks.getJwkSet({ refresh: true });
    expect(issuer.jwksRequests).toBe(3);
  });

  it('accepts a rotated key on its first use, with 2 requests in all', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    await jwks.verify(await issuer.sign());
    await issuer.rotate({ keep: false });
    await Promise.all(Array.from({ length: 100 }, async () => jwks.verify(await issuer.sign())));
    expect(issuer.jwksRequests).toBe(2);
  });

  it('returns its state as plain data', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    await jwks.verify(await issuer.sign());
    const status = jwks.status();
    expect(status).toMatchObject([{ issuer: issuer.issuer, state: 'fresh', kids: issuer.kids, algs: ['ES256'] }]);
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });

  it('emits events', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    const events = listenTo(jwks);
    await jwks.verify(await issuer.sign());
    const [old = ''] = issuer.kids;
    const kid = await issuer.rotate({ keep: false });
    await jwks.verify(await issuer.sign());
    await faultOf(jwks.verify('no.jwt'));
    expect(events.map(({ type }) => type)).toEqual([
      'set.loaded',
      'token.verified',
      'set.loaded',
      'set.rotated',
      'token.verified',
      'token.rejected',
    ]);
    expect(events[3]).toEqual({ type: 'set.rotated', issuer: issuer.issuer, added: [kid], removed: [old] });
  });

  it('hands out clients that share what it keeps', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    const [kid = ''] = issuer.kids;
    const key = await jwks.getSigningKey(kid);
    for (const client of [jwks.client(), jwks.client(issuer.issuer)]) {
      expect(await client.getSigningKey(kid)).toBe(key);
      expect((await client.verify(await issuer.sign())).key).toBe(key);
      expect(client.status()).toMatchObject({ issuer: issuer.issuer, state: 'fresh' });
    }
    expect(issuer.jwksRequests).toBe(1);
  });
});
