import { createCache } from 'cache-manager';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serializeEntry, type StoredEntry } from '../../lib/cache/store-entry.js';
import { JwksConnectionError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { HOUR, MINUTE, rig, watch, type RigOptions } from './harness.js';

const place = { issuer: 'https://id.example.com/', uri: 'https://id.example.com/jwks' };
const owner = { ...place, integrityKeys: [] };
let key: TestKey;
let next: TestKey;
let clock: ManualClock;
let store: HostileStore;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
  next = await testKey('ES256', 'b');
});

beforeEach(() => {
  clock = new ManualClock();
  store = new HostileStore(clock);
});

/** Another process on the same store. */
const start = (options: RigOptions = {}) => rig({ clock, store, ...options });
const find = async ({ cache }: ReturnType<typeof start>, kid: string) => cache.find({ kid, alg: 'ES256' });
const entryKeyOf = () => [...store.entries.keys()].find((name) => !name.endsWith(':claim')) as string;

async function filled(options: RigOptions = {}, hints?: object): Promise<ReturnType<typeof start>> {
  const made = start(options);
  made.source.publishes([key], hints);
  await made.cache.get();
  await settle();
  return made;
}

describe('what a process stores', () => {
  it('is an entry that lives as long as it may serve', async () => {
    await filled();
    expect(store.sets).toMatchObject([{ version: 2, jwks: { keys: [{ kid: 'a' }] }, source: place }]);
    expect(store.ttls.get(entryKeyOf())).toBe(10 * MINUTE + 24 * HOUR);
  });

  it('is renewed by an answer that changes nothing', async () => {
    const { cache, source } = await filled();
    source.etag = '"1"';
    for (let round = 1; round < 4; round += 1) {
      await clock.pass('8m');
      const before = (store.sets[0] as StoredEntry).fetchedAt;
      cache.current();
      await settle();
      expect((store.sets[0] as StoredEntry).fetchedAt).toBe(before + 8 * MINUTE);
    }
    expect(store.sets).toMatchObject([{ etag: '"1"' }]);
  });

  it.each<[string, object]>([['never ages', { maxAge: Number.POSITIVE_INFINITY }]])(
    'leaves out a set that %s',
    async (_, hints) => {
      const { cache } = await filled({}, hints);
      expect(store.sets).toEqual([]);
      expect(cache.current()).toBeDefined();
    },
  );

  it('is not waited for by any request', async () => {
    const made = start();
    made.source.publishes([key]);
    await made.cache.get();
    await settle();
    store.set = () => new Promise(() => undefined);
    const asked = watch(made.cache.refresh({ seen: undefined, trigger: 'requested' }));
    await settle();
    expect(asked.settled).toBe(true);
  });
});

