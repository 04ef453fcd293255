import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  lifetimeOf,
  restoredLifetime,
  stateAt,
  wallTimes,
  withoutStaleness,
  type LifetimePolicy,
} from '../../lib/cache/lifetime.js';
import type { FreshnessHints } from '../../lib/sources/jwk-set-source.js';

const MINUTE = 60_000;
const policy: LifetimePolicy = {
  ttl: 10 * MINUTE,
  minTtl: MINUTE,
  maxTtl: 60 * MINUTE,
  respectHeaders: true,
  refreshAhead: 0.8,
  staleIfError: 1_440 * MINUTE,
};
const arrival = { startedAt: 1_000, now: 2_000, jitter: 0 };

const policies: fc.Arbitrary<LifetimePolicy> = fc
  .record({
    ttl: fc.integer({ min: 1, max: 1e8 }),
    bounds: fc.tuple(fc.integer({ min: 1, max: 1e8 }), fc.integer({ min: 1, max: 1e8 })),
    respectHeaders: fc.boolean(),
    refreshAhead: fc.double({ min: 0, max: 1, noNaN: true }),
    staleIfError: fc.integer({ min: 0, max: 1e9 }),
  })
  .map(({ bounds, ...rest }) => ({ ...rest, minTtl: Math.min(...bounds), maxTtl: Math.max(...bounds) }));

const hints: fc.Arbitrary<FreshnessHints> = fc.record(
  {
    maxAge: fc.oneof(fc.double({ min: -1e9, max: 1e12 }), fc.constant(Number.NaN)),
    staleIfError: fc.oneof(fc.double({ min: -1e9, max: 1e12 }), fc.constant(Number.NaN)),
  },
  { requiredKeys: [] },
);

