import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import type { JwksStore } from '../cache/jwk-set-store.js';

/** Characters of all entries. */
const MAX_LENGTH = 64 * 1_048_576;

/**
 * A cache-manager cache in memory, with an entry and a lease for each issuer, and bounded: a `Map`,
 * its own default, would keep the sets of issuers that are no longer in use.
 *
 * @internal
 */
export function memoryStore(maxIssuers = 1_000): JwksStore {
  const entries = new LRUCache<string, string>({
    max: 2 * maxIssuers,
    maxSize: MAX_LENGTH,
    sizeCalculation: (value) => value.length || 1,
  });
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
