// One process with a key ring whose time runs fast. It says which keys it signs with, and rotates
// without a pause until it is killed.
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import type { Clock } from '../../../lib/core/clock.js';
import type { KeyRingStore } from '../../../lib/endpoint/key-ring-store.js';
import { JwksEndpoint } from '../../../lib/endpoint/jwks-endpoint.js';
import { fileKeyRingStore } from '../../../lib/endpoint/stores/file-store.js';
import { redisKeyRingStore } from '../../../lib/endpoint/stores/redis-store.js';

/** What the environment of a worker holds, as JSON. */
export interface WorkerSettings {
  readonly place: { readonly file: string } | { readonly redis: string };
  readonly encryptionKey: string;
  readonly task: 'start' | 'rotate';
  /** Milliseconds since the epoch at which the fast clock and the wall clock agree. */
  readonly begin: number;
}

const SPEED = 2_000;

const { place, encryptionKey, begin, task } = JSON.parse(process.env['RING_WORKER'] ?? '') as WorkerSettings;

const now = () => begin + (Date.now() - begin) * SPEED;
const clock: Clock = {
  now,
  monotonic: now,
  timer: (delay, callback) => {
    const handle = setTimeout(callback, delay);
    return () => clearTimeout(handle);
  },
};

async function open(): Promise<KeyRingStore> {
  if ('file' in place) return fileKeyRingStore(place.file, { encryptionKey });
  const { createClient } = await import('@keyv/redis');
  const client = createClient({ url: place.redis });
  client.on('error', () => undefined);
  await client.connect();
  return redisKeyRingStore(client, { key: 'ring', encryptionKey });
}

async function run(store: KeyRingStore): Promise<void> {
  const options = { issuer: 'https://billing.internal', keys: { store, keepFor: '3650d' }, maxAge: '1s' };
  const logger = { log: () => undefined, warn: () => undefined };
  const { ring, signer } = await JwksEndpoint.open(options, { clock, logger });
  say('current', ring?.status().keys.find(({ state }) => state === 'current')?.kid);
  let last: string | undefined;
  while (task === 'rotate') {
    const { kid } = decodeProtectedHeader(await signer.sign({}));
    if (kid !== last) say('signed', kid);
    last = kid;
    await ring?.rotate();
  }
}

function say(word: string, detail = ''): void {
  process.stdout.write(`${word} ${detail}\n`);
}

const store = await open();
say('ready');
process.stdin.once('data', () => void run(store));
