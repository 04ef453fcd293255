import ms from 'ms';
import { safeText, type JwksEvent } from '../core/events.js';

/** Kids named in one line. */
const MOST_KIDS = 10;
const MOST_REASON = 300;
const UNSAFE = /[^\x20-\x7e]/g;

/**
 * An event as one line of a log: text from outside can't break out of it, or fill it.
 *
 * @internal
 */
export function formatEvent(event: JwksEvent): string {
  const of = event.issuer === undefined ? '' : ` of "${safeText(event.issuer)}"`;
  switch (event.type) {
    case 'set.loaded':
    case 'set.unchanged':
      return `Keys${of} are available again`;
    case 'set.rotated':
      return `Keys${of} rotated: ${kids('added', event.added)}, ${kids('removed', event.removed)}`;
    case 'set.stale':
      return `Keys${of} are past their freshness; while no source answers they serve for another ${ms(Math.round(event.timeLeft))}`;
    case 'set.expired':
      return `Keys${of} have expired: its tokens get 503 until keys can be loaded again`;
    case 'refresh.failed':
      return `Keys${of} could not be loaded: ${safe(event.reason)}; not tried again for ${ms(Math.round(event.retryIn))}`;
    case 'refresh.skipped':
      return `Keys${of} were not fetched again for a token (${event.trigger}): ${SKIPPED[event.reason]}`;
    case 'set.rejected':
      return `Keys${of} were rejected: ${safe(event.reason)}`;
    case 'key.dropped':
      return `A key${of} is not used: ${event.kid === undefined ? 'it' : `"${event.kid}"`} ${safe(event.reason)}`;
    case 'store.failed':
      return event.tampered
        ? `The store holds an entry${of} that none of ours wrote: ${safe(event.reason)}`
        : `The store failed (${event.operation})${of && `, keys${of}`}: ${safe(event.reason)}`;
    case 'token.verified':
      return `Accepted a token${of}`;
    case 'token.rejected':
      return `Rejected a token: ${safe(event.reason)} [${event.code}]`;
  }
}

/** Tokens that were rejected for the same cause. @internal */
export interface RefusalCause {
  readonly name: string;
  readonly count: number;
  readonly reason: string;
  readonly hint: string | undefined;
}

/** The number of causes in one line. */
const MOST_CAUSES = 4;

/**
 * A summary of rejected tokens as one line, the most important cause first.
 *
 * @internal
 */
export function formatRefusals(issuer: string | undefined, causes: readonly RefusalCause[]): string {
  const of = issuer === undefined ? '' : ` of "${safeText(issuer)}"`;
  const listed = causes.slice(0, MOST_CAUSES).map(({ name, count, reason, hint }) => {
    return `${count} ${safe(name)}: ${safe(reason)}${hint ? `; ${safe(hint)}` : ''}`;
  });
  const more = causes.length > MOST_CAUSES ? ` | ${causes.length - MOST_CAUSES} more causes` : '';
  return `Rejected tokens${of}: ${listed.join(' | ')}${more}`;
}

const SKIPPED = {
  budget: 'refetchLimit allows no more at the moment',
  backoff: 'the last attempts failed',
};

/** Kids of events are escaped already. */
function kids(what: string, list: readonly string[]): string {
  if (list.length === 0) return `none ${what}`;
  const named = list.slice(0, MOST_KIDS).map((kid) => `"${kid}"`);
  const more = list.length > MOST_KIDS ? ` and ${list.length - MOST_KIDS} more` : '';
  return `${what} ${named.join(', ')}${more}`;
}

/** A reason may have come from a store's client. */
function safe(reason: string): string {
  const cut = reason.length > MOST_REASON ? `${reason.slice(0, MOST_REASON)}...` : reason;
  return cut.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
