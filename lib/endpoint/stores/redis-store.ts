import { randomUUID } from 'node:crypto';
import { JwksConfigurationError } from '../../core/errors.js';
import type { KeyRingStore } from '../key-ring-store.js';
import { encryptedKeyRingStore, type KeyRingEncryption } from './encrypted-store.js';

/** What is used of a client of node-redis, `createClient()` or `createCluster()`. @publicApi */
export interface NodeRedisLike {
  get(key: string): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  /** Only node-redis has its commands in capital letters too, which tells the two apart. */
  EVAL: unknown;
}

/** What is used of a client of ioredis, `new Redis()` or `new Cluster()`. @publicApi */
export interface IoRedisLike {
  get(key: string): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
}

/** Where the ring is in Redis, and how it is encrypted. @publicApi */
export interface RedisKeyRingStoreOptions extends KeyRingEncryption {
  /** The Redis key of the ring. One ring, one key; nothing else is written. */
  key: string;
}

/** An entry is its version, a space and the value. */
const COMPARE_AND_SET = `
local entry = redis.call('GET', KEYS[1])
local version = entry and string.match(entry, '^(%S+) ') or ''
if entry and version == '' then return redis.error_reply('not an entry of a key ring') end
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`;

/**
 * Keeps the ring in Redis, encrypted, under one key that never expires. Takes a connected client of
 * node-redis or of ioredis; the application owns it and closes it.
 *
 * @publicApi
 */
export function redisKeyRingStore(
  client: NodeRedisLike | IoRedisLike,
  { key, encryptionKey }: RedisKeyRingStoreOptions,
): KeyRingStore {
  if (typeof client?.get !== 'function' || typeof client.eval !== 'function') {
    throw new JwksConfigurationError('redisKeyRingStore takes a client of node-redis or ioredis', 'client');
  }
  if (typeof key !== 'string' || key === '') {
    throw new JwksConfigurationError('Option "key" takes the Redis key of the ring, a text that is not empty', 'key');
  }
  const store: KeyRingStore = {
    async read() {
      const entry = await client.get(key);
      if (entry === null || entry === undefined) return undefined;
      const [, version, value] = /^(\S+) ([^]*)$/.exec(String(entry)) ?? [];
      if (version !== undefined && value !== undefined) return { value, version };
      throw new JwksConfigurationError(`The Redis key "${key}" holds something else than a key ring`, 'key');
    },
    async write(value, expectedVersion = '') {
      return (await compareAndSet(client, key, expectedVersion, `${randomUUID()} ${value}`)) === 1;
    },
  };
  return encryptedKeyRingStore(store, { encryptionKey });
}

async function compareAndSet(
  client: NodeRedisLike | IoRedisLike,
  key: string,
  expectedVersion: string,
  entry: string,
): Promise<number> {
  const written = isNodeRedis(client)
    ? await client.eval(COMPARE_AND_SET, { keys: [key], arguments: [expectedVersion, entry] })
    : await client.eval(COMPARE_AND_SET, 1, key, expectedVersion, entry);
  return Number(written);
}

function isNodeRedis(client: NodeRedisLike | IoRedisLike): client is NodeRedisLike {
  return 'EVAL' in client;
}
