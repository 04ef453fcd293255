import { createCache } from 'cache-manager';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JwksStore } from '../../lib/cache/jwk-set-store.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { rig, SECOND, seeded, watch, type Rig, type RigOptions } from './harness.js';

const TTL = 2 * SECOND;
const PROCESSES = 8;
let key: TestKey;
let next: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
  next = await testKey('ES256', 'b');
});

interface FleetRig {
  readonly clock: ManualClock;
  /** The identity provider that all ask. */
  readonly source: ScriptedSource;
  readonly processes: Rig[];
}

function fleet(store: JwksStore | undefined, clock: ManualClock, options: RigOptions = {}): FleetRig {
  const source = new ScriptedSource(clock);
  source.publishes([key]);
  source.latency = 50;
  const random = seeded(7);
  const common = { clock, source, random, ttl: TTL, minTtl: TTL, maxTtl: TTL, ...(store && { store }), ...options };
  return { clock, source, processes: Array.from({ length: PROCESSES }, () => rig(common)) };
}

/**
 * Steady traffic on every process; answers with the look-ups that failed and those that did not get
 * a key at once.
 */
async function traffic({ clock, processes }: FleetRig, duration: number, kid = 'a') {
  const seen = { failed: 0, waited: 0 };
  for (let passed = 0; passed < duration; passed += 10) {
    for (const { cache } of processes) {
      const found = cache.findByKid(kid);
      if (!(found instanceof Promise)) continue;
      seen.waited += 1;
      found.catch(() => (seen.failed += 1));
    }
    await clock.pass(10);
  }
  return seen;
}

describe('a fleet of eight processes on one store, with an endpoint that takes 50 ms', () => {
  it.each<[string, (clock: ManualClock) => JwksStore]>([
    ['a cache-manager cache', () => createCache()],
    ['a store in which claims lapse', (clock) => new HostileStore(clock)],
  ])('asks the identity provider at most 1.5 times per life of a set: %s', async (_, storeOf) => {
    const clock = new ManualClock();
    const made = fleet(storeOf(clock), clock);
    await traffic(made, SECOND);
    const cold = made.source.loads;
    const seen = await traffic(made, 60 * SECOND);
    const perLife = (made.source.loads - cold) / ((60 * SECOND) / TTL);
    expect(seen).toEqual({ failed: 0, waited: 0 });
    expect(perLife).toBeGreaterThan(0.9);
    expect(perLife).toBeLessThanOrEqual(1.5);
    expect(cold).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('without a store asks eight times as often', async () => {
    const clock = new ManualClock();
    const made = fleet(undefined, clock);
    await traffic(made, 21 * SECOND);
    expect(made.source.loads / ((20 * SECOND) / TTL)).toBeGreaterThan(8);
  });

  it('learns of a rotation within one use in each process', async () => {
    const clock = new ManualClock();
    const made = fleet(new HostileStore(clock), clock);
    await traffic(made, SECOND);
    made.source.publishes([key, next]);
    const before = made.source.loads;
    const firsts = [];
    for (const { cache } of made.processes) {
      firsts.push(watch(Promise.resolve(cache.findByKid('b'))));
      await clock.pass(60);
    }
    expect(firsts.every(({ value }) => value?.kid === 'b')).toBe(true);
    expect(made.source.loads - before).toBe(1);
  });

  it('starts cold with one fetch', async () => {
    const clock = new ManualClock();
    const { source, processes } = fleet(new HostileStore(clock), clock);
    const asked = processes.map(({ cache }) => watch(cache.get()));
    await clock.pass(150);
    expect(asked.every(({ value }) => value)).toBe(true);
    expect(source.loads).toBe(1);
  });
});

describe('a process that waits for another to fetch', () => {
  it('goes on at once when the other has been closed', async () => {
    const clock = new ManualClock();
    const store = new HostileStore(clock);
    const [closed, alive] = [rig({ clock, store }), rig({ clock, store })];
    closed.source.hangs();
    void closed.cache.prefetch().catch(() => undefined);
    await settle();
    closed.cache.close();
    alive.source.publishes([key]);
    const asked = watch(alive.cache.get());
    await settle();
    expect(asked.value).toBeDefined();
  });

  it('A20: fetches itself within 100 ms when the other has died', async () => {
    const clock = new ManualClock();
    const store = new HostileStore(clock);
    const [dead, alive] = [rig({ clock, store }), rig({ clock, store })];
    dead.source.hangs();
    void dead.cache.prefetch().catch(() => undefined);
    await settle();
    alive.source.publishes([key]);
    const asked = watch(alive.cache.get());
    await clock.pass('99ms');
    expect(asked.settled).toBe(false);
    await clock.pass(51);
    expect(asked.value).toBeDefined();
  });

  it('goes on at once when the other has failed', async () => {
    const clock = new ManualClock();
    const store = new HostileStore(clock);
    const [failing, alive] = [rig({ clock, store }), rig({ clock, store })];
    failing.source.latency = 100;
    failing.source.fails();
    void failing.cache.prefetch().catch(() => undefined);
    await settle();
    alive.source.publishes([key]);
    const asked = watch(alive.cache.get());
    await clock.pass('99ms');
    expect(asked.settled).toBe(false);
    await clock.pass(51);
    expect(asked.value).toBeDefined();
  });

  it('waits no longer than the deadline where the store never lets go of a claim', async () => {
    const clock = new ManualClock();
    const store = new HostileStore(clock);
    const { cache, source } = rig({ clock, store });
    store.lies(`.00000000-0000-4000-8000-000000000000 ${clock.now() + 900}`);
    source.publishes([key]);
    const asked = watch(cache.get());
    await clock.pass('1s');
    expect(asked.value).toBeDefined();
    expect(clock.pending).toBe(0);
  });
});
