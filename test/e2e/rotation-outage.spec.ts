import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { TestIssuer } from '../../lib/testing/index.js';
import { figures } from './support/figures.js';
import { Site } from './support/site.js';
import { Traffic } from './support/traffic.js';

const SECOND = 1_000;
/** How many lives of a set the longest test takes: LIFETIMES=20 for figures to quote. */
const LIFETIMES = Number(process.env['LIFETIMES'] ?? 3);

/** One try, given up soon. */
const HASTY = { retries: 0, timeout: 250, deadline: 500 };
const RESTLESS = { ttl: 300, respectHeaders: false };

type Mode = [name: string, begin: (issuer: TestIssuer) => Promise<void>];

const OUTAGES: readonly Mode[] = [
  ['rejects connections', (issuer) => issuer.down()],
  ['hangs', (issuer) => issuer.slow('1h')],
  ['answers 500', (issuer) => issuer.status(500)],
  ['serves a page', (issuer) => issuer.garbage()],
  ['serves half a body', (issuer) => issuer.garbage('{"keys":[{"kty":"EC","crv":"P-2')],
];

describe.concurrent('An application under constant traffic', { timeout: 60 * SECOND + LIFETIMES * 5 * SECOND }, () => {
  it('waits for the network once, and fetches once in the life of a set, where the endpoint takes 500 ms', async () => {
    const ttl = 4 * SECOND;
    await using site = await Site.start({ cache: { ttl, respectHeaders: false } }, (issuer) => issuer.slow(500));
    const token = await site.issuer.sign({}, { expiresIn: '10m' });
    await site.pass(token);
    const { misses } = site.counters;
    const traffic = Traffic.start(() => site.pass(token), 10);
    await pause((LIFETIMES + 0.5) * ttl);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(site.counters).toMatchObject({ misses, staleServed: 0, failures: 0 });
    const fetchedAt = site.issuer.requests.map(({ at }) => at);
    const lifetimes = ((fetchedAt.at(-1) ?? 0) - (fetchedAt[0] ?? 0)) / ttl;
    figures('constant traffic', { fetches: fetchedAt.length - 1, lifetimes, slowest: traffic.slowest });
    expect(fetchedAt.length).toBeGreaterThan(LIFETIMES);
    // A set is refreshed when 0.8 of its life are over, less up to 10 % jitter: that is the life
    // that counts.
    expect(fetchedAt.length - 1).toBeLessThanOrEqual((1.1 / 0.8) * lifetimes);
  });

  it('passes 1,000 parallel first tokens of a new key with one fetch, three times within 30 s', async () => {
    await using site = await Site.start({ cache: { ttl: '10m' } });
    const { issuer } = site;
    await site.pass(await issuer.sign());
    await issuer.slow(200);
    for (let rotation = 1; rotation <= 3; rotation += 1) {
      await issuer.rotate({ keep: false });
      const tokens = await Promise.all(Array.from({ length: 1_000 }, (_, n) => issuer.sign({ sub: `user-${n}` })));
      await Promise.all(tokens.map((token) => site.pass(token)));
      expect(issuer.jwksRequests).toBe(1 + rotation);
    }
    expect(site.counters).toMatchObject({ fetches: 4, rotations: 3, failures: 0 });
  });

  it('rejects a removed key when its lifetime is over, and goes on with the others', async () => {
    await using site = await Site.start({ cache: { ttl: SECOND, respectHeaders: false } });
    const { issuer } = site;
    const [stolen] = issuer.kids as [string];
    await issuer.rotate();
    const [good, bad] = [await issuer.sign(), await issuer.sign({}, { kid: stolen })];
    await site.pass(bad);
    const traffic = Traffic.start(() => site.pass(good));
    issuer.revoke(stolen);
    const takenBack = performance.now();
    await vi.waitFor(async () => expect((await site.call(bad)).status).toBe(401), {
      timeout: 5 * SECOND,
      interval: 20,
    });
    expect(performance.now() - takenBack).toBeLessThan(2 * SECOND);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  });

  it.each<Mode>(OUTAGES)('passes while the endpoint %s, and takes a new key when it is back', async (_, begin) => {
    await using site = await Site.start({ cache: RESTLESS, http: HASTY });
    const { issuer } = site;
    const token = await issuer.sign();
    // On a busy machine the first load may take longer than such a deadline.
    await vi.waitFor(() => site.pass(token), { timeout: 5 * SECOND });
    const traffic = Traffic.start(() => site.pass(token));
    await begin(issuer);
    await pause(1.5 * SECOND);
    expect(site.counters.staleServed).toBeGreaterThan(0);
    expect(site.counters.failures).toBeGreaterThan(0);
    // Full jitter from 1 s on, doubling: never more than this in the time that has passed.
    expect(site.counters.failures).toBeLessThan(15);
    await issuer.rotate();
    await issuer.up();
    const newer = await issuer.sign();
    await vi.waitFor(() => site.pass(newer), { timeout: 20 * SECOND, interval: 50 });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  });

  it('has requests wait for the next attempt where no set was ever had, and serves all of them', async () => {
    const failing = (issuer: TestIssuer) => issuer.status(503, { 'retry-after': '600' });
    await using site = await Site.start({}, failing);
    const { issuer } = site;
    const token = await issuer.sign();
    const { status, headers, body } = await site.call(token);
    expect({ status, body }).toMatchObject({ status: 503, body: { code: 'jwks_unavailable' } });
    expect(headers['retry-after']).toBe('600');
    await issuer.up();
    await Promise.all(Array.from({ length: 100 }, () => site.pass(token)));
    expect(issuer.jwksRequests).toBe(2);
  });

  it('answers 503 at once while it backs off, where the deadline leaves too little to wait for', async () => {
    const failing = (issuer: TestIssuer) => issuer.status(503, { 'retry-after': '600' });
    await using site = await Site.start({ http: HASTY }, failing);
    const { issuer } = site;
    const token = await issuer.sign();
    const startedAt = performance.now();
    for (let count = 0; count < 100; count += 1) {
      const { status, headers, body } = await site.call(token);
      expect({ status, body }).toMatchObject({ status: 503, body: { code: 'jwks_unavailable' } });
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    // The next attempt is two seconds away, as the issuer asks for more.
    expect(issuer.jwksRequests).toBeLessThanOrEqual(1 + (performance.now() - startedAt) / (2 * SECOND));
  });

  it('serves from the first place while it may, then from the next one, and comes back', async () => {
    await using backup = await TestIssuer.start();
    const cache = { ...RESTLESS, staleIfError: '2s' };
    await using site = await Site.start({ cache, http: HASTY, failover: [backup.jwksUri] });
    const { issuer } = site;
    await backup.garbage(issuer.jwks);
    const token = await issuer.sign();
    const traffic = Traffic.start(() => site.pass(token));
    await pause(SECOND);
    expect(backup.jwksRequests).toBe(0);
    await issuer.down();
    await pause(SECOND);
    expect(backup.jwksRequests).toBe(0);
    await vi.waitFor(() => expect(backup.jwksRequests).toBeGreaterThan(1), { timeout: 10 * SECOND });
    await issuer.up();
    issuer.clearRequests();
    await vi.waitFor(() => expect(issuer.jwksRequests).toBeGreaterThan(0), { timeout: 10 * SECOND });
    backup.clearRequests();
    await vi.waitFor(() => expect(issuer.jwksRequests).toBeGreaterThan(3), { timeout: 10 * SECOND });
    await traffic.stop();
    expect(backup.jwksRequests).toBe(0);
    expect(traffic.failures).toEqual([]);
    expect(site.counters.staleServed).toBeGreaterThan(0);
  });
});
