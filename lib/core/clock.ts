import ms from 'ms';

/**
 * Milliseconds, or text as `ms` reads it: `'10m'`, `'1h'`, `'500ms'`.
 *
 * @publicApi
 */
export type Duration = number | string;

/**
 * Where time comes from. `now` is the wall clock, for what leaves the process (claims, store
 * entries); `monotonic` measures durations, and a clock set back does not move it.
 *
 * @internal
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls back once after `delay` milliseconds; returns the function that cancels. */
  timer(delay: number, callback: () => void): () => void;
}

/** @internal */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // Referenced: every timer of ours has a caller waiting on it (a retry, a deadline) and is
  // cancelled when that wait ends, so that a script that awaits a look-up doesn't exit in the
  // middle of it. There is no timer between requests.
  timer: (delay, callback) => {
    let immediate: NodeJS.Immediate | undefined;
    // In a process that was busy for as long, an answer waits in its socket when its deadline ends: it
    // is read first.
    const timeout = setTimeout(() => (immediate = setImmediate(callback)), delay);
    return () => {
      clearTimeout(timeout);
      clearImmediate(immediate);
    };
  },
};

/** Milliseconds of a {@link Duration}; NaN where it is none. @internal */
export function parseDuration(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.length === 0 || value.length > 100) return Number.NaN;
  return ms(value as ms.StringValue) ?? Number.NaN;
}

/**
 * What is wrong with a number without a unit, or the text of one as environment variables have it,
 * that is less than `below` milliseconds: it is likely to be in seconds, as tokens and other
 * libraries have it.
 *
 * @internal
 */
export function missingUnit(value: unknown, below: number): string | undefined {
  const milliseconds = parseDuration(value);
  if (!(milliseconds > 0 && milliseconds < below) || !/^[\d.]+$/.test(String(value))) return undefined;
  return `takes milliseconds: ${milliseconds} is ${milliseconds} ms; say '${milliseconds}s', or '${milliseconds}ms' if that is meant`;
}

/**
 * Resolves after `delay` milliseconds; rejects with the signal's reason when it aborts first.
 *
 * @internal
 */
export function wait(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.timer(delay, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Runs `work` with a signal that aborts with `reason()` after `delay` milliseconds or with
 * `parent`. Settles no later than that, even where `work` ignores its signal.
 *
 * @internal
 */
export async function withDeadline<T>(
  limit: { clock: Clock; delay: number; parent?: AbortSignal | undefined; reason: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onParentAbort = () => controller.abort(limit.parent?.reason);
  if (limit.parent?.aborted) onParentAbort();
  limit.parent?.addEventListener('abort', onParentAbort, { once: true });
  const cancel = limit.clock.timer(limit.delay, () => controller.abort(limit.reason()));
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(controller.signal.reason);
    if (controller.signal.aborted) onAbort();
    else controller.signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    controller.signal.throwIfAborted();
    return await Promise.race([work(controller.signal), aborted]);
  } finally {
    cancel();
    aborted.catch(() => undefined);
    limit.parent?.removeEventListener('abort', onParentAbort);
    if (onAbort) controller.signal.removeEventListener('abort', onAbort);
  }
}
