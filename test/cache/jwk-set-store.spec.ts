import { EventEmitter } from 'node:events';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StoreEntry } from '../../lib/cache/store-entry.js';
import { JwkSetStore } from '../../lib/cache/jwk-set-store.js';
import { JwksEvents, type JwksEvent } from '../../lib/core/events.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { storeOf, watch } from './harness.js';

let set: JwkSet;
let clock: ManualClock;
let cache: HostileStore;
let told: JwksEvent[];
let store: JwkSetStore;

beforeAll(async () => {
  set = JwkSet.parse({ keys: [(await testKey()).jwk] });
});

beforeEach(() => {
  clock = new ManualClock();
  cache = new HostileStore();
  told = [];
  const events = new JwksEvents();
  events.subscribe((event) => told.push(event));
  store = storeOf(cache, { clock, events });
});

function entryAt(fetchedAt: number): StoreEntry {
  return { set, origin: 'scripted', fetchedAt, freshUntil: fetchedAt + 600_000, staleUntil: fetchedAt + 900_000 };
}

describe('JwkSetStore', () => {
  it('R31: gives back what it was given, and nothing that is not newer', async () => {
    await store.write(entryAt(clock.now()));
    expect((await store.read())?.set.toJSON()).toEqual(set.toJSON());
    expect(await store.read(clock.now())).toBeUndefined();
    expect(told).toEqual([]);
  });

  it('keeps an entry until it serves no more', async () => {
    await store.write(entryAt(clock.now() - 1_000));
    expect([...cache.ttls.values()]).toEqual([899_000]);
    await store.write(entryAt(clock.now() - 900_000));
    expect(cache.ttls.size).toBe(1);
  });

  it('H4: never lets an older entry replace a newer one', async () => {
    await store.write(entryAt(clock.now()));
    await store.write(entryAt(clock.now() - 1));
    expect((await store.read())?.fetchedAt).toBe(clock.now());
  });

  it('R28: overwrites junk, other versions and entries from the future, and reports them', async () => {
    for (const junk of [
      'junk',
      { version: 2 },
      '.{"version":0}',
      `.${JSON.stringify({ version: 2, fetchedAt: clock.now() + 1e9, freshUntil: 1, staleUntil: 2 })}`,
    ]) {
      cache.entries.clear();
      await store.write(entryAt(clock.now()));
      const key = [...cache.entries.keys()][0] as string;
      cache.entries.set(key, junk);
      expect(await store.read()).toBeUndefined();
      await store.write(entryAt(clock.now()));
      expect(await store.read()).toBeDefined();
    }
    expect(told.map((event) => event.type === 'store.failed' && event.operation)).toEqual(['get', 'get', 'get', 'get']);
    expect(told.some((event) => 'tampered' in event)).toBe(false);
  });

  it('takes null for nothing', async () => {
    cache.lies(null);
    expect(await store.read()).toBeUndefined();
    expect(told).toEqual([]);
  });

  it('says that an entry with a wrong HMAC was tampered with', async () => {
    const events = new JwksEvents();
    events.subscribe((event) => told.push(event));
    await store.write(entryAt(clock.now()));
    const guarded = storeOf(cache, { clock, events, integrityKey: 'secret' });
    expect(await guarded.read()).toBeUndefined();
    expect(told).toMatchObject([{ type: 'store.failed', operation: 'get', tampered: true }]);
    await guarded.write(entryAt(clock.now()));
    expect(await guarded.read()).toBeDefined();
  });

  it('R27: waits 250 ms for a store that hangs, then leaves it alone for 5 seconds', async () => {
    cache.hangs();
    const first = watch(store.read());
    await clock.pass(249);
    expect(first.settled).toBe(false);
    await clock.pass(1);
    expect(first).toMatchObject({ settled: true, value: undefined });
    expect(told).toMatchObject([{ type: 'store.failed', operation: 'get', reason: expect.stringContaining('250 ms') }]);

    await clock.pass(4_999);
    await Promise.all([store.read(), store.write(entryAt(clock.now())), store.claim(1_000)]);
    expect(cache.calls).toHaveLength(1);
    await clock.pass(1);
    void store.read();
    expect(cache.calls).toHaveLength(2);
  });

  it('lets hung calls pile up to ten, and goes on when they end', async () => {
    cache.hangs();
    for (let index = 0; index < 30; index += 1) {
      void store.read();
      await clock.pass('6s');
    }
    expect(cache.waiting).toBe(10);
    cache.works();
    cache.letGo('resolve');
    await clock.pass('6s');
    await store.write(entryAt(clock.now()));
    expect(await store.read()).toBeDefined();
  });

  it('swallows what comes late', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    cache.hangs();
    void store.read();
    await clock.pass(250);
    cache.letGo('reject');
    await clock.pass(1);
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  it('R26, R30: leaves a store that fails alone for 5 seconds, and reports once', async () => {
    cache.fails();
    expect(await store.read()).toBeUndefined();
    await store.write(entryAt(clock.now()));
    expect(cache.calls).toHaveLength(1);
    expect(told).toHaveLength(1);
    cache.works();
    await clock.pass('5s');
    await store.write(entryAt(clock.now()));
    expect(await store.read()).toBeDefined();
    expect(store.counters.storeFailures).toBe(1);
  });

  it('survives a store that throws at once', async () => {
    const broken = storeOf(
      {
        get: () => {
          throw new Error('no connection');
        },
        set: () => {
          throw new Error('no connection');
        },
      },
      { clock },
    );
    expect(await broken.read()).toBeUndefined();
    await clock.pass('5s');
    await expect(broken.write(entryAt(clock.now()))).resolves.toBeUndefined();
    await clock.pass('5s');
    expect(await broken.claim(1_000)).toBe(true);
  });

  it('leaves no timer behind', async () => {
    await store.write(entryAt(clock.now()));
    await store.read();
    expect(clock.pending).toBe(0);
    cache.hangs();
    void store.read();
    store.close();
    await clock.pass(0);
    expect(clock.pending).toBe(0);
    expect(await store.read()).toBeUndefined();
    expect(told).toEqual([]);
  });
});

describe('a claim', () => {
  it.each(['x', '', 0, null, {}, 'claim of none'])('is not made by junk in its place: %j', async (junk) => {
    const lying = { get: async () => junk, set: async () => undefined };
    expect(await storeOf(lying, { clock }).claim(1_000)).toBe(true);
  });

  it('goes to one process until it is released or lapses', async () => {
    const other = storeOf(cache, { clock });
    expect(await store.claim(1_000)).toBe(true);
    expect(await other.claim(1_000)).toBe(false);
    expect(await store.claim(1_000)).toBe(true);
    await other.release();
    expect(await other.claim(1_000)).toBe(false);
    await store.release();
    expect(await other.claim(1_000)).toBe(true);
    expect([...cache.ttls.values()]).toEqual([1_000]);
  });

  it('A20: is none without a right HMAC where there is a secret, nor one without an end in sight', async () => {
    const guarded = () => storeOf(cache, { clock, integrityKey: 'secret' });
    const key = () => [...cache.entries.keys()].find((each) => each.endsWith(':claim')) as string;
    await guarded().claim(1_000);
    expect(await guarded().claim(1_000)).toBe(false);
    const id = '00000000-0000-4000-8000-000000000000';
    for (const planted of [id, `${id} ${clock.now() + 500}`, `.${id} ${clock.now() + 500}`]) {
      cache.entries.set(key(), planted);
      expect(await guarded().claim(1_000)).toBe(true);
    }
    for (const [end, isTaken] of [
      [clock.now() + 500, true],
      [clock.now() - 1, false],
      [clock.now() + 60_000, false],
    ] as const) {
      cache.entries.set(key(), `.${id} ${end}`);
      expect(await storeOf(cache, { clock }).claim(1_000)).toBe(!isTaken);
    }
  });

  it('of two that ask at the same time goes to one', async () => {
    const stores = Array.from({ length: 8 }, () => storeOf(cache, { clock }));
    const answers = await Promise.all(stores.map((each) => each.claim(1_000)));
    expect(answers.filter(Boolean)).toHaveLength(1);
  });

  it('is no obstacle where the store holds junk or does not work', async () => {
    cache.lies({ junk: true });
    expect(await store.claim(1_000)).toBe(true);
    cache.fails();
    expect(await store.claim(1_000)).toBe(true);
  });
});

describe('a cache-manager cache', () => {
  it('keeps entries in memory', async () => {
    const inMemory = storeOf(createCache(), { clock });
    await inMemory.write(entryAt(clock.now()));
    expect((await inMemory.read())?.fetchedAt).toBe(clock.now());
  });

  it('that swallows the errors of its storage still fails by name, for each set that it holds', async () => {
    // As adapters do: the error goes to whoever listens, the caller gets nothing.
    const adapter = Object.assign(new EventEmitter(), {
      get: async () => void adapter.emit('error', new Error('READONLY')),
      set: async () => Promise.reject(new Error('OOM')),
      delete: async () => true,
      clear: async () => undefined,
    });
    const keyv = new Keyv({ store: adapter });
    const shared = createCache({ stores: [keyv] });
    const events = new JwksEvents();
    events.subscribe((event) => told.push(event));
    const one = storeOf(shared, { clock, events });
    const other = storeOf(shared, { clock, events, uri: 'https://id.example.com/other' });
    expect(await one.read()).toBeUndefined();
    expect(told).toMatchObject([{ type: 'store.failed', operation: 'get', reason: 'READONLY' }]);
    await clock.pass('5s');
    adapter.get = async () => undefined;
    await other.write(entryAt(clock.now()));
    expect(told.slice(1)).toMatchObject([{ type: 'store.failed', operation: 'set', reason: 'OOM' }]);
    expect(keyv.listeners('error')).toHaveLength(1);
  });
});