describe('a process that finds a set in the store', () => {
  it('serves it without a fetch, and refreshes it when its time has come', async () => {
    await filled();
    await clock.pass('5m');
    const second = start();
    second.source.publishes([key]);
    expect((await find(second, 'a')).kid).toBe('a');
    expect(second.source.loads).toBe(0);
    expect(second.told).toMatchObject([{ type: 'set.loaded', from: 'store', keys: 1 }]);
    expect(second.cache.status()).toMatchObject({ state: 'fresh', counters: { storeReads: 1 } });
    await clock.pass('3m');
    expect(second.cache.current()).toBeDefined();
    await settle();
    expect(second.source.loads).toBe(1);
  });

  it('sends the validators that came with it', async () => {
    const first = start();
    first.source.etag = '"1"';
    await first.cache.get().catch(() => undefined);
    first.source.publishes([key]);
    await clock.pass('1s');
    await first.cache.get();
    await clock.pass('8m');
    const second = start();
    second.source.etag = '"1"';
    second.source.publishes([key]);
    await second.cache.get();
    await settle();
    second.cache.current();
    await settle();
    expect(second.source.requests[0]?.previous).toMatchObject({ etag: '"1"', origin: 'scripted' });
  });

  it('that starts during an outage serves from it at once, to the end of what it may', async () => {
    await filled();
    for (const wait of ['5m', '3m', '2h']) {
      await clock.pass(wait);
      const restarted = start();
      restarted.source.hangs();
      const asked = watch(find(restarted, 'a'));
      await clock.pass('1s');
      expect(asked.value?.kid).toBe('a');
      restarted.cache.close();
    }
    await clock.pass(10 * MINUTE + 24 * HOUR);
    const late = start();
    late.source.fails();
    await expect(find(late, 'a')).rejects.toThrow(JwksConnectionError);
  });

  it('that starts while prefetching serves from it too', async () => {
    await filled();
    await clock.pass('2h');
    const restarted = start();
    restarted.source.hangs();
    const prefetch = watch(restarted.cache.prefetch());
    const asked = watch(restarted.cache.get());
    await clock.pass('1s');
    expect(prefetch).toEqual({ settled: true, value: undefined });
    expect(asked.value?.get('a')).toBeDefined();
  });

  it('is never kept longer than this process would have, whatever the entry says', async () => {
    const set = JwkSet.parse({ keys: [key.jwk] });
    await filled();
    const forged = { fetchedAt: clock.now(), freshUntil: clock.now() + 1e12, staleUntil: clock.now() + 2e12 };
    store.entries.set(entryKeyOf(), serializeEntry({ set, origin: 'x', ...forged }, owner, entryKeyOf()));
    const second = start();
    second.source.fails();
    await second.cache.get();
    const { freshUntil = 0, staleUntil = 0 } = second.cache.status();
    expect(freshUntil).toBe(clock.now() + HOUR);
    expect(staleUntil).toBe(clock.now() + 48 * HOUR);
  });

  it('whose wall clock is wrong does not keep its own set for longer by it', async () => {
    const { cache, source } = await filled({ staleIfError: 0 });
    clock.jump(-9 * MINUTE);
    source.fails();
    await clock.pass('11m');
    await expect(cache.get()).rejects.toThrow(JwksConnectionError);
    expect(cache.status().state).toBe('expired');
  });
});

