import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { memoryStore } from '../../lib/client/memory-store.js';

describe('memoryStore', () => {
  it('keeps what it is given', async () => {
    const store = memoryStore();
    await store.set('a', { keys: [1] }, 60_000);
    expect(await store.get('a')).toEqual({ keys: [1] });
    expect(await store.get('b')).toBeUndefined();
  });

  it('shares nothing with another', async () => {
    await memoryStore().set('a', 1, 60_000);
    expect(await memoryStore().get('a')).toBeUndefined();
  });

  it('is bounded: the entries used last stay', async () => {
    const store = memoryStore();
    for (let index = 0; index < 2_000; index += 1) await store.set(`k${index}`, index, 60_000);
    await store.get('k0');
    await store.set('one more', 1, 60_000);
    expect(await store.get('k0')).toBe(0);
    expect(await store.get('k1')).toBeUndefined();
  });

  it('forgets what is past its time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const store = memoryStore();
    await store.set('a', 1, 1_000);
    vi.setSystemTime(Date.now() + 999);
    expect(await store.get('a')).toBe(1);
    vi.setSystemTime(Date.now() + 2);
    expect(await store.get('a')).toBeUndefined();
  });
});
