import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import type { JwksStore } from '../cache/jwk-set-store.js';
import type { StoreEntry } from '../cache/store-entry.js';

/** Keys of all entries, at about 1.5 kB each. */
const MAX_KEYS = 64 * 1_024;

/**
 * A cache-manager cache in memory, with an entry for each issuer, as it is and not as text, and
 * bounded: a `Map`, its own default, would keep the sets of issuers that are no longer in use.
 *
 * @internal
 */
export function memoryStore(maxIssuers = 1_000): JwksStore {
  const entries = new LRUCache<string, { readonly value: StoreEntry }>({
    max: maxIssuers,
    maxSize: MAX_KEYS,
    sizeCalculation: ({ value }) => value.set.size,
  });
  const store = {
    get: (key: string) => entries.get(key),
    // Keyv adds the lifetime as a third argument, and keeps it in the value as well.
    set: (key: string, value: { readonly value: StoreEntry }) => void entries.set(key, value),
    has: (key: string) => entries.has(key),
    delete: (key: string) => entries.delete(key),
    clear: () => entries.clear(),
  };
  return createCache({ stores: [new Keyv({ store, serialize: undefined, deserialize: undefined })] });
}
