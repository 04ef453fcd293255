import { withDeadline, type Clock } from '../core/clock.js';
import { SenderConstraintUnavailableError } from '../core/sender-errors.js';

/** In milliseconds. A request that waits for longer is as good as lost. */
const MAX_WAIT = 1_000;

/**
 * Runs `ask`, which is code of the application or leaves this process, for a second at most. Rejects
 * with a SenderConstraintUnavailableError (503) if it throws or hangs.
 *
 * @internal
 */
export async function answerWithin<T>(clock: Clock, message: string, ask: () => Promise<T>): Promise<T> {
  const reason = () => new Error(`There was no answer within ${MAX_WAIT} ms`);
  try {
    return await withDeadline({ clock, delay: MAX_WAIT, reason }, ask);
  } catch (cause) {
    throw new SenderConstraintUnavailableError(message, { cause });
  }
}
