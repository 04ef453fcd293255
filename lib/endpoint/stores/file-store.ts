import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { systemClock, wait } from '../../core/clock.js';
import { JwksConfigurationError } from '../../core/errors.js';
import type { KeyRingEntry, KeyRingStore } from '../key-ring-store.js';
import { encryptedKeyRingStore, type KeyRingEncryption } from './encrypted-store.js';

/** For the owner alone: what is in it is encrypted, and still no business of others. */
const MODE = 0o600;
/**
 * The lock is held for a few milliseconds; one this old was left behind by a process of another
 * host.
 */
const STALE_LOCK_MS = 10_000;
const LOCK_RETRY_MS = 10;
const LOCK_PATIENCE_MS = 15_000;

/**
 * Keeps the ring in a file, encrypted, mode 0600. Processes that can see the file, on one host or
 * on a shared volume, may share it. The folder must exist and be writable: temporary files and a
 * lock stand beside the file for the time of a write, and a process that is killed in the middle of
 * one blocks the others for no longer than 10 seconds.
 *
 * @publicApi
 */
export function fileKeyRingStore(path: string, { encryptionKey }: KeyRingEncryption): KeyRingStore {
  if (typeof path !== 'string' || path === '') {
    throw new JwksConfigurationError('fileKeyRingStore takes the path of a file', 'path');
  }
  const file = resolve(path);
  const store: KeyRingStore = {
    async read() {
      try {
        return parseEntry(await readFile(file, 'utf8'), file);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async write(value, expectedVersion) {
      const deadline = systemClock.monotonic() + LOCK_PATIENCE_MS;
      for (;;) {
        const written = compareAndSwap(file, value, expectedVersion);
        if (written !== 'locked') return written;
        if (systemClock.monotonic() > deadline) throw new Error(`${file}.lock is held by another process`);
        await wait(systemClock, LOCK_RETRY_MS);
      }
    },
  };
  return encryptedKeyRingStore(store, { encryptionKey });
}

/**
 * Synchronous from the lock to its release: the lock is held as shortly as can be. A process that
 * is stopped in between and wakes after another one took its lock for stale cannot undo what that
 * one wrote: its temporary file is gone.
 */
function compareAndSwap(file: string, value: string, expectedVersion: string | undefined): boolean | 'locked' {
  const lock = `${file}.lock`;
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  if (!acquire(lock, owner)) return 'locked';
  try {
    removeTemporaryFiles(file);
    const entry: KeyRingEntry = { version: randomUUID(), value };
    const temporary = `${file}.${entry.version}.tmp`;
    writeDurably(temporary, JSON.stringify(entry));
    if (readEntry(file)?.version === expectedVersion) {
      renameSync(temporary, file);
      return true;
    }
    rmSync(temporary, { force: true });
    return false;
  } finally {
    release(lock, owner);
  }
}

function acquire(lock: string, owner: string): boolean {
  try {
    writeFileSync(lock, owner, { flag: 'wx', mode: MODE });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (isStale(lock)) takeAway(lock);
    return false;
  }
}

/** Unless another process took it for stale, and has one of its own by now. */
function release(lock: string, owner: string): void {
  try {
    if (readFileSync(lock, 'utf8') === owner) rmSync(lock);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Left behind by a process of this host that has ended, or too old. */
function isStale(lock: string): boolean {
  try {
    const age = systemClock.now() - statSync(lock).mtimeMs;
    if (age > STALE_LOCK_MS) return true;
    const { pid, host } = JSON.parse(readFileSync(lock, 'utf8')) as { pid: number; host: string };
    return host === hostname() && !isRunning(pid);
  } catch {
    // Gone by now, or not written to the end yet.
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Renamed first: of several processes that find it stale one takes it away, and the others find
 * nothing.
 */
function takeAway(lock: string): void {
  const taken = `${lock}.${randomUUID()}.tmp`;
  try {
    renameSync(lock, taken);
    rmSync(taken, { force: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** What processes left behind that were killed: only the one that has the lock makes any. */
function removeTemporaryFiles(file: string): void {
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  }
}

function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', MODE);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readEntry(file: string): KeyRingEntry | undefined {
  try {
    return parseEntry(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function parseEntry(text: string, file: string): KeyRingEntry {
  try {
    const { version, value } = JSON.parse(text) as Partial<KeyRingEntry>;
    if (typeof version === 'string' && typeof value === 'string') return { version, value };
  } catch {
    // The same as an entry without its members.
  }
  throw new JwksConfigurationError(
    `The file "${file}" is damaged, or holds no key ring. It was left as it is.`,
    'path',
  );
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
}
