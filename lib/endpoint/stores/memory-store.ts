import { randomUUID } from 'node:crypto';
import type { KeyRingEntry, KeyRingStore } from '../key-ring-store.js';

const memoryStores = new WeakSet<KeyRingStore>();

/**
 * Keeps the ring in this process: its keys are lost with the process, and tokens they signed are
 * rejected from then on. For development, tests and applications of one process whose tokens may go
 * with it.
 *
 * @publicApi
 */
export function memoryKeyRingStore(): KeyRingStore {
  let entry: KeyRingEntry | undefined;
  const store: KeyRingStore = {
    async read() {
      return entry;
    },
    async write(value, expectedVersion) {
      if (entry?.version !== expectedVersion) return false;
      entry = { value, version: randomUUID() };
      return true;
    },
  };
  memoryStores.add(store);
  return store;
}

/** @internal */
export function isMemoryStore(store: KeyRingStore): boolean {
  return memoryStores.has(store);
}
