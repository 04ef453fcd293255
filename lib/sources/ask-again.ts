import type { Clock } from '../core/clock.js';

/** @internal */
export interface AskAgainSettings<T> {
  readonly clock: Clock;
  /** How long the server may be silent before it is asked once more, in milliseconds. */
  readonly every: number;
  readonly signal: AbortSignal;
  /** Whether an answer counts while others may come. */
  readonly isUseful: (answer: T) => boolean;
}

/**
 * Asks, and asks once more beside it each time that the server has been silent for a while: it may be
 * back, and know nothing of what it was asked before. The first useful answer counts, and ends the
 * other requests; without one, the last outcome.
 *
 * @internal
 */
export function askAgain<T>(settings: AskAgainSettings<T>, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, every, signal, isUseful } = settings;
  const requests = new AbortController();
  let open = 0;
  let cancel = () => {};
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => end(() => reject(signal.reason));
    const end = (settle: () => void) => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      settle();
      requests.abort(signal.reason);
    };
    const endWithLast = (settle: () => void) => {
      open -= 1;
      if (open === 0) end(settle);
    };
    const start = () => {
      open += 1;
      cancel = clock.timer(every, start);
      ask(requests.signal).then(
        (answer) => (isUseful(answer) ? end : endWithLast)(() => resolve(answer)),
        (error: unknown) => endWithLast(() => reject(error)),
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    start();
  });
}
