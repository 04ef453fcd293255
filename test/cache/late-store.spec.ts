import { beforeEach, describe, expect, it } from 'vitest';
import type { JwksStore } from '../../lib/cache/jwk-set-store.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { rig, watch, type Rig } from './harness.js';

/** Answers when it is told to: with what it held when it was asked. */
class LateStore implements JwksStore {
  private waiting: (() => void)[] = [];

  constructor(private readonly store: HostileStore) {}

  async get(key: string): Promise<unknown> {
    const value = await this.store.get(key);
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    return value;
  }

  set(key: string, value: unknown, ttl?: number): Promise<unknown> {
    return this.store.set(key, value, ttl);
  }

  async answers(): Promise<void> {
    for (const answer of this.waiting.splice(0)) answer();
    await settle();
  }
}

describe('What the store answers when no caller waits for it any more', () => {
  let clock: ManualClock;
  let key: TestKey;
  let late: LateStore;
  let restarted: Rig;

  beforeEach(async () => {
    clock = new ManualClock();
    key = await testKey('ES256', 'a');
    const store = new HostileStore(clock);
    const filling = rig({ clock, store });
    filling.source.publishes([key]);
    await filling.cache.get();
    await settle();
    late = new LateStore(store);
    restarted = rig({ clock, store: late });
  });

  it('serves where there is nothing else, also while the source is not to be asked again', async () => {
    restarted.source.fails();
    const first = watch(restarted.cache.get());
    await clock.pass('250ms');
    expect(first.error).toMatchObject({ code: 'jwks_unavailable' });
    await late.answers();
    expect(restarted.cache.current()?.get('a')).toBeDefined();
    expect(restarted.tellings('set.loaded')).toMatchObject([{ from: 'store' }]);
    expect(restarted.source.loads).toBe(1);
  });

  it('serves those who wait for the next attempt, at once', async () => {
    restarted.source.fails();
    const first = watch(restarted.cache.get());
    await clock.pass('250ms');
    expect(first.error).toMatchObject({ code: 'jwks_unavailable' });
    const next = watch(restarted.cache.get());
    await settle();
    await late.answers();
    expect(next.value?.get('a')).toBeDefined();
    expect(restarted.source.loads).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('serves those who wait for a source that does not answer, when it has failed', async () => {
    restarted.source.hangs();
    const first = watch(restarted.cache.get());
    await clock.pass('1s');
    await late.answers();
    expect(restarted.cache.current()?.get('a')).toBeDefined();
    await clock.pass('10s');
    expect(first.value?.get('a')).toBeDefined();
  });

  it('never replaces what the source has answered since', async () => {
    const next = await testKey('ES256', 'b');
    restarted.source.publishes([next]);
    await clock.pass('1s');
    const first = watch(restarted.cache.get());
    await clock.pass('250ms');
    expect(first.value?.get('b')).toBeDefined();
    await late.answers();
    expect(restarted.cache.current()).toBe(first.value);
  });

  it('is dropped once the cache is closed', async () => {
    restarted.source.fails();
    const first = watch(restarted.cache.get());
    await clock.pass('250ms');
    restarted.cache.close();
    await late.answers();
    expect(first.settled).toBe(true);
    expect(restarted.tellings('set.loaded')).toEqual([]);
  });
});
