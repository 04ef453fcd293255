import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { StoreEntry } from '../../lib/cache/store-entry.js';
import { memoryStore } from '../../lib/client/memory-store.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testKey } from '../support/keys.js';

const set = JwkSet.parse({ keys: [(await testKey()).jwk] });
const entry = (fetchedAt = 0): StoreEntry => ({ set, origin: 'x', fetchedAt, freshUntil: 1, staleUntil: 2 });

describe('memoryStore', () => {
  it('keeps the very set that it is given, and no copy', async () => {
    const store = memoryStore();
    await store.set('a', entry(), 60_000);
    expect(((await store.get('a')) as StoreEntry).set).toBe(set);
    expect(await store.get('b')).toBeUndefined();
  });

  it('shares nothing with another', async () => {
    await memoryStore().set('a', entry(), 60_000);
    expect(await memoryStore().get('a')).toBeUndefined();
  });

  it('is bounded: the entries used last stay', async () => {
    const store = memoryStore();
    for (let index = 0; index < 1_000; index += 1) await store.set(`k${index}`, entry(index), 60_000);
    await store.get('k0');
    await store.set('one more', entry(), 60_000);
    expect(await store.get('k0')).toEqual(entry(0));
    expect(await store.get('k1')).toBeUndefined();
  });

  it('forgets what is past its time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const store = memoryStore();
    await store.set('a', entry(), 1_000);
    vi.setSystemTime(Date.now() + 999);
    expect(await store.get('a')).toEqual(entry());
    vi.setSystemTime(Date.now() + 2);
    expect(await store.get('a')).toBeUndefined();
  });
});
