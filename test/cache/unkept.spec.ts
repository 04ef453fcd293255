import { beforeAll, describe, expect, it } from 'vitest';
import { JwksConnectionError, SigningKeyNotFoundError } from '../../lib/core/errors.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey, type TestKey } from '../support/keys.js';
import { settle } from '../support/manual-clock.js';
import { rig, watch, type Rig } from './harness.js';

let key: TestKey;
let next: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
  next = await testKey('ES256', 'b');
});

const look = async ({ cache }: Rig, kid: string) => cache.find({ kid, alg: 'ES256' });

describe('a cache that keeps nothing', () => {
  it('fetches for every look-up, past caches on the way, and holds nothing', async () => {
    const made = rig({ enabled: false });
    made.source.publishes([key]);
    await made.cache.get();
    await look(made, 'a');
    await made.cache.findByKid('a');
    expect(made.source.loads).toBe(3);
    expect(made.source.requests.every(({ reload, previous }) => reload && previous === undefined)).toBe(true);
    expect(made.cache.current()).toBeUndefined();
    expect(made.cache.status()).toMatchObject({ state: 'empty', kids: [] });
    expect(made.clock.pending).toBe(0);
  });

  it('shares a fetch among those who ask at the same time', async () => {
    const made = rig({ enabled: false });
    made.source.publishes([key]);
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => (index % 2 ? look(made, 'a') : made.cache.get())));
    expect(made.source.loads).toBe(1);
  });

  it('stores nothing, and reads nothing from the store', async () => {
    const store = new HostileStore();
    const made = rig({ enabled: false, store });
    made.source.publishes([key]);
    await made.cache.get();
    await settle();
    expect(store.calls).toEqual([]);
  });

  it('fails when the fetch fails, and tries again the next time, whatever failed before', async () => {
    const made = rig({ enabled: false });
    made.source.publishes([key]);
    await made.cache.get();
    made.source.fails();
    await expect(made.cache.get()).rejects.toThrow(JwksConnectionError);
    await expect(look(made, 'a')).rejects.toThrow(JwksConnectionError);
    made.source.publishes([key]);
    expect((await look(made, 'a')).kid).toBe('a');
    expect(made.source.loads).toBe(4);
  });

  it('rejects a kid that the fetched set lacks, by one fetch', async () => {
    const made = rig({ enabled: false });
    made.source.publishes([key]);
    await expect(look(made, 'x')).rejects.toThrow(SigningKeyNotFoundError);
    expect(made.source.loads).toBe(1);
  });

  it('fetches once more for a kid that the fetch under way could not know', async () => {
    const made = rig({ enabled: false });
    made.source.publishes([key]);
    const release = made.source.holdOpen();
    const first = watch(made.cache.get());
    await settle();
    made.source.publishes([key, next]);
    const asked = watch(look(made, 'b'));
    const invented = watch(look(made, 'x'));
    release();
    await settle();
    expect(first.value?.size).toBe(1);
    expect(asked.value?.kid).toBe('b');
    expect(invented.error).toBeInstanceOf(SigningKeyNotFoundError);
    expect(made.source.loads).toBe(2);
  });

  it('fetches for a refresh, whatever its cause', async () => {
    const made = rig({ enabled: false });
    made.source.publishes([key]);
    await made.cache.refresh({ seen: undefined, trigger: 'requested' });
    await made.cache.refresh({ seen: undefined, trigger: 'bad-signature' });
    expect(made.source.loads).toBe(2);
  });
});
