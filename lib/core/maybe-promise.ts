/**
 * A promise only where something has to be waited for, so that what is known costs no turn of the
 * event loop.
 *
 * @internal
 */
export type MaybePromise<T> = T | Promise<T>;

/**
 * As `await` sees it. Not `instanceof`: where an application has put another class in place of the
 * global `Promise`, what asynchronous functions return is not one of its instances, and would be
 * taken for the value itself.
 *
 * @internal
 */
export function isPromise<T>(value: MaybePromise<T> | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function';
}

/** Applies `next` at once where the value is there, and after it where it is a promise. @internal */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isPromise(value) ? value.then(next) : next(value);
}
