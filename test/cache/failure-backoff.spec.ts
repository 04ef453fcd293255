import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailureBackoff } from '../../lib/cache/failure-backoff.js';
import { InvalidJwkSetError, JwksConnectionError } from '../../lib/core/errors.js';
import { ManualClock } from '../support/manual-clock.js';

const fault = (retryAfter?: number) => new JwksConnectionError('HTTP 503', { retryAfter });

describe('FailureBackoff', () => {
  it('waits for nothing before the first failure', () => {
    expect(new FailureBackoff(new ManualClock(), () => 1).timeLeft).toBe(0);
  });

  it('doubles from one second to sixty, and starts again after a success', () => {
    const backoff = new FailureBackoff(new ManualClock(), () => 1);
    const delays = Array.from({ length: 8 }, () => {
      backoff.failed(fault());
      return backoff.timeLeft / 1_000;
    });
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    backoff.succeeded();
    expect(backoff.timeLeft).toBe(0);
    backoff.failed(fault());
    expect(backoff.timeLeft).toBe(1_000);
  });

  it.each([
    ['a longer time', 30_000, 30_000],
    ['a shorter time than the delay', 10, 1_000],
    ['more than a minute', 120_000, 60_000],
    ['an hour', 3_600_000, 60_000],
    ['ever', Number.POSITIVE_INFINITY, 60_000],
    ['junk', Number.NaN, 1_000],
    ['a time in the past', -5, 1_000],
  ])('heeds a source that asks for %s', (_, asked, expected) => {
    const backoff = new FailureBackoff(new ManualClock(), () => 1);
    backoff.failed(fault(asked));
    expect(backoff.timeLeft).toBe(expected);
  });

  it.each([
    [undefined, 1_000],
    [10, 1_000],
    [1_500, 1_500],
    [3_600_000, 2_000],
    [Number.POSITIVE_INFINITY, 2_000],
    [Number.NaN, 1_000],
  ])('lets a request that needs keys try again within two seconds, with Retry-After %s', async (asked, expected) => {
    const clock = new ManualClock();
    const backoff = new FailureBackoff(clock, () => 1);
    for (let count = 0; count < 20; count += 1) backoff.failed(fault(asked));
    expect(backoff.timeLeftIfNeeded).toBe(expected);
    await clock.pass(expected);
    expect(backoff.timeLeftIfNeeded).toBe(0);
    expect(backoff.timeLeft).toBeGreaterThan(0);
  });

  it('spreads the delay over the whole interval', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 100 }),
        (share, count) => {
          const backoff = new FailureBackoff(new ManualClock(), () => share);
          for (let index = 0; index < count; index += 1) backoff.failed(fault());
          const ceiling = Math.min(60_000, 1_000 * 2 ** (count - 1));
          expect(backoff.timeLeft).toBe(Math.round(ceiling * share));
        },
      ),
    );
  });

  it('rejects with the time that is left and the last fault', async () => {
    const clock = new ManualClock();
    const backoff = new FailureBackoff(clock, () => 1);
    const last = fault();
    backoff.failed(last);
    await clock.pass(400);
    const toError = backoff.toError();
    expect(toError).toMatchObject({ code: 'jwks_unavailable', retryAfter: 600 });
    expect(toError.cause).toBe(last);
  });

  it('rejects as what still holds: a source that answered with junk is not one that is away', () => {
    const backoff = new FailureBackoff(new ManualClock(), () => 1);
    backoff.failed(new InvalidJwkSetError('Not JSON'));
    expect(backoff.toError()).toMatchObject({ name: 'InvalidJwkSetError', retryAfter: 1_000 });
  });
});
