import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { createClient } from '@keyv/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encryptedKeyRingStore,
  fileKeyRingStore,
  memoryKeyRingStore,
  redisKeyRingStore,
  type KeyRingEntry,
  type KeyRingStore,
} from '../../lib/endpoint/index.js';
import { assertKeyRingStore } from '../../lib/testing/index.js';
import { redisAvailable, RedisServer } from '../support/redis-server.js';
import { encryptionKey, Publishing } from './support/endpoint.js';

const hasRedis = redisAvailable();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'key-ring-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the contract of stores', () => {
  it('is kept by memory, encrypted or not', async () => {
    const plain = memoryKeyRingStore();
    await assertKeyRingStore(() => plain);
    const wrapped = memoryKeyRingStore();
    const key = encryptionKey();
    await assertKeyRingStore(() => encryptedKeyRingStore(wrapped, { encryptionKey: key }));
  });

  it('is kept by a file', async () => {
    const key = encryptionKey();
    await assertKeyRingStore(() => fileKeyRingStore(join(folder, 'contract'), { encryptionKey: key }));
    expect(await readdir(folder)).toEqual(['contract']);
  });

  it.each<[string, string, (store: KeyRingStore) => Partial<KeyRingStore>]>([
    [
      'creates entries for any version',
      'does not create',
      ({ write }) => ({ write: (value) => write(value, undefined) }),
    ],
    ['replaces entries for any version', 'does not replace', overwriting],
    [
      'changes the value',
      'to the last character',
      ({ write }) => ({ write: (value, version) => write(value.replace('G', 'g'), version) }),
    ],
    ['makes versions from values', 'new version', versionedByValue],
    [
      'resolves to nothing',
      'does not create',
      ({ write }) => ({ write: async (...args) => void (await write(...args)) as never }),
    ],
  ])('is not kept by a store that %s', async (_, rule, sabotage) => {
    const store = memoryKeyRingStore();
    const broken = { ...store, ...sabotage(store) };
    await expect(assertKeyRingStore(() => broken)).rejects.toThrow(rule);
  });
});

function overwriting({ read, write }: KeyRingStore): Partial<KeyRingStore> {
  return {
    write: async (value, version) => {
      const entry = await read();
      return write(value, entry && version !== undefined ? entry.version : version);
    },
  };
}

function versionedByValue(): KeyRingStore {
  let entry: KeyRingEntry | undefined;
  return {
    read: async () => entry,
    write: async (value, version) => {
      if (entry?.version !== version) return false;
      entry = { value, version: value };
      return true;
    },
  };
}

describe('encryption at rest', () => {
  it('takes 32 bytes as base64url and nothing else', () => {
    const keys = [
      '',
      'secret',
      `${encryptionKey()}AA`,
      encryptionKey().slice(0, -2),
      undefined,
      null,
      Buffer.alloc(32),
    ];
    for (const key of keys) {
      const make = () => encryptedKeyRingStore(memoryKeyRingStore(), { encryptionKey: key as string });
      expect(make).toThrow(expect.objectContaining({ option: 'encryptionKey' }));
    }
  });

  it('is a JWE, dir and A256GCM, with a new initialization vector for each write', async () => {
    const inner = memoryKeyRingStore();
    const store = encryptedKeyRingStore(inner, { encryptionKey: encryptionKey() });
    await store.write('text', undefined);
    const first = await inner.read();
    const [header = '', encryptedKey] = first?.value.split('.') ?? [];
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'dir', enc: 'A256GCM' });
    expect(encryptedKey).toBe('');
    await store.write('text', first?.version);
    expect((await inner.read())?.value).not.toBe(first?.value);
  });
});

