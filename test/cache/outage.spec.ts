import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidJwkSetError, JwksConnectionError } from '../../lib/core/errors.js';
import { testKey, type TestKey } from '../support/keys.js';
import { settle } from '../support/manual-clock.js';
import { HOUR, MINUTE, rig, SECOND, watch, type Rig } from './harness.js';

let key: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
});

const find = async ({ cache }: Rig) => cache.find({ kid: 'a', alg: 'ES256' });

const outages: [string, (rig: Rig) => void][] = [
  ['refuses connections', ({ source }) => source.fails(new JwksConnectionError('connect ECONNREFUSED'))],
  ['resets connections', ({ source }) => source.fails(new JwksConnectionError('read ECONNRESET'))],
  ['hangs', ({ source }) => source.hangs()],
  ['answers 500', ({ source }) => source.fails(new JwksConnectionError('HTTP 500'))],
  ['answers 403', ({ source }) => source.fails(new JwksConnectionError('HTTP 403', { retryable: false }))],
  ['serves HTML', ({ source }) => source.fails(new InvalidJwkSetError('Not JSON'))],
  ['breaks off in the body', ({ source }) => source.fails(new JwksConnectionError('terminated'))],
];

describe.each(outages)('an endpoint that %s for hours', (name, begin) => {
  it('H3, R34: harms no good token to the end of staleIfError, and lets none pass a millisecond longer', async () => {
    const made = rig({ staleIfError: 3 * HOUR });
    const { cache, source, clock } = made;
    source.publishes([key]);
    await cache.get();
    begin(made);
    const end = 10 * MINUTE + 3 * HOUR;
    while (clock.monotonic() < end - 20 * SECOND) {
      await clock.pass('10s');
      const asked = watch(find(made));
      await clock.pass(asked.settled ? 0 : SECOND);
      expect(asked.value?.kid).toBe('a');
    }
    await clock.pass(end - 1 - clock.monotonic());
    const last = watch(find(made));
    expect(cache.status().state).toBe('stale');
    await clock.pass(0);
    expect(last.value?.kid).toBe('a');
    await clock.pass(1);
    const late = watch(find(made));
    await clock.pass('10s');
    expect(late.error).toMatchObject({ code: name === 'serves HTML' ? 'jwks_invalid' : 'jwks_unavailable' });
    expect(cache.status().state).toBe('expired');
    expect(source.mostAtOnce).toBe(1);
  });

  it('G7: is asked as the backoff says, and the recovery noticed within one step of it', async () => {
    const made = rig();
    const { cache, source, clock } = made;
    source.publishes([key]);
    await cache.get();
    begin(made);
    await clock.pass('10m');
    for (let step = 0; step < 5 * 60 * 4; step += 1) {
      void find(made);
      await clock.pass(250);
    }
    const starts = source.times.slice(1);
    const gaps = starts.slice(1).map((start, index) => start - (starts[index] as number));
    const took = made.tellings('refresh.failed').map(({ duration }) => duration);
    gaps.forEach((gap, index) => {
      const waited = gap - (took[index] as number);
      expect(waited).toBeGreaterThanOrEqual(Math.min(60, 2 ** index) * SECOND);
      expect(waited).toBeLessThanOrEqual(Math.min(60, 2 ** index) * SECOND + 250);
    });
    expect(gaps.length).toBeGreaterThan(5);
    await clock.pass('10s');
    source.publishes([key]);
    await clock.pass('60s');
    await find(made);
    expect(cache.status().state).toBe('fresh');
  });
});

describe('attempts during an outage', () => {
  it('are spread by full jitter', async () => {
    const shares = [0.5, 0.1, 0.9];
    const made = rig({ random: () => shares[made.source.loads % 3] as number });
    made.source.fails();
    await made.cache.get().catch(() => undefined);
    await made.clock.pass('1s');
    await made.cache.get().catch(() => undefined);
    expect(made.tellings('refresh.failed').map(({ retryIn }) => retryIn)).toEqual([100, 1_800]);
    expect(made.source.loads).toBe(2);
  });

  it('wait as long as the endpoint asks for, a minute at most', async () => {
    for (const [asked, waited] of [
      [30 * SECOND, 30 * SECOND],
      [HOUR, MINUTE],
    ] as const) {
      const { cache, source, clock } = rig();
      source.publishes([key]);
      await cache.get();
      await clock.pass('10m');
      source.fails(new JwksConnectionError('HTTP 429', { retryAfter: asked }));
      await cache.get();
      source.publishes([key]);
      await clock.pass(waited - 1);
      await cache.get();
      expect(source.loads).toBe(2);
      await clock.pass(1);
      await cache.get();
      expect(source.loads).toBe(3);
    }
  });

  it('start again from the shortest wait after a success', async () => {
    const { cache, source, clock, tellings } = rig();
    for (let failure = 0; failure < 4; failure += 1) {
      source.fails();
      await cache.refresh({ seen: undefined, trigger: 'requested' }).catch(() => undefined);
    }
    source.publishes([key]);
    await cache.refresh({ seen: undefined, trigger: 'requested' });
    source.fails();
    await clock.pass('10m');
    await cache.get();
    expect(tellings('refresh.failed').map(({ retryIn }) => retryIn / SECOND)).toEqual([1, 2, 4, 8, 1]);
  });

  it('are reported one by one, what was not made once per wait', async () => {
    const { cache, source, clock, tellings } = rig();
    source.publishes([key]);
    await cache.get();
    source.fails();
    await clock.pass('10m');
    for (let step = 0; step < 600; step += 1) {
      await cache.get();
      await clock.pass(100);
    }
    const failed = tellings('refresh.failed').length;
    expect(failed).toBeLessThanOrEqual(7);
    expect(tellings('refresh.skipped').length).toBeLessThanOrEqual(failed);
  });
});

describe('a process that starts during an outage', () => {
  it('R33: is served within two seconds of the return at its start, and asks once a second at most', async () => {
    const made = rig();
    const { cache, source, clock } = made;
    source.fails();
    await expect(cache.prefetch()).rejects.toThrow();
    const asked = [];
    for (let step = 0; step < 10; step += 1) {
      asked.push(watch(find(made)));
      await clock.pass(150);
    }
    source.publishes([key]);
    asked.push(watch(find(made)));
    await clock.pass(2 * SECOND);
    // Those of the first second shared the attempt that failed.
    expect(asked.map(({ value }) => value !== undefined)).toEqual([...Array(7).fill(false), ...Array(4).fill(true)]);
    expect(source.loads).toBe(3);
  });
});

describe('a process that stood still', () => {
  it('tries again at once where its timers ran out before the source could answer', async () => {
    const { cache, source, clock, tellings } = rig();
    source.hangs();
    const asked = watch(cache.get());
    await settle();
    source.publishes([key]);
    await clock.stall('1m');
    expect(asked.value).toBeDefined();
    expect(tellings('refresh.failed')).toEqual([]);
    expect(source.loads).toBe(2);
  });

  it('does so once, and fails after a second time', async () => {
    const { cache, source, clock } = rig();
    source.hangs();
    const asked = watch(cache.get());
    await settle();
    await clock.stall('1m');
    expect(asked.settled).toBe(false);
    await clock.stall('1m');
    expect(asked.error).toMatchObject({ code: 'jwks_unavailable' });
    expect(source.loads).toBe(2);
  });
});
