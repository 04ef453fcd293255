/** What went wrong inside a cache without its caller hearing of it. @internal */
export interface KeyvErrors {
  count: number;
  last: unknown;
}

interface Emitter {
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

const listened = new WeakMap<object, KeyvErrors>();

/**
 * Keyv answers as if nothing was there when its storage fails, and says so by an `error` event
 * alone: this listens, once per cache however many sets it holds.
 *
 * @internal
 */
export function keyvErrors(cache: object): KeyvErrors {
  const known = listened.get(cache);
  if (known) return known;
  const errors: KeyvErrors = { count: 0, last: undefined };
  listened.set(cache, errors);
  const stores: unknown = 'stores' in cache ? cache.stores : undefined;
  for (const store of Array.isArray(stores) ? stores.filter(isEmitter) : []) {
    store.on('error', (error: unknown) => {
      errors.count += 1;
      errors.last = error;
    });
  }
  return errors;
}

function isEmitter(store: unknown): store is Emitter {
  return typeof (store as Partial<Emitter> | null)?.on === 'function';
}
