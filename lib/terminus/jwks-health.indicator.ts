import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { JwksService } from '../jwks.service.js';

/** Whose keys are checked. @publicApi */
export interface JwksHealthOptions {
  /** @default all issuers of the module's options; those that a function returns only by name */
  issuer?: string;
}

/**
 * What a health check shows of one issuer: no URL but the issuer, no key, no message of an error.
 *
 * @publicApi
 */
export interface JwksHealthDetail {
  readonly issuer?: string;
  readonly status: 'up' | 'degraded' | 'down';
  /** `fresh`, `refresh-due`, `stale`, `expired` or `empty`. */
  readonly state: string;
  readonly keys: number;
  /** Seconds until the set stops serving unless it is refreshed; absent where it never does. */
  readonly timeLeft?: number;
  /** Code of the last failed load, while the set is stale or missing. */
  readonly lastError?: string;
}

/** Terminus 11 has no such state: it would leave the entry out of its answer. */
interface Degradable<Key extends string> {
  degraded?: (details: Record<string, unknown>) => HealthIndicatorResult<Key>;
}

/**
 * How long a check waits for the refresh that it starts, in milliseconds: the usual timeout of a
 * probe is a second.
 */
const MAX_WAIT = 500;

/**
 * Health of the keys that verify access tokens, for `@nestjs/terminus` 11 and 12.
 *
 * ```ts
 * this.health.check([() => this.jwks.check('jwks')])
 * ```
 *
 * Up while sets are fresh. `degraded` (on Terminus 11: up, with `status: 'degraded'` in the details) while a stale set serves, or while one of
 * several issuers has nothing to serve. Down when no issuer has anything to serve. A check starts the refresh of a stale or missing set, so
 * that a process without traffic recovers too; it waits at most half a second for it.
 *
 * @publicApi
 */
@Injectable()
export class JwksHealthIndicator {
  constructor(
    @Inject(JwksService) private readonly jwks: JwksService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  async check<Key extends string>(key: Key, { issuer }: JwksHealthOptions = {}): Promise<HealthIndicatorResult<Key>> {
    const issuers = (await this.jwks.refreshUnlessFresh(issuer, MAX_WAIT)).map((each) =>
      detailOf(each, this.jwks.telemetry.now()),
    );
    const session = this.indicators.check(key);
    const details = { issuers };
    if (issuers.every(({ status }) => status === 'up')) return session.up(details);
    if (issuers.every(({ status }) => status === 'down')) return session.down(details);
    const { degraded = session.up } = session as unknown as Degradable<Key>;
    return degraded.call(session, details);
  }
}

type Status = Awaited<ReturnType<JwksService['refreshUnlessFresh']>>[number];

const STATUS: Readonly<Record<Status['state'], JwksHealthDetail['status']>> = {
  fresh: 'up',
  'refresh-due': 'up',
  stale: 'degraded',
  expired: 'down',
  empty: 'down',
};

function detailOf({ issuer, state, keys, staleUntil, lastFault }: Status, now: number): JwksHealthDetail {
  const status = STATUS[state];
  return {
    ...(issuer !== undefined && { issuer }),
    status,
    state,
    keys,
    ...(staleUntil !== undefined && { timeLeft: Math.max(0, Math.round((staleUntil - now) / 1000)) }),
    ...(status !== 'up' && lastFault && { lastError: lastFault.code }),
  };
}