describe('a process whose set another one has replaced', () => {
  it('takes the newer set where it would have refreshed its own', async () => {
    const first = await filled();
    await clock.pass('1m');
    const second = start();
    await second.cache.get();
    await clock.pass('7m');
    first.source.publishes([key, next]);
    await first.cache.refresh({ seen: undefined, trigger: 'requested' });
    await settle();
    expect(second.cache.current()?.get('b')).toBeUndefined();
    await settle();
    expect(second.cache.current()?.get('b')).toBeDefined();
    expect(second.source.loads).toBe(0);
    expect(second.cache.current()?.get('a')).toBeDefined();
  });

  it('finds a rotated key there on its first use, without a fetch', async () => {
    const first = await filled();
    const second = start();
    const before = (await second.cache.get()).get('a');
    first.source.publishes([key, next]);
    await clock.pass('1s');
    await find(first, 'b');
    await settle();
    expect((await find(second, 'b')).kid).toBe('b');
    expect(second.source.loads).toBe(0);
    expect(second.cache.current()?.get('a')).toBe(before);
  });

  it('asks the source where the newer set has not got the key either', async () => {
    const first = await filled();
    const second = start({ refetchLimit: { burst: 1, every: MINUTE } });
    await second.cache.get();
    await clock.pass('1s');
    await first.cache.refresh({ seen: undefined, trigger: 'requested' });
    await settle();
    second.source.publishes([key, next]);
    expect((await find(second, 'b')).kid).toBe('b');
    expect(second.source.requests).toMatchObject([{ reload: true }]);
  });

  it('takes new material under an old kid from there, and asks the source where it is the old one', async () => {
    const first = await filled();
    const second = start();
    const seen = await second.cache.get();
    await clock.pass('1s');
    await first.cache.refresh({ seen: undefined, trigger: 'requested' });
    await settle();
    await clock.pass('1s');
    const replaced = { ...next, jwk: { ...next.jwk, kid: 'a' } };
    second.source.publishes([replaced]);
    const refreshed = await second.cache.refresh({ seen, trigger: 'bad-signature' });
    expect(refreshed.get('a')).not.toBe(seen.get('a'));
    expect(second.source.loads).toBe(1);
    await settle();
    await clock.pass('1s');
    const current = await first.cache.get();
    expect((await first.cache.refresh({ seen: current, trigger: 'bad-signature' })).get('a')).not.toBe(
      current.get('a'),
    );
    expect(first.source.loads).toBe(2);
  });

  it('does not take the same keys for new material because other entries were dropped', async () => {
    const first = await filled();
    const second = start({ refetchLimit: { burst: 1, every: MINUTE } });
    second.source.publishesDocument({ keys: [key.jwk, { kty: 'new' }] });
    const seen = await second.cache.refresh({ seen: undefined, trigger: 'requested' });
    await clock.pass('1s');
    await first.cache.refresh({ seen: undefined, trigger: 'requested' });
    await settle();
    second.source.publishes([{ ...next, jwk: { ...next.jwk, kid: 'a' } }]);
    const refreshed = await second.cache.refresh({ seen, trigger: 'bad-signature' });
    expect(refreshed.get('a')).not.toBe(seen.get('a'));
  });

  it('asks the source when a refresh is requested', async () => {
    await filled();
    const second = start();
    second.source.publishes([key]);
    await second.cache.refresh({ seen: undefined, trigger: 'requested' });
    expect(second.source.loads).toBe(1);
  });

  it.each([-1, -1_000, -4_000, -60_000])(
    'never takes an older set after its clock was set back: %i ms',
    async (jump) => {
      const made = await filled();
      clock.jump(jump);
      made.source.publishes([next]);
      const seen = await made.cache.refresh({ seen: made.cache.current(), trigger: 'bad-signature' });
      await settle();
      expect(await made.cache.refresh({ seen, trigger: 'bad-signature' })).toBe(seen);
      await settle();
      const restarted = start();
      restarted.source.fails();
      expect((await find(restarted, 'b')).kid).toBe('b');
    },
  );

  it('never takes an older set', async () => {
    await filled();
    const old = store.entries.get(entryKeyOf());
    await clock.pass('1m');
    const second = start();
    second.source.publishes([key, next]);
    await second.cache.refresh({ seen: undefined, trigger: 'requested' });
    await settle();
    store.entries.set(entryKeyOf(), old);
    await clock.pass('8m');
    second.source.fails();
    second.cache.current();
    await settle();
    expect(second.cache.current()?.get('b')).toBeDefined();
    expect(second.source.loads).toBe(2);
  });
});

