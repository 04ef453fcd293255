import type { Clock } from '../core/clock.js';
import { SenderConstraintUnavailableError } from '../core/sender-errors.js';

/** In milliseconds. A request that waits for longer is as good as lost. */
const PATIENCE = 1_000;

/**
 * Runs `ask`, which reaches out of this process or is of the application, for a second at most. If it
 * throws or hangs, the request is rejected with 503.
 *
 * @internal
 */
export function answerWithin<T>(clock: Clock, message: string, ask: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const fail = (cause: unknown) => reject(new SenderConstraintUnavailableError(message, { cause }));
    const tooLate = () => fail(new Error(`There was no answer within ${PATIENCE} ms`));
    // While requests keep this process busy, an answer waits unread: it is read before that counts.
    const cancel = clock.timer(PATIENCE, () => setImmediate(tooLate));
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
