import { beforeAll, describe, expect, it } from 'vitest';
import { JwkSetCache } from '../../lib/cache/jwk-set-cache.js';
import { InvalidJwkSetError, JwksConnectionError } from '../../lib/core/errors.js';
import { JwksEvents } from '../../lib/core/events.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { HOUR, MINUTE, rig, SETTINGS, type Rig } from './harness.js';

const issuer = 'https://id.example.com/';
let key: TestKey;
let next: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
  next = await testKey('ES256', 'b');
});

async function refreshed(made: Rig): Promise<void> {
  await made.clock.pass('8m');
  await made.cache.get();
  await settle();
}

describe('events', () => {
  it('report of a load, of nothing new, and of a rotation, each with its issuer and how long it took', async () => {
    const made = rig();
    made.source.publishes([key]);
    await made.cache.get();
    await refreshed(made);
    made.source.publishes([next]);
    made.source.latency = 70;
    await refreshed(made);
    await made.clock.pass(70);
    expect(made.told).toEqual([
      { type: 'set.loaded', issuer, duration: 0, from: 'source', keys: 1 },
      { type: 'set.unchanged', issuer, duration: 0 },
      { type: 'set.loaded', issuer, duration: 70, from: 'source', keys: 1 },
      { type: 'set.rotated', issuer, added: ['b'], removed: ['a'] },
    ]);
  });

  it('report of a set that is rejected, and of the attempt that failed by it', async () => {
    const made = rig();
    made.source.fails(new InvalidJwkSetError('Not JSON'));
    await made.cache.get().catch(() => undefined);
    expect(made.told).toEqual([
      { type: 'set.rejected', issuer, duration: 0, reason: 'Not JSON' },
      {
        type: 'refresh.failed',
        issuer,
        duration: 0,
        trigger: 'missing',
        code: 'jwks_invalid',
        reason: 'Not JSON',
        retryIn: 1_000,
      },
    ]);
  });

  it('report of unusable entries when they change, and not each time', async () => {
    const made = rig();
    const oct = { kty: 'oct', k: 'c2VjcmV0', kid: 'se\ncret' };
    made.source.publishesDocument({ keys: [key.jwk, oct] });
    await made.cache.get();
    await refreshed(made);
    expect(made.tellings('key.dropped')).toEqual([
      { type: 'key.dropped', issuer, kid: 'se\\u000acret', reason: expect.any(String) },
    ]);
    made.source.publishesDocument({ keys: [key.jwk, { kty: 'new' }] });
    await refreshed(made);
    expect(made.tellings('key.dropped')).toHaveLength(2);
    made.source.publishes([key]);
    await refreshed(made);
    made.source.publishesDocument({ keys: [key.jwk, { kty: 'new' }] });
    await refreshed(made);
    expect(made.tellings('key.dropped')).toHaveLength(3);
    expect(JSON.stringify(made.told)).not.toContain('c2VjcmV0');
  });

  it('report of unusable entries once, also where a set of the store and a 304 came in between', async () => {
    const clock = new ManualClock();
    const store = new HostileStore(clock);
    const [made, other] = [rig({ clock, store }), rig({ clock, store })];
    const publish = ({ source }: Rig, etag: string) => {
      source.etag = etag;
      source.publishesDocument({ keys: [key.jwk, { kty: 'new' }] });
    };
    publish(made, '"1"');
    await made.cache.get();
    await settle();
    publish(other, '"1"');
    await clock.pass('1m');
    await other.cache.refresh({ seen: undefined, trigger: 'requested' });
    await settle();
    await refreshed(made);
    expect(made.tellings('set.loaded').at(-1)).toMatchObject({ from: 'store' });
    await refreshed(made);
    expect(made.source.requests).toHaveLength(2);
    publish(made, '"2"');
    await refreshed(made);
    expect(made.source.requests).toHaveLength(3);
    expect(made.tellings('key.dropped')).toHaveLength(1);
  });

  it('hold no key material and no text that a log line would choke on', async () => {
    const made = rig();
    const evil = { ...key.jwk, kid: `\u001b[31m${'x'.repeat(100)}` };
    made.source.publishes([key]);
    await made.cache.get();
    made.source.publishesDocument({ keys: [evil] });
    await refreshed(made);
    const [rotation] = made.tellings('set.rotated');
    expect(rotation?.added[0]).toMatch(/^[\x20-\x7e]{1,80}$/);
    expect(JSON.stringify(made.told)).not.toContain(key.jwk.x);
  });

  it('cost nothing and change nothing when no caller listens', async () => {
    const clock = new ManualClock();
    const source = new ScriptedSource(clock);
    const events = new JwksEvents();
    const cache = new JwkSetCache(SETTINGS, { source, clock, events });
    events.emit = () => {
      throw new Error('Nobody listens');
    };
    source.publishesDocument({ keys: [key.jwk, null] });
    await cache.get();
    source.publishes([next]);
    await clock.pass('11m');
    await cache.get();
    source.fails();
    await clock.pass('11m');
    await cache.get();
    await Promise.resolve(cache.findByKid('x')).catch(() => undefined);
    expect(cache.status().counters).toMatchObject({ rotations: 1, failures: 1, fetches: 3, unknownKids: 1 });
  });

  it('leave out an issuer that is not configured', async () => {
    const { source, cache, told } = rig({ issuer: undefined });
    source.publishes([key]);
    await cache.get();
    expect(told).toMatchObject([{ type: 'set.loaded', issuer: undefined }]);
  });
});

