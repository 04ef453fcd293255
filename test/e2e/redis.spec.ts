import { createKeyv } from '@keyv/redis';
import { describe, expect, it, vi } from 'vitest';
import { redisAvailable } from '../support/redis-server.js';
import { figures } from './support/figures.js';
import { recipe, RedisScene, type Connect, ON_REDIS } from './support/redis-scene.js';
import { Traffic } from './support/traffic.js';

/** Without the options of the recipe commands wait while there is no connection. */
const plainly: Connect = (url) => createKeyv(url);

/** The store is touched several times a second. */
const RESTLESS = { cache: { ttl: '150ms', respectHeaders: false } };

/**
 * The most that the store may add to a look-up, what a busy machine adds, and how long a store that
 * failed is left alone, in milliseconds.
 */
const LIMIT = 250;
const SLACK = 1_000;
const REST = 5_000;

type Strike = (scene: RedisScene) => Promise<unknown>;

type Fault = [what: string, connect: Connect, strike: Strike, reported?: RegExp];

/** What happens to Redis, how, and what is logged. */
const FAULTS: readonly Fault[] = [
  ['is killed', recipe, ({ redis }) => redis.kill(), /offline|closed|did not answer|ECONN|EPIPE|[Ss]ocket/],
  [
    'is killed, and commands wait for it',
    plainly,
    ({ redis }) => redis.kill(),
    /closed|did not answer|ECONN|EPIPE|[Ss]ocket/,
  ],
  ['is killed and comes back empty', recipe, ({ redis }) => redis.kill().then(() => redis.restart())],
  ['hangs', recipe, async ({ redis }) => redis.freeze(), /did not answer within 250 ms/],
  ['hangs, then is killed', recipe, ({ redis }) => Promise.resolve(redis.freeze()).then(() => redis.kill())],
  ['is full', recipe, ({ redis }) => redis.run('CONFIG', 'SET', 'maxmemory', '1'), /OOM/],
  ['is read-only', recipe, ({ redis }) => redis.run('REPLICAOF', '127.0.0.1', '1'), /READONLY/],
  ['is emptied', recipe, ({ redis }) => redis.run('FLUSHALL')],
  ['holds text that is no JSON', recipe, (scene) => scene.plant('<html>')],
  ['holds null', recipe, (scene) => scene.plant('null')],
  ['holds an entry without a set', recipe, (scene) => scene.plant('{"value":{"version":1}}'), /not a text/],
  ['holds a list where the entry was', recipe, (scene) => scene.plantList(), /WRONGTYPE/],
];

describe.runIf(redisAvailable()).concurrent('Redis as the shared store', ON_REDIS, () => {
  it.each<Fault>(FAULTS)('fails no request when it %s', async (what, connect, strike, reported) => {
    await using scene = await RedisScene.start(connect);
    const member = await scene.fill(RESTLESS);
    const token = await scene.issuer.sign();
    const traffic = Traffic.start(() => member.verify(token));
    const isReported = () => !reported || member.storeFaults.some(({ reason }) => reported.test(reason));
    await strike(scene);
    await traffic.during(1_000);
    // A busy machine may be slower than the store is given time: then it rests, and nothing else shows.
    for (let again = 0; again < 2 && what.startsWith('holds') && !isReported(); again += 1) {
      await traffic.during(REST);
      await strike(scene);
      await traffic.during(1_000);
    }
    await traffic.stop();
    figures(`Redis ${what}`, { answered: traffic.answered, slowest: traffic.slowest });
    expect(traffic.failures).toEqual([]);
    expect(traffic.answered).toBeGreaterThan(1);
    expect(traffic.slowest).toBeLessThan(LIMIT + SLACK);
    expect(member.counters).toMatchObject({ failures: 0 });
    expect(isReported(), JSON.stringify(member.storeFaults)).toBe(true);
  });

  it('is left alone for 5 s after it hung, and asked again then', async () => {
    await using scene = await RedisScene.start();
    const member = await scene.fill(RESTLESS);
    const token = await scene.issuer.sign();
    const traffic = Traffic.start(() => member.verify(token));
    scene.redis.freeze();
    await vi.waitFor(() => expect(member.storeFaults).toHaveLength(2), { timeout: REST + 3 * SLACK });
    await traffic.stop();
    const [first = 0, second = 0] = member.heard('store.failed');
    expect(second - first).toBeGreaterThanOrEqual(REST);
    // A read and a write may have been under way together: they hang, and count, together.
    expect(member.counters.storeFailures).toBeLessThanOrEqual(4);
    expect(member.counters.failures).toBe(0);
    expect(traffic.failures).toEqual([]);
  });

  it('is not looked at while the set is fresh', async () => {
    await using scene = await RedisScene.start();
    const member = await scene.fill();
    const token = await scene.issuer.sign();
    const { storeReads, storeFailures, fetches, misses, hits } = member.counters;
    scene.redis.freeze();
    for (let count = 0; count < 1_000; count += 1) await member.verify(token);
    expect(member.counters).toMatchObject({ storeReads, storeFailures, fetches, misses, hits: hits + 1_000 });
  });

  it('delays a cold start once when it hangs', async () => {
    await using scene = await RedisScene.start();
    const token = await scene.issuer.sign();
    scene.redis.freeze();
    const member = scene.start();
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => member.verify(token)));
    const took = performance.now() - startedAt;
    figures('cold start while Redis hangs', { took });
    expect(took).toBeLessThan(LIMIT + SLACK);
    expect(member.counters).toMatchObject({ fetches: 1, storeFailures: 1 });
  });

  it('may be down when the process starts, and be there later', async () => {
    await using scene = await RedisScene.start();
    await scene.redis.kill();
    const member = scene.start(RESTLESS);
    const token = await scene.issuer.sign();
    const traffic = Traffic.start(() => member.verify(token));
    await traffic.during(200);
    await scene.redis.restart();
    await vi.waitFor(async () => expect(await scene.entries()).not.toEqual({}), { timeout: 3 * REST });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  });
});