describe('fileKeyRingStore', () => {
  const key = encryptionKey();
  const open = (name: string, encryption = key) => fileKeyRingStore(join(folder, name), { encryptionKey: encryption });

  it('makes a file for its owner alone, encrypted', async () => {
    const publishing = await Publishing.start({ keys: { store: open('ring') } });
    await publishing.ring.rotate();
    const text = await readFile(join(folder, 'ring'), 'utf8');
    expect((await stat(join(folder, 'ring'))).mode & 0o777).toBe(0o600);
    expect(text).not.toContain('"d"');
    expect(text).not.toContain(publishing.current);
    expect((await readdir(folder)).filter((name) => name.startsWith('ring'))).toEqual(['ring']);
  });

  it('keeps the ring over a restart', async () => {
    const one = await Publishing.start({ keys: { store: open('restart') } });
    const other = await Publishing.start({ keys: { store: open('restart') } });
    expect(other.current).toBe(one.current);
  });

  it.each([
    ['another encryption key', (name: string) => open(name, encryptionKey()), undefined],
    ['a damaged entry', open, (text: string) => text.replace(/.{20}"}$/, '"}')],
    ['a file that was cut off', open, (text: string) => text.slice(0, 100)],
    ['an empty file', open, () => ''],
    ['another file', open, () => '{"keys":[]}'],
  ])('fails the start for %s, and leaves the file as it is', async (title, reopen, damage) => {
    const name = title.replaceAll(' ', '-');
    await Publishing.start({ keys: { store: open(name) } });
    const path = join(folder, name);
    if (damage) await writeFile(path, damage(await readFile(path, 'utf8')));
    const before = await readFile(path, 'utf8');
    await expect(Publishing.start({ keys: { store: reopen(name) } })).rejects.toMatchObject({ option: 'keys.store' });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('fails the start where the file cannot be read or made', async () => {
    await mkdir(join(folder, 'occupied'));
    await writeFile(join(folder, 'no-folder'), '');
    for (const name of ['missing/ring', 'occupied', 'no-folder/ring']) {
      await expect(Publishing.start({ keys: { store: open(name) } }), name).rejects.toMatchObject({
        option: 'keys.store',
      });
    }
  });

  it('takes away a lock whose process has ended, one that is old, and what killed processes left behind', async () => {
    const path = join(folder, 'locked');
    const store = open('locked');
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(`${path}.lock`, JSON.stringify({ pid: child.pid, host: hostname() }));
    await writeFile(`${path}.abandoned.tmp`, 'half of a ring');
    expect(await store.write('first', undefined)).toBe(true);
    await writeFile(`${path}.lock`, JSON.stringify({ pid: 1, host: 'another host' }));
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(`${path}.lock`, longAgo, longAgo);
    expect(await store.write('second', (await store.read())?.version)).toBe(true);
    expect((await readdir(folder)).filter((name) => name.startsWith('locked'))).toEqual(['locked']);
  });

  it('waits for a lock that is held', async () => {
    const path = join(folder, 'held');
    const store = open('held');
    await writeFile(`${path}.lock`, JSON.stringify({ pid: process.pid, host: hostname() }));
    const writing = store.write('text', undefined);
    await expect(Promise.race([writing, new Promise((resolve) => setImmediate(() => resolve('waits')))])).resolves.toBe(
      'waits',
    );
    await rm(`${path}.lock`);
    expect(await writing).toBe(true);
  });
});

describe.skipIf(!hasRedis)('redisKeyRingStore', () => {
  let redis: RedisServer;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(async () => {
    for (const end of ends) await end();
    await redis[Symbol.asyncDispose]();
  });

  async function nodeRedis(url = redis.url) {
    const client = createClient({ url });
    client.on('error', () => undefined);
    await client.connect();
    ends.push(() => client.destroy());
    return client;
  }

  function ioRedis(url = redis.url) {
    const client = new Redis(url);
    client.on('error', () => undefined);
    ends.push(() => client.disconnect());
    return client;
  }

  it('keeps the contract with node-redis, with ioredis, and with both at once', async () => {
    const encryption = { encryptionKey: encryptionKey() };
    const [node, io] = [await nodeRedis(), ioRedis()];
    await assertKeyRingStore(() => redisKeyRingStore(node, { key: 'node', ...encryption }));
    await assertKeyRingStore(() => redisKeyRingStore(io, { key: 'io', ...encryption }));
    let opened = 0;
    await assertKeyRingStore(() => redisKeyRingStore((opened += 1) % 2 ? node : io, { key: 'both', ...encryption }));
    expect(Object.keys(await redis.dump()).sort()).toEqual(['both', 'io', 'node']);
  });

  it('holds nothing in clear', async () => {
    const store = redisKeyRingStore(await nodeRedis(), { key: 'clear', encryptionKey: encryptionKey() });
    const publishing = await Publishing.start({ keys: { store } });
    const text = JSON.stringify(await redis.dump());
    expect(text).not.toContain(publishing.current);
  });

  it('fails the start for another encryption key and for a key that holds something else', async () => {
    const client = await nodeRedis();
    const open = (key: string, encryption = encryptionKey()) =>
      Publishing.start({ keys: { store: redisKeyRingStore(client, { key, encryptionKey: encryption }) } });
    await open('mine');
    const { mine } = await redis.dump();
    await expect(open('mine')).rejects.toMatchObject({ option: 'keys.store' });
    await redis.run('SET', 'taken', 'something else');
    await expect(open('taken')).rejects.toMatchObject({ option: 'keys.store' });
    expect(await redis.dump()).toMatchObject({ mine, taken: 'something else' });
  });

  it('does not write over a key that holds something else, whatever was read before', async () => {
    const store = redisKeyRingStore(await nodeRedis(), { key: 'foreign', encryptionKey: encryptionKey() });
    await redis.run('SET', 'foreign', 'something-else');
    await expect(store.write('text', undefined)).rejects.toThrow('not an entry of a key ring');
    expect((await redis.dump())['foreign']).toBe('something-else');
  });

  it('survives a Redis that hangs, dies and comes back empty, without slowing a signature', async () => {
    await using own = await RedisServer.start();
    const client = await nodeRedis(own.url);
    const store = redisKeyRingStore(client, { key: 'ring', encryptionKey: encryptionKey() });
    const publishing = await Publishing.start({ keys: { store } });
    const { current } = publishing;
    own.freeze();
    await publishing.clock.pass('2m');
    await publishing.signer.sign({});
    own.thaw();
    await own.kill();
    await publishing.clock.pass('2m');
    await publishing.signer.sign({});
    await own.restart();
    await client.ping();
    await publishing.clock.pass('2m');
    await publishing.get();
    expect(publishing.current).toBe(current);
    expect(Object.keys(await own.dump())).toEqual(['ring']);
  });

  it('takes clients of Redis only, and a key that has a name', async () => {
    const encryption = { encryptionKey: encryptionKey() };
    const client = await nodeRedis();
    expect(() => redisKeyRingStore(client, { key: '', ...encryption })).toThrow('"key"');
    expect(() => redisKeyRingStore({} as typeof client, { key: 'k', ...encryption })).toThrow('node-redis or ioredis');
  });
});