describe('lifetimeOf', () => {
  const fresh = (said: FreshnessHints | undefined, changed: Partial<LifetimePolicy> = {}) =>
    lifetimeOf(said, { ...policy, ...changed }, arrival).freshUntil - arrival.now;

  it.each<[string, FreshnessHints | undefined, number]>([
    ['nothing', undefined, 10 * MINUTE],
    ['nothing about its age', {}, 10 * MINUTE],
    ['something within the bounds', { maxAge: 5 * MINUTE }, 5 * MINUTE],
    ['less than minTtl', { maxAge: 15_000 }, MINUTE],
    ['no-cache, or that it is old', { maxAge: 0 }, MINUTE],
    ['less than nothing', { maxAge: -5 }, MINUTE],
    ['more than maxTtl', { maxAge: 1e12 }, 60 * MINUTE],
    ['junk', { maxAge: Number.NaN }, 10 * MINUTE],
    ['that it never ages', { maxAge: Number.POSITIVE_INFINITY }, Number.POSITIVE_INFINITY],
  ])('keeps an answer fresh that says %s', (_, said, expected) => {
    expect(fresh(said)).toBe(expected);
  });

  it('takes the maxAge of a local source as it is', () => {
    for (const respectHeaders of [true, false]) {
      for (const maxAge of [0, 1_500, 90 * MINUTE])
        expect(fresh({ maxAge, isLocal: true }, { respectHeaders })).toBe(maxAge);
      for (const maxAge of [-1, Number.NaN])
        expect(fresh({ maxAge, isLocal: true }, { respectHeaders })).toBeGreaterThan(0);
    }
  });

  it('ignores what an answer says where headers are not respected', () => {
    const ignoring = { respectHeaders: false };
    expect(fresh({ maxAge: 5 * MINUTE }, ignoring)).toBe(10 * MINUTE);
    const lifetime = lifetimeOf({ maxAge: 90 * MINUTE, staleIfError: 5 }, { ...policy, ...ignoring }, arrival);
    expect(lifetime.staleUntil - lifetime.freshUntil).toBe(policy.staleIfError);
    expect(fresh({ maxAge: Number.POSITIVE_INFINITY }, ignoring)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each<[string, FreshnessHints, number]>([
    ['says nothing', {}, 1_440 * MINUTE],
    ['allows less', { staleIfError: 5 * MINUTE }, 5 * MINUTE],
    ['allows more than the operator', { staleIfError: 1e12 }, 1_440 * MINUTE],
    ['allows nothing', { staleIfError: 0 }, 0],
    ['allows less than nothing', { staleIfError: -1 }, 0],
    ['says junk', { staleIfError: Number.NaN }, 1_440 * MINUTE],
    ['was fresh for longer than maxTtl', { maxAge: 360 * MINUTE }, 300 * MINUTE + 1_440 * MINUTE],
    ['was fresh for a year', { maxAge: 525_600 * MINUTE }, 1_380 * MINUTE + 1_440 * MINUTE],
    ['was fresh for longer, and allows nothing', { maxAge: 360 * MINUTE, staleIfError: 0 }, 0],
  ])('lets an answer serve past its freshness that %s', (_, said, expected) => {
    const { freshUntil, staleUntil } = lifetimeOf(said, policy, arrival);
    expect(staleUntil - freshUntil).toBe(expected);
  });

  it('refreshes from refreshAhead on, less up to a tenth of it', () => {
    const point = (jitter: number, refreshAhead = 0.8) =>
      lifetimeOf(undefined, { ...policy, refreshAhead }, { ...arrival, jitter }).refreshAt - arrival.now;
    expect(point(0)).toBeCloseTo(8 * MINUTE);
    expect(point(1)).toBeCloseTo(7.2 * MINUTE);
    expect(point(1, 1)).toBe(10 * MINUTE);
    expect(point(1, 0)).toBe(0);
  });

  it('counts the age of a set from the start of its load', () => {
    expect(lifetimeOf(undefined, policy, arrival).fetchedAt).toBe(arrival.startedAt);
  });

  it('keeps its times in order and within what the policy allows, whatever is said', () => {
    fc.assert(
      fc.property(policies, hints, fc.double({ min: 0, max: 1, noNaN: true }), (allowed, said, jitter) => {
        const lifetime = lifetimeOf(said, allowed, { ...arrival, jitter });
        const life = lifetime.freshUntil - arrival.now;
        expect(lifetime.refreshAt).toBeLessThanOrEqual(lifetime.freshUntil);
        expect(lifetime.refreshAt).toBeGreaterThanOrEqual(arrival.now);
        expect(life).toBeGreaterThanOrEqual(Math.min(allowed.minTtl, allowed.ttl));
        expect(life).toBeLessThanOrEqual(Math.max(allowed.maxTtl, allowed.ttl));
        expect(lifetime.staleUntil - lifetime.freshUntil).toBeGreaterThanOrEqual(0);
        const longest = Math.max(life, 1_440 * MINUTE) + allowed.staleIfError;
        expect(lifetime.staleUntil - arrival.now).toBeLessThanOrEqual(longest);
        if (allowed.staleIfError === 0) expect(lifetime.staleUntil).toBe(lifetime.freshUntil);
      }),
    );
  });
});

describe('stateAt', () => {
  const lifetime = { fetchedAt: 0, refreshAt: 80, freshUntil: 100, staleUntil: 300 };

  it.each([
    [0, 'fresh'],
    [79, 'fresh'],
    [80, 'refresh-due'],
    [99, 'refresh-due'],
    [100, 'stale'],
    [299, 'stale'],
    [300, 'expired'],
    [1e9, 'expired'],
  ])('at %i is %s', (now, state) => {
    expect(stateAt(lifetime, now)).toBe(state);
  });

  it('is empty where nothing was ever held', () => {
    expect(stateAt(undefined, 0)).toBe('empty');
  });

  it('has no stale service where that was ended', () => {
    expect(stateAt(withoutStaleness(lifetime), 99)).toBe('refresh-due');
    expect(stateAt(withoutStaleness(lifetime), 100)).toBe('expired');
  });

  it('goes one way as time passes', () => {
    const order = ['fresh', 'refresh-due', 'stale', 'expired'];
    const moments = fc.array(fc.integer({ min: 0, max: 1e9 }), { minLength: 2 });
    fc.assert(
      fc.property(policies, hints, moments, (allowed, said, times) => {
        const found = lifetimeOf(said, allowed, { startedAt: 0, now: 0, jitter: 0.5 });
        const states = times.sort((a, b) => a - b).map((now) => order.indexOf(stateAt(found, now)));
        expect(states).toEqual(states.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe('restoredLifetime', () => {
  const moment = { wall: 1_000_000, monotonic: 500 };
  const times = { fetchedAt: 940_000, freshUntil: 1_540_000, staleUntil: 2_000_000 };

  it('puts wall-clock times on the monotonic clock', () => {
    expect(restoredLifetime(times, policy, moment, 0)).toEqual({
      fetchedAt: -59_500,
      refreshAt: -59_500 + 480_000,
      freshUntil: 540_500,
      staleUntil: 1_000_500,
    });
  });

  it('is nothing once it serves no more', () => {
    expect(restoredLifetime(times, policy, { wall: 1_999_999, monotonic: 0 }, 0)).toBeDefined();
    expect(restoredLifetime(times, policy, { wall: 2_000_000, monotonic: 0 }, 0)).toBeUndefined();
  });

  it('comes back as it went', () => {
    const lifetime = { fetchedAt: 100, refreshAt: 420, freshUntil: 500, staleUntil: 900 };
    const strict = { ...policy, ttl: 400, maxTtl: 400, staleIfError: 400 };
    expect(restoredLifetime(wallTimes(lifetime, moment), strict, moment, 0)).toEqual(lifetime);
  });

  it('never allows more than the policy does from now on, whatever an entry says', () => {
    const entry = fc.record({
      fetchedAt: fc.maxSafeInteger(),
      freshUntil: fc.maxSafeInteger(),
      staleUntil: fc.maxSafeInteger(),
    });
    fc.assert(
      fc.property(policies, entry, fc.integer({ min: 0, max: 4e12 }), (allowed, said, wall) => {
        const lifetime = restoredLifetime(said, allowed, { wall, monotonic: 7 }, 0.3);
        if (!lifetime) return;
        const longest = Math.max(allowed.ttl, allowed.maxTtl);
        expect(lifetime.fetchedAt).toBeLessThanOrEqual(7);
        expect(lifetime.freshUntil - 7).toBeLessThanOrEqual(longest);
        expect(lifetime.staleUntil - 7).toBeLessThanOrEqual(Math.max(longest, 1_440 * MINUTE) + allowed.staleIfError);
        expect(lifetime.staleUntil).toBeGreaterThan(7);
      }),
    );
  });
});
