import { Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';
import type { JwksEvent, JwksEvents } from '../core/events.js';
import { formatEvent } from './event-lines.js';
import { RejectionLog } from './rejection-log.js';

/** What is used of Nest's Logger. @internal */
export type EventLogger = Pick<Logger, 'error' | 'warn' | 'log' | 'debug'>;

/** How long the same kind of trouble with the same issuer is not logged again, in milliseconds. */
const QUIET_FOR = 60_000;
/** As many issuers as a module remembers, with a few kinds of trouble each. */
const MAX_TROUBLES = 4_000;

/**
 * Writes to Nest's Logger what happens: rotation and recovery at `log`, failures at `warn` (the
 * first, then once a minute for each issuer and kind), the end of a set's service and store entries
 * with a wrong HMAC at `error`, rejected tokens as {@link RejectionLog} sums them. Returns the
 * function that ends it.
 *
 * @internal
 */
export function logEvents(events: JwksEvents, clock: Clock, logger: EventLogger): () => void {
  const log = new EventLog(clock, logger);
  return events.subscribe(
    (event) => (event.type === 'token.rejected' ? log.rejected(event) : log.report(event)),
    (type) => type !== 'token.verified',
  );
}

function isDebugging(): boolean {
  // Nest 11 calls no level enabled, not even `fatal`, where none was set: it then writes all.
  return Logger.isLevelEnabled('debug') || !Logger.isLevelEnabled('fatal');
}

class EventLog {
  /** When each kind of trouble was last logged, and how often it came since. */
  private readonly troubles = new LRUCache<string, { reportedAt: number; suppressed: number }>({ max: MAX_TROUBLES });
  private readonly rejections = new RejectionLog();
  /** Issuers whose last load failed. */
  private readonly failing = new LRUCache<string, true>({ max: MAX_TROUBLES });

  constructor(
    private readonly clock: Clock,
    private readonly logger: EventLogger,
  ) {}

  report(event: JwksEvent): void {
    const issuer = event.issuer ?? '';
    switch (event.type) {
      case 'set.loaded':
      case 'set.unchanged':
        if (this.failing.delete(issuer)) this.logger.log(formatEvent(event));
        break;
      case 'set.rotated':
        this.logger.log(formatEvent(event));
        break;
      case 'refresh.failed':
        this.failing.set(issuer, true);
        this.warnThrottled('warn', event, event.code);
        break;
      case 'key.dropped':
        // A key for encryption is no mistake: many identity providers publish theirs.
        if (event.reason.startsWith('has the use ')) this.debug(event);
        else this.warnThrottled('warn', event);
        break;
      case 'store.failed':
        this.warnThrottled(event.tampered ? 'error' : 'warn', event, event.operation);
        break;
      case 'set.stale':
        this.warnThrottled('warn', event);
        break;
      case 'set.expired':
        this.failing.set(issuer, true);
        this.warnThrottled('error', event);
        break;
      case 'refresh.skipped':
        // Failed attempts, which the backoff comes from, are logged as such.
        if (event.reason === 'budget') this.warnThrottled('warn', event);
        break;
      default:
        // `set.rejected` comes with a `refresh.failed` that says the same.
        break;
    }
  }

  rejected(event: Extract<JwksEvent, { type: 'token.rejected' }>): void {
    // An outage is logged with the failed load.
    if (event.code.startsWith('jwks_')) return;
    const due = this.rejections.add(event, this.clock.monotonic(), isDebugging());
    if (due) this.logger[due.level](due.line);
  }

  private debug(event: JwksEvent): void {
    if (isDebugging()) this.logger.debug(formatEvent(event));
  }

  private warnThrottled(level: 'warn' | 'error', event: JwksEvent, kind = ''): void {
    const key = JSON.stringify([level, event.type, event.issuer, kind]);
    const now = this.clock.monotonic();
    const trouble = this.troubles.get(key);
    if (trouble && now - trouble.reportedAt < QUIET_FOR) {
      trouble.suppressed += 1;
      return;
    }
    this.troubles.set(key, { reportedAt: now, suppressed: 0 });
    this.logger[level](
      formatEvent(event) + (trouble?.suppressed ? ` (and ${trouble.suppressed} times since it was last logged)` : ''),
    );
  }
}
