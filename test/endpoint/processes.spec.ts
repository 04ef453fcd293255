import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from '@keyv/redis';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileKeyRingStore, redisKeyRingStore, type KeyRingStore } from '../../lib/endpoint/index.js';
import { ManualClock } from '../support/manual-clock.js';
import { redisAvailable, RedisServer } from '../support/redis-server.js';
import { encryptionKey, Publishing } from './support/endpoint.js';
import type { WorkerSettings } from './support/ring-worker.js';

const WORKER = fileURLToPath(new URL('support/ring-worker.ts', import.meta.url));
const hasRedis = redisAvailable();
/** `npm run test:kill` has 200. */
const KILLS = Number(process.env['KILLS'] ?? 16);
/**
 * A process is killed within so many milliseconds of its work: some of it before the first write,
 * most in the middle.
 */
const WORKING = 60;

type Settings = Omit<WorkerSettings, 'begin'>;

let folder: string;
let code: string;
let worker: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'key-ring-processes-'));
  // One file, which loads in no time: most of a short life is to be work. In node_modules, where it
  // finds the client of Redis.
  const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));
  await mkdir(cache, { recursive: true });
  code = await mkdtemp(join(cache, 'ring-worker-'));
  worker = join(code, 'worker.mjs');
  const external = ['@keyv/redis'];
  await build({ entryPoints: [WORKER], outfile: worker, bundle: true, format: 'esm', platform: 'node', external });
});
afterAll(async () => {
  for (const each of [folder, code]) await rm(each, { recursive: true, force: true });
});

/** A process that can be killed at any moment. */
class Worker {
  readonly signed = new Set<string>();
  private readonly words = new EventEmitter();

  private constructor(private readonly child: ChildProcess) {
    this.words.on('signed', (kid: string) => this.signed.add(kid));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.words.emit(...(line.split(' ') as [string, string]));
    });
  }

  /** Loaded, and waiting for its turn. */
  static async load(settings: Settings): Promise<Worker> {
    const env = {
      ...process.env,
      RING_WORKER: JSON.stringify({ ...settings, begin: BEGIN } satisfies WorkerSettings),
    };
    const loaded = new Worker(spawn(process.execPath, [worker], { env, stdio: ['pipe', 'pipe', 'inherit'] }));
    await once(loaded.words, 'ready');
    return loaded;
  }

  /** Resolves to the kid of the current key. */
  async start(): Promise<string> {
    this.child.stdin?.write('start\n');
    const [kid] = (await once(this.words, 'current')) as [string];
    return kid;
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await ended;
  }
}

const BEGIN = Date.now();

describe('processes on a file', () => {
  it('that start at the same moment agree on one current key', async () => {
    const place = { file: join(folder, 'together') };
    await agree({ place, encryptionKey: encryptionKey(), task: 'start' });
    expect((await readdir(folder)).filter((name) => name.startsWith('together'))).toEqual(['together']);
  });

  it(`lose no key that has signed, killed at ${KILLS} random points`, async () => {
    const file = join(folder, 'killed');
    const key = encryptionKey();
    const signed = await killAgainAndAgain({ place: { file }, encryptionKey: key, task: 'rotate' });
    await expectAll(signed, fileKeyRingStore(file, { encryptionKey: key }));
  });

  it('rotate once where a rotation is due in all of them', async () => {
    const clock = new ManualClock();
    const key = encryptionKey();
    const start = () =>
      Publishing.start({ keys: { store: fileKeyRingStore(join(folder, 'due'), { encryptionKey: key }) } }, clock);
    const all = await Promise.all([start(), start(), start(), start()]);
    for (let rotation = 1; rotation <= 3; rotation += 1) {
      await clock.pass(rotation === 1 ? '29d' : '30d');
      await Promise.all(all.map((each) => each.get()));
      await Promise.all(all.map((each) => each.get()));
      expect(new Set(all.map((each) => JSON.stringify(each.ring.status()))).size).toBe(1);
      expect(all[0]?.kids('next')).toHaveLength(1);
    }
  });
});

describe.skipIf(!hasRedis)('processes on a Redis', () => {
  let redis: RedisServer;
  let client: ReturnType<typeof createClient>;
  beforeAll(async () => {
    redis = await RedisServer.start();
    client = createClient({ url: redis.url });
    client.on('error', () => undefined);
    await client.connect();
  });
  afterAll(async () => {
    client.destroy();
    await redis[Symbol.asyncDispose]();
  });

  it('that start at the same moment agree on one current key', async () => {
    await redis.run('FLUSHALL');
    await agree({ place: { redis: redis.url }, encryptionKey: encryptionKey(), task: 'start' });
  });

  it('lose no key that has signed, killed at random points', async () => {
    await redis.run('FLUSHALL');
    const key = encryptionKey();
    const signed = await killAgainAndAgain(
      { place: { redis: redis.url }, encryptionKey: key, task: 'rotate' },
      KILLS / 4,
    );
    await expectAll(signed, redisKeyRingStore(client, { key: 'ring', encryptionKey: key }));
  });

  it('lose no key that has signed where the store is killed and comes back empty', async () => {
    await redis.run('FLUSHALL');
    const store = redisKeyRingStore(client, { key: 'ring', encryptionKey: encryptionKey() });
    const publishing = await Publishing.start({ keys: { store, keepFor: '300d' }, maxAge: '10m' });
    const signed = new Set<string>();
    for (let round = 0; round < 10; round += 1) {
      const killing = pause(Math.random() * 8).then(() => redis.kill());
      const rotating = publishing.ring.rotate().catch(() => undefined);
      await killing;
      await redis.restart();
      await client.ping();
      await Promise.race([rotating, publishing.clock.pass('3s').then(() => rotating)]);
      await publishing.clock.pass('10m');
      await publishing.get();
      if (publishing.current) signed.add(publishing.current);
      await publishing.signer.sign({});
      const kids = publishing.ring.status().keys.map(({ kid }) => kid);
      expect(kids).toEqual(expect.arrayContaining([...signed]));
    }
    expect(signed.size).toBeGreaterThan(0);
  });
});

/** Four processes, loaded before the first one starts. */
async function agree(settings: Settings): Promise<void> {
  const workers = await Promise.all([1, 2, 3, 4].map(() => Worker.load(settings)));
  const kids = await Promise.all(workers.map((worker) => worker.start()));
  await Promise.all(workers.map((worker) => worker.kill()));
  expect(new Set(kids).size).toBe(1);
}

/** Two processes work at a time. Resolves to the kids of all tokens that were signed. */
async function killAgainAndAgain(settings: Settings, kills = KILLS): Promise<Set<string>> {
  const signed = new Set<string>();
  let left = kills;
  const live = async () => {
    // A busy machine may kill every process before its first token.
    while (left-- > 0 || signed.size === 0) {
      const worker = await Worker.load(settings);
      void worker.start();
      await pause(Math.random() * WORKING);
      await worker.kill();
      for (const kid of worker.signed) signed.add(kid);
    }
  };
  await Promise.all([live(), live()]);
  return signed;
}

async function expectAll(signed: ReadonlySet<string>, store: KeyRingStore): Promise<void> {
  const publishing = await Publishing.start({ keys: { store, keepFor: '3650d' } }, new ManualClock(Date.now()));
  const kids = publishing.ring.status().keys.map(({ kid }) => kid);
  expect(signed.size).toBeGreaterThan(0);
  expect(kids).toEqual(expect.arrayContaining([...signed]));
}
