import type { Clock } from '../core/clock.js';
import { SenderConstraintUnavailableError } from '../core/sender-errors.js';

/** In milliseconds. A request that waits for longer is as good as lost. */
const MAX_WAIT = 1_000;

/**
 * Runs `ask`, which is code of the application or leaves this process, for a second at most. Rejects
 * with a SenderConstraintUnavailableError (503) if it throws or hangs.
 *
 * @internal
 */
export function answerWithin<T>(clock: Clock, message: string, ask: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const fail = (cause: unknown) => reject(new SenderConstraintUnavailableError(message, { cause }));
    const tooLate = () => fail(new Error(`There was no answer within ${MAX_WAIT} ms`));
    // While requests keep this process busy, an answer waits unread: it is read before that counts.
    const cancel = clock.timer(MAX_WAIT, () => setImmediate(tooLate));
    ask().then(
      (answer) => {
        cancel();
        resolve(answer);
      },
      (error: unknown) => {
        cancel();
        fail(error);
      },
    );
  });
}
