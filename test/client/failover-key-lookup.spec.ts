import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';
import type { JwksClientOptions } from '../../lib/options/jwks-options.js';
import { signToken, testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { clientAt, faultOf, jwksOf, startServer } from './support.js';

const ISSUER = 'https://id.example.com';

/** A provider that has retired a key, and a backup that still has it. */
async function rotated(options: Partial<JwksClientOptions> = {}) {
  const [retired, current] = [await testKey('ES256', 'retired'), await testKey('ES256', 'current')];
  const clock = new ManualClock(Date.now());
  const server = await startServer();
  const works = () => server.on('/jwks', { body: jwksOf(current) });
  const fails = () => server.on('/jwks', { status: 502 });
  works();
  const all = {
    issuer: ISSUER,
    audience: false,
    jwksUri: server.url('/jwks'),
    jwks: jwksOf(retired),
    http: { retries: 0 },
    ...options,
  } as JwksClientOptions;
  const start = () => clientAt(clock, all);
  const client = start();
  const verdict = async (key: typeof retired, on = client) => {
    const claims = { iss: ISSUER, exp: Math.floor(clock.now() / 1000) + 60 };
    return on.verify(await signToken(key, claims)).then(
      () => 'accepted',
      ({ code }: { code: string }) => code,
    );
  };
  return { retired, current, clock, server, works, fails, client, start, verdict };
}

describe('a backup', () => {
  it('does not make a retired key trusted again because of one failed fetch', async () => {
    const { retired, current, fails, works, client, verdict, clock } = await rotated();
    expect([await verdict(current), await verdict(retired)]).toEqual(['accepted', 'key_not_found']);
    await clock.pass('1s');
    fails();
    // A made-up kid causes a refetch, which fails.
    expect(await faultOf(client.getSigningKey('made-up'))).toMatchObject({ code: 'jwks_unavailable' });
    expect([await verdict(current), await verdict(retired)]).toEqual(['accepted', 'jwks_unavailable']);
    works();
    await clock.pass('2s');
    expect([await verdict(current), await verdict(retired)]).toEqual(['accepted', 'key_not_found']);
  });

  it('leaves an outage to the stale set of the first member', async () => {
    const { retired, current, fails, clock, verdict, client } = await rotated();
    expect(await verdict(current)).toBe('accepted');
    fails();
    await clock.pass('12h');
    expect([await verdict(current), await verdict(retired)]).toEqual(['accepted', 'jwks_unavailable']);
    expect(client.status()).toMatchObject({ state: 'stale', kids: ['current'] });
  });

  it('serves while the first member has nothing, and leaves when it is back', async () => {
    const { retired, current, fails, works, clock, verdict, client } = await rotated();
    fails();
    expect([await verdict(retired), await verdict(current)]).toEqual(['accepted', 'jwks_unavailable']);
    expect(client.status()).toMatchObject({
      state: 'fresh',
      kids: ['retired'],
      lastFault: { code: 'jwks_unavailable' },
    });
    works();
    await clock.pass('2s');
    expect(await verdict(current)).toBe('accepted');
    expect(await verdict(retired)).toBe('key_not_found');
    expect(client.status()).toMatchObject({ kids: ['current'] });
  });

  it('does not overrule a provider that has withdrawn all keys', async () => {
    const { retired, current, server, clock, verdict } = await rotated();
    expect(await verdict(current)).toBe('accepted');
    server.on('/jwks', { body: { keys: [] } });
    await clock.pass('2h');
    expect([await verdict(current), await verdict(retired)]).toEqual(['jwks_invalid', 'jwks_invalid']);
    await clock.pass('500ms');
    expect([await verdict(current), await verdict(retired)]).toEqual(['jwks_invalid', 'jwks_invalid']);
  });

  it('is not published to the shared store as the set of the first member', async () => {
    const store = createCache({ stores: [new Keyv()] });
    const spare = await startServer();
    const { retired, current, fails, works, verdict, start } = await rotated({
      cache: { store },
      jwks: undefined as never,
      failover: [spare.url('/jwks')],
    });
    spare.on('/jwks', { body: jwksOf(retired) });
    fails();
    expect(await verdict(retired)).toBe('accepted');
    works();
    const other = start();
    expect(await verdict(current, other)).toBe('accepted');
    expect(await verdict(retired, other)).toBe('key_not_found');
  });

  it('is asked in order, and the error is that of the first member', async () => {
    const second = await startServer();
    const third = await startServer();
    second.on('/jwks', { status: 500 });
    third.on('/jwks', { status: 404 });
    const { fails, client, server } = await rotated({
      jwks: undefined as never,
      failover: [second.url('/jwks'), third.url('/jwks')],
    });
    fails();
    const fault = await faultOf(client.getSigningKeys());
    expect(fault.message).toContain(server.url('/jwks'));
    expect([second.requests.length, third.requests.length]).toEqual([1, 1]);
    expect(client.status().counters).toMatchObject({ fetches: 3, failures: 3 });
    third.on('/jwks', { body: jwksOf(await testKey('ES256', 'third')) });
  });
});
