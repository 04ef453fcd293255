import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JwksModule, type JwksModuleOptions } from '../../lib/index.js';
import { JwksHealthIndicator } from '../../lib/terminus/index.js';
import { serviceOf, startIssuer } from '../client/support.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';
import { ManualClock } from '../support/manual-clock.js';

/** Terminus 11 has no such state. */
const KNOWS_DEGRADED = 'degraded' in new HealthIndicatorService().check('x');

function indicatorAt(clock: ManualClock, options: JwksModuleOptions): JwksHealthIndicator {
  return new JwksHealthIndicator(serviceOf(options, clock), new HealthIndicatorService());
}

describe('JwksHealthIndicator', () => {
  it('is up while sets are fresh, and starts with a missing one', async () => {
    const issuer = await startIssuer({ alg: ['RS256', 'ES256'] });
    const health = indicatorAt(new ManualClock(), issuer.options());
    expect(await health.check('jwks')).toEqual({
      jwks: {
        status: 'up',
        issuers: [{ issuer: issuer.issuer, status: 'up', state: 'fresh', keys: 2, timeLeft: 600 + 24 * 3_600 }],
      },
    });
    expect(issuer.jwksRequests).toBe(1);
    await health.check('jwks');
    expect(issuer.jwksRequests).toBe(1);
  });

  it('is degraded while a stale set serves, with the time left, then down, and up again by its own refresh', async () => {
    const issuer = await startIssuer();
    const clock = new ManualClock();
    const health = indicatorAt(clock, { ...issuer.options(), cache: { staleIfError: '1h' }, http: { retries: 0 } });
    await health.check('jwks');
    await issuer.down();
    await clock.pass('11m');
    expect(await health.check('jwks')).toMatchObject({
      jwks: {
        status: KNOWS_DEGRADED ? 'degraded' : 'up',
        issuers: [{ status: 'degraded', state: 'stale', timeLeft: 3_540, lastError: 'jwks_unavailable' }],
      },
    });
    await clock.pass('1h');
    const down = await health.check('jwks');
    expect(down).toMatchObject({ jwks: { status: 'down', issuers: [{ state: 'expired', timeLeft: 0 }] } });
    await issuer.up();
    await clock.pass('2m');
    expect(await health.check('jwks')).toMatchObject({ jwks: { status: 'up', issuers: [{ state: 'fresh' }] } });
  });

  it('heeds the backoff: checks in a row ask a provider that is down once', async () => {
    const issuer = await startIssuer();
    await issuer.status(500);
    const clock = new ManualClock();
    const health = indicatorAt(clock, { ...issuer.options(), http: { retries: 0 } });
    for (let count = 0; count < 5; count += 1)
      expect(await health.check('jwks')).toMatchObject({ jwks: { status: 'down' } });
    expect(issuer.requests).toHaveLength(1);
  });

  it('waits no longer than half a second for a provider that hangs', async () => {
    const issuer = await startIssuer();
    await issuer.slow('1h');
    const clock = new ManualClock();
    const checking = indicatorAt(clock, issuer.options()).check('jwks');
    await clock.pass(500);
    expect(await checking).toMatchObject({ jwks: { status: 'down', issuers: [{ state: 'empty', keys: 0 }] } });
  });

  it('is degraded where one of several issuers has nothing to serve; a check may name one', async () => {
    const [good, bad] = [await startIssuer(), await startIssuer()];
    await bad.down();
    const health = indicatorAt(new ManualClock(), { issuers: [good.options(), bad.options()], http: { retries: 0 } });
    const all = await health.check('jwks');
    expect(all).toMatchObject({ jwks: { issuers: [{ status: 'up' }, { status: 'down' }] } });
    expect(all.jwks.status).toBe(KNOWS_DEGRADED ? 'degraded' : 'up');
    expect(await health.check('jwks', { issuer: good.issuer })).toMatchObject({ jwks: { status: 'up' } });
    expect(await health.check('jwks', { issuer: bad.issuer })).toMatchObject({ jwks: { status: 'down' } });
  });

  it('rejects where the issuer is not one of the module', async () => {
    const issuer = await startIssuer();
    const health = indicatorAt(new ManualClock(), issuer.options());
    await expect(health.check('jwks', { issuer: 'https://typo.example' })).rejects.toMatchObject({
      code: 'issuer_untrusted',
    });
  });

  it('is up for issuers that a function returns, before the first of them was seen', async () => {
    const health = indicatorAt(new ManualClock(), { audience: 'a', issuers: () => undefined });
    expect(await health.check('jwks')).toEqual({ jwks: { status: 'up', issuers: [] } });
  });

  it('shows no secrets: no URL but the issuer, no message of an error', async () => {
    const issuer = await startIssuer();
    await issuer.down();
    const jwksUri = `${issuer.jwksUri}?api-key=secret`;
    const health = indicatorAt(new ManualClock(), { ...issuer.options(), jwksUri, http: { retries: 0 } });
    expect(JSON.stringify(await health.check('jwks'))).not.toMatch(/secret|jwks\?|reached/);
  });

  it('answers for Terminus with 200 while it is up and 503 while it is down', async () => {
    @Controller('health')
    class HealthController {
      constructor(
        private readonly health: HealthCheckService,
        private readonly jwks: JwksHealthIndicator,
      ) {}

      @Get()
      @HealthCheck()
      check() {
        return this.health.check([() => this.jwks.check('jwks')]);
      }
    }
    const issuer = await startIssuer();
    const api = await Api.start(ADAPTERS[0][1], {
      imports: [TerminusModule.forRoot({ logger: false }), JwksModule.forRoot(issuer.options())],
      controllers: [HealthController],
      providers: [JwksHealthIndicator],
    });
    onTestFinished(() => api[Symbol.asyncDispose]());
    expect(await api.call('/health')).toMatchObject({ status: 200, body: { status: 'ok' } });

    const dead = await startIssuer();
    await dead.down();
    const other = await Api.start(ADAPTERS[0][1], {
      imports: [TerminusModule.forRoot({ logger: false }), JwksModule.forRoot(dead.options())],
      controllers: [HealthController],
      providers: [JwksHealthIndicator],
    });
    onTestFinished(() => other[Symbol.asyncDispose]());
    expect(await other.call('/health')).toMatchObject({ status: 503, body: { error: { jwks: { status: 'down' } } } });
  });
});
