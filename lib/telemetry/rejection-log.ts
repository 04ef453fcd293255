import { LRUCache } from 'lru-cache';
import type { JwksEvent } from '../core/events.js';
import { formatRefusals, type RefusalCause } from './event-lines.js';

/** @internal */
export type TokenRejected = Extract<JwksEvent, { type: 'token.rejected' }>;

interface Rejections {
  readonly causes: Map<string, Cause>;
  warnedAt: number;
  debuggedAt: number;
}

interface Cause extends RefusalCause {
  reason: string;
  hint: string | undefined;
  count: number;
  shownAt: number;
}

/** Between two lines of one level about one issuer, in milliseconds. */
const QUIET_FOR = 60_000;
const MAX_ISSUERS = 1_000;
const MAX_CAUSES = 30;

/**
 * Sums rejected tokens by issuer and cause, so that a flood of them is a line a minute. A cause that
 * means misconfiguration is worth a `warn`, the first one at once; the others stay at `debug`, and
 * so does another cause within the same minute. Tokens of no trusted issuer are summed together:
 * anyone can send those.
 *
 * @internal
 */
export class RejectionLog {
  private readonly issuers = new LRUCache<string, Rejections>({ max: MAX_ISSUERS });

  /** The line to write now, if any. `now` is on the monotonic clock. */
  add(event: TokenRejected, now: number, isDebugging: boolean): { level: 'warn' | 'debug'; line: string } | undefined {
    const rejections = this.rejectionsOf(event.issuer ?? '');
    const cause = count(rejections.causes, event);
    const level = levelOf(rejections, cause, event, { now, isDebugging });
    if (!level) return undefined;
    if (level === 'warn') rejections.warnedAt = now;
    else rejections.debuggedAt = now;
    const counted = [...rejections.causes.values()].filter((each) => each.count > 0);
    const line = formatRefusals(event.issuer, [cause, ...counted.filter((each) => each !== cause)]);
    for (const each of counted) Object.assign(each, { count: 0, shownAt: now });
    return { level, line };
  }

  private rejectionsOf(issuer: string): Rejections {
    const known = this.issuers.get(issuer);
    if (known) return known;
    const made: Rejections = {
      causes: new Map(),
      warnedAt: Number.NEGATIVE_INFINITY,
      debuggedAt: Number.NEGATIVE_INFINITY,
    };
    this.issuers.set(issuer, made);
    return made;
  }
}

function levelOf(
  { warnedAt, debuggedAt }: Rejections,
  { shownAt }: Cause,
  event: TokenRejected,
  { now, isDebugging }: { now: number; isDebugging: boolean },
): 'warn' | 'debug' | undefined {
  if (now - warnedAt >= QUIET_FOR && event.misconfiguration) return 'warn';
  const isDue = now - debuggedAt >= QUIET_FOR && now - shownAt >= QUIET_FOR;
  return isDebugging && isDue ? 'debug' : undefined;
}

/**
 * Of each cause the first reason since the last line is kept: explanations cost more than counting.
 */
function count(causes: Map<string, Cause>, event: TokenRejected): Cause {
  const { code, claim } = event;
  const name = claim === undefined ? code : `${code} (${claim})`;
  const key = causes.has(name) || causes.size < MAX_CAUSES ? name : 'other';
  let cause = causes.get(key);
  if (!cause) {
    cause = { name: key, reason: '', hint: undefined, count: 0, shownAt: Number.NEGATIVE_INFINITY };
    causes.set(key, cause);
  }
  if (cause.count === 0) [cause.reason, cause.hint] = [event.reason, event.hint];
  cause.count += 1;
  return cause;
}
