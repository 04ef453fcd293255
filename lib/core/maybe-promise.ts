/**
 * A promise only where something has to be waited for, so that what is known costs no turn of the
 * event loop.
 *
 * @internal
 */
export type MaybePromise<T> = T | Promise<T>;

/**
 * As `await` sees it. Not `instanceof`: where an application has put another class in place of the
 * global `Promise`, what asynchronous functions return is none of its instances, and would pass for
 * the value itself.
 *
 * @internal
 */
export function isPromise<T>(value: MaybePromise<T> | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function';
}