describe('a store', () => {
  const junk: [string, unknown][] = [
    ['text', 'junk'],
    ['a number', 7],
    ['another version', '.{"version":99,"jwks":{"keys":[]}}'],
    ['a truncated entry', '.{"version":2,"jwks":{"keys":[{"kty":"EC"'],
    ['an object', { version: 2, jwks: { keys: [] } }],
    ['8 MB of junk', '['.repeat(8_000_000)],
    ['an array', [1, 2]],
  ];

  it.each(junk)('that holds %s is a miss, and is overwritten', async (_, value) => {
    await filled();
    store.entries.set(entryKeyOf(), value);
    const second = start();
    second.source.publishes([key]);
    expect((await find(second, 'a')).kid).toBe('a');
    await settle();
    expect(second.source.loads).toBe(1);
    expect(second.tellings('store.failed')).toHaveLength(1);
    expect(store.sets).toMatchObject([{ version: 2, source: place }]);
  });

  it('that holds the good entry of another issuer is a miss', async () => {
    await filled();
    const planted = JwkSet.parse({ keys: [next.jwk] });
    const times = { fetchedAt: clock.now() + 1, freshUntil: clock.now() + HOUR, staleUntil: clock.now() + HOUR };
    const foreign = { ...owner, issuer: 'https://evil.example.com/' };
    store.entries.set(entryKeyOf(), serializeEntry({ set: planted, origin: 'x', ...times }, foreign, entryKeyOf()));
    const second = start();
    second.source.publishes([key]);
    expect((await find(second, 'a')).kid).toBe('a');
    await expect(find(second, 'b')).rejects.toMatchObject({ code: 'key_not_found' });
  });

  it('that others can write to plants no key if entries carry an HMAC', async () => {
    const integrityKey = 'a secret of the fleet';
    await filled({ integrityKey });
    const planted = JwkSet.parse({ keys: [next.jwk] });
    const times = { fetchedAt: clock.now() + 1, freshUntil: clock.now() + HOUR, staleUntil: clock.now() + HOUR };
    store.entries.set(entryKeyOf(), serializeEntry({ set: planted, origin: 'x', ...times }, owner, entryKeyOf()));
    const second = start({ integrityKey });
    second.source.publishes([key]);
    await expect(find(second, 'b')).rejects.toMatchObject({ code: 'key_not_found' });
    expect(second.tellings('store.failed')).toMatchObject([{ operation: 'get', tampered: true }]);
    await settle();
    const third = start({ integrityKey });
    expect((await find(third, 'a')).kid).toBe('a');
    expect(third.source.loads).toBe(0);
  });

  it('that fails costs no request anything', async () => {
    store.fails();
    const made = start();
    made.source.publishes([key]);
    expect((await find(made, 'a')).kid).toBe('a');
    await clock.pass('8m');
    expect(made.cache.current()).toBeDefined();
    await settle();
    expect(made.cache.status().state).toBe('fresh');
    expect(made.cache.status().counters.storeFailures).toBeGreaterThan(0);
  });

  it('that hangs costs a request at most 250 ms once per 5 seconds, and nothing on the hot path', async () => {
    store.hangs();
    const made = start();
    made.source.publishes([key]);
    const asked = watch(find(made, 'a'));
    await clock.pass(249);
    expect(asked.settled).toBe(false);
    await clock.pass(1);
    expect(asked.value?.kid).toBe('a');
    for (const kid of ['x', 'y']) {
      const missed = watch(find(made, kid));
      await settle();
      expect(missed.settled).toBe(true);
    }
    expect(made.cache.find({ kid: 'a', alg: 'ES256' })).toMatchObject({ kid: 'a' });
    await clock.pass('5s');
    const later = watch(find(made, 'z'));
    await clock.pass(249);
    expect(later.settled).toBe(false);
    await clock.pass(1);
    expect(later.settled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('that hangs keeps no caller past a deadline that is shorter than its limit', async () => {
    store.hangs();
    const made = start({ deadline: 100 });
    made.source.publishes([key]);
    const asked = watch(find(made, 'a'));
    await clock.pass(100);
    expect(asked.error).toMatchObject({ message: expect.stringContaining('timed out') });
  });

  it('that hangs does not keep an outage from being bridged', async () => {
    const made = await filled();
    await clock.pass('11m');
    store.hangs();
    made.source.hangs();
    const asked = watch(find(made, 'a'));
    await clock.pass('1s');
    expect(asked.value?.kid).toBe('a');
  });

  it('shared by tenants with the same kid keeps them apart, whatever their names', async () => {
    const shared = createCache();
    const issuers = ['https://a.example.com/', 'https://a.example.com/","https://b', 'https://a.example.com'];
    const tenants = await Promise.all(
      issuers.map(async (issuer, index) => {
        const own = await testKey('ES256', `tenant-${index}`);
        return { issuer, key: { ...own, jwk: { ...own.jwk, kid: 'same' } } };
      }),
    );
    for (const tenant of tenants) {
      const made = rig({ clock, store: shared, issuer: tenant.issuer });
      made.source.publishes([tenant.key]);
      expect((await find(made, 'same')).jwk.x).toBe(tenant.key.jwk.x);
      await settle();
    }
    for (const tenant of tenants) {
      const restarted = rig({ clock, store: shared, issuer: tenant.issuer });
      restarted.source.fails();
      expect((await find(restarted, 'same')).jwk.x).toBe(tenant.key.jwk.x);
    }
  });
});