describe('status', () => {
  it('says what is held and since when, on the wall clock', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key, next]);
    await cache.get();
    const fetchedAt = clock.now();
    await clock.pass('1m');
    expect(cache.status()).toMatchObject({
      state: 'fresh',
      kids: ['a', 'b'],
      algs: ['ES256'],
      fetchedAt,
      freshUntil: fetchedAt + 10 * MINUTE,
      staleUntil: fetchedAt + 10 * MINUTE + 24 * HOUR,
    });
    expect(cache.status()).not.toHaveProperty('lastFault');
  });

  it('counts', async () => {
    const { cache, source, clock } = rig({ store: new HostileStore() });
    source.publishes([key]);
    await cache.get();
    cache.findByKid('a');
    await cache.get();
    await Promise.resolve(cache.findByKid('x')).catch(() => undefined);
    source.publishes([next]);
    await clock.pass('1s');
    await cache.findByKid('b');
    source.fails(new JwksConnectionError('HTTP 500'));
    await clock.pass('11m');
    await cache.get();
    await Promise.resolve(cache.findByKid('y')).catch(() => undefined);
    await settle();
    expect(cache.status().counters).toMatchObject({
      hits: 2,
      misses: 5,
      fetches: 4,
      failures: 1,
      rotations: 1,
      unknownKids: 3,
      refetchesSkipped: 1,
      staleServed: 2,
      storeFailures: 0,
    });
    expect(cache.status().counters.storeReads).toBeGreaterThan(0);
  });

  it('remembers the last fault, also after a recovery', async () => {
    const { cache, source, clock } = rig();
    source.fails(new JwksConnectionError('HTTP 500'));
    await cache.get().catch(() => undefined);
    const at = clock.now();
    source.publishes([key]);
    await clock.pass('1s');
    await cache.get();
    expect(cache.status()).toMatchObject({
      state: 'fresh',
      lastFault: { code: 'jwks_unavailable', message: 'HTTP 500', at },
    });
  });

  it('is plain JSON without key material', async () => {
    const { cache, source } = rig();
    source.publishes([key], { maxAge: Number.POSITIVE_INFINITY });
    await cache.get();
    const status = cache.status();
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
    expect(JSON.stringify(status)).not.toContain(key.jwk.x);
    expect(status).not.toHaveProperty('staleUntil');
  });

  it('is a snapshot', async () => {
    const { cache, source } = rig();
    const before = cache.status();
    source.publishes([key]);
    await cache.get();
    expect(before.counters.fetches).toBe(0);
  });
});
