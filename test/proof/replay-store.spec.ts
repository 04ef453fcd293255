import { createClient } from '@keyv/redis';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryReplayStore, memoryReplayStore, type ReplayStore } from '../../lib/proof/replay-store.js';
import { redisReplayStore } from '../../lib/proof/redis-replay-store.js';
import { ManualClock } from '../support/manual-clock.js';
import { redisAvailable, RedisServer } from '../support/redis-server.js';

describe('memoryReplayStore', () => {
  it('accepts a key once until its time is over', async () => {
    const clock = new ManualClock();
    const store = new MemoryReplayStore(10, clock);
    expect(await store.add('a', 60_000)).toBe(true);
    expect(await store.add('a', 60_000)).toBe(false);
    await clock.pass(59_999);
    expect(await store.add('a', 60_000)).toBe(false);
    await clock.pass('3s');
    expect(await store.add('a', 60_000)).toBe(true);
  });

  it('P9: accepts one of many that add a key at once', async () => {
    const store = memoryReplayStore();
    const results = await Promise.all(Array.from({ length: 1_000 }, () => store.add('a', 1_000)));
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  it('P13: rejects what is beyond its size, instead of forgetting an earlier one, and recovers with time', async () => {
    const clock = new ManualClock();
    const store = new MemoryReplayStore(2, clock);
    await store.add('a', 10_000);
    await store.add('b', 20_000);
    await expect(store.add('c', 10_000)).rejects.toThrow('full');
    expect(await store.add('a', 10_000)).toBe(false);
    await clock.pass('12s');
    expect(await store.add('c', 10_000)).toBe(true);
    expect(await store.add('b', 10_000)).toBe(false);
    await clock.pass('1h');
    await store.add('d', 1);
    expect(store.size).toBe(1);
  });

  it('P12: stays within its size under a flood, and accepts nothing twice', async () => {
    const clock = new ManualClock();
    const store = new MemoryReplayStore(50_000, clock);
    let accepted = 0;
    let full = 0;
    for (let index = 0; index < 1_000_000; index += 1)
      await store.add(`key-${index}`, 65_000).then(
        (isNew) => (accepted += Number(isNew)),
        () => (full += 1),
      );
    expect([accepted, full, store.size]).toEqual([50_000, 950_000, 50_000]);
    let again = 0;
    for (let index = 0; index < 50_000; index += 1) again += Number(await store.add(`key-${index}`, 65_000));
    expect(again).toBe(0);
    await clock.pass('70s');
    expect(await store.add('key-0', 65_000)).toBe(true);
    expect(store.size).toBe(1);
  });

  it('P14: never accepts a key again within its time, and always after two more seconds', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), ttl: fc.nat(5_000), pass: fc.nat(4_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new ManualClock(0, () => Promise.resolve());
        const store = new MemoryReplayStore(100, clock);
        const until = new Map<string, number>();
        for (const { key, ttl, pass } of steps) {
          await clock.pass(pass);
          const end = until.get(key) ?? -10_000;
          const isNew = await store.add(key, ttl);
          if (clock.monotonic() < end) expect(isNew).toBe(false);
          if (clock.monotonic() > end + 2_000) expect(isNew).toBe(true);
          if (isNew) until.set(key, clock.monotonic() + ttl);
        }
      }),
    );
  });

  it.each([0, -1, 1.5, '10', Number.NaN])('rejects the size %j', (max) => {
    expect(() => memoryReplayStore({ max: max as number })).toThrow(/takes a whole number/);
  });
});

describe('redisReplayStore', () => {
  it.each([undefined, null, {}, { get: () => null }])('rejects what is no client: %j', (client) => {
    expect(() => redisReplayStore(client as never)).toThrow(/takes a client/);
  });

  it('rejects a reply that it does not know', async () => {
    const store = redisReplayStore({ set: async () => 1 });
    await expect(store.add('a', 1)).rejects.toThrow('neither OK nor nil');
  });
});

describe.skipIf(!redisAvailable())('redisReplayStore on a real server', () => {
  let server: RedisServer;
  let ioredis: Redis;
  let nodeRedis: ReturnType<typeof createClient>;

  beforeAll(async () => {
    server = await RedisServer.start();
    ioredis = new Redis(server.url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
    ioredis.on('error', () => undefined);
    nodeRedis = createClient({ url: server.url });
    nodeRedis.on('error', () => undefined);
    await nodeRedis.connect();
  });

  afterAll(async () => {
    ioredis.disconnect();
    nodeRedis.destroy();
    await server[Symbol.asyncDispose]();
  });

  const clients: [string, () => ReplayStore][] = [
    ['ioredis', () => redisReplayStore(ioredis)],
    ['node-redis', () => redisReplayStore(nodeRedis as never)],
  ];

  it.each(clients)('P10: accepts one of many that add a key at once: %s', async (name, make) => {
    const [one, other] = [make(), make()];
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => (index % 2 ? one : other).add(name, 60_000)),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    const left = Number(await server.run('PTTL', `jwks:dpop:${name}`));
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it('keeps two prefixes apart', async () => {
    expect(await redisReplayStore(ioredis, { prefix: 'a:' }).add('x', 60_000)).toBe(true);
    expect(await redisReplayStore(ioredis, { prefix: 'b:' }).add('x', 60_000)).toBe(true);
    expect(await redisReplayStore(ioredis, { prefix: 'a:' }).add('x', 60_000)).toBe(false);
  });

  it('rejects while the server is down', async () => {
    await server.kill();
    await expect(redisReplayStore(ioredis).add('y', 60_000)).rejects.toThrow();
  });
});
