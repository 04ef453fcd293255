import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import type { JwksStore } from '../cache/jwk-set-store.js';

/** An entry and a claim for each of the 1,000 issuers that are remembered. */
const MAX_ENTRIES = 2_000;

/**
 * A cache-manager cache in memory, and bounded: a `Map`, its own default, would keep the sets of
 * tenants that nobody asks for any more.
 *
 * @internal
 */
export function memoryStore(): JwksStore {
  const entries = new LRUCache<string, string>({ max: MAX_ENTRIES });
  const store = {
    get: (key: string) => entries.get(key),
    // Keyv adds the lifetime as a third argument, and keeps it in the value as well.
    set: (key: string, value: string) => void entries.set(key, value),
    has: (key: string) => entries.has(key),
    delete: (key: string) => entries.delete(key),
    clear: () => entries.clear(),
  };
  return createCache({ stores: [new Keyv({ store })] });
}
