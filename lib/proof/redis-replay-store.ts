import { JwksConfigurationError } from '../core/errors.js';
import type { ReplayStore } from './replay-store.js';

/** What is used of a client of node-redis, `createClient()` or `createCluster()`. @publicApi */
export interface NodeRedisSetter {
  set(key: string, value: string, options: { NX: true; PX: number }): Promise<unknown>;
  /** Only node-redis has its commands in capital letters too, which tells the two apart. */
  SET: unknown;
}

/** What is used of a client of ioredis, `new Redis()` or `new Cluster()`. @publicApi */
export interface IoRedisSetter {
  set(key: string, value: string, px: 'PX', milliseconds: number, nx: 'NX'): Promise<unknown>;
}

/** @publicApi */
export interface RedisReplayStoreOptions {
  /**
   * What stands before the keys. Two applications that take the same tokens and have different URLs
   * may share one.
   *
   * @default 'jwks:dpop:'
   */
  prefix?: string;
}

/**
 * Remembers proofs in Redis, for applications of several processes: `SET NX PX`, which is atomic.
 * Takes a connected client of node-redis or of ioredis; the application owns it and closes it. While
 * Redis does not answer, requests with proofs are answered with 503, after a second each unless the
 * client has its offline queue switched off (`disableOfflineQueue`, `enableOfflineQueue: false`),
 * which would grow meanwhile. An instance that drops keys before their time (`maxmemory-policy`)
 * forgets proofs.
 *
 * @publicApi
 */
export function redisReplayStore(
  client: NodeRedisSetter | IoRedisSetter,
  options: RedisReplayStoreOptions = {},
): ReplayStore {
  const { prefix = 'jwks:dpop:' } = options;
  if (typeof client?.set !== 'function')
    throw new JwksConfigurationError('redisReplayStore takes a client of node-redis or ioredis', 'client');
  if (typeof prefix !== 'string')
    throw new JwksConfigurationError('Option "prefix" of redisReplayStore takes text', 'prefix');
  return {
    async add(key, ttl) {
      const px = Math.max(1, Math.ceil(ttl));
      const set = isNodeRedis(client)
        ? await client.set(prefix + key, '1', { NX: true, PX: px })
        : await client.set(prefix + key, '1', 'PX', px, 'NX');
      if (set === null || set === undefined) return false;
      if (String(set) === 'OK') return true;
      throw new TypeError('Redis returned neither OK nor nil for SET NX');
    },
  };
}

function isNodeRedis(client: NodeRedisSetter | IoRedisSetter): client is NodeRedisSetter {
  return 'SET' in client;
}
