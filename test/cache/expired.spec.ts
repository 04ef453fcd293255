import { beforeAll, describe, expect, it, vi } from 'vitest';
import { JwksConnectionError } from '../../lib/core/errors.js';
import type { LoadTracer } from '../../lib/core/load-tracer.js';
import { JwksEvents } from '../../lib/core/events.js';
import { JwkSetCache } from '../../lib/cache/jwk-set-cache.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { rig, SETTINGS, watch } from './harness.js';

const issuer = 'https://id.example.com/';
let key: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
});

describe('set.expired', () => {
  it('is emitted once, with the first look-up that gets nothing, and again after a recovery', async () => {
    const made = rig({ staleIfError: 1_000 });
    made.source.publishes([key]);
    await made.cache.get();
    for (let times = 1; times <= 2; times += 1) {
      made.source.fails(new JwksConnectionError('down'));
      await made.clock.pass('11m');
      for (let count = 0; count < 3; count += 1) {
        const asked = watch(made.cache.get());
        await made.clock.pass('1s');
        expect(asked.error).toBeDefined();
      }
      expect(made.tellings('set.expired')).toHaveLength(times);
      made.source.publishes([key]);
      await made.clock.pass('2m');
      await made.cache.get();
    }
    expect(made.tellings('set.expired')[0]).toEqual({ type: 'set.expired', issuer });
  });

  it('is not emitted where the first look-up after a quiet time gets a new set', async () => {
    const made = rig({ staleIfError: 1_000 });
    made.source.publishes([key]);
    await made.cache.get();
    await made.clock.pass('1h');
    await made.cache.get();
    expect(made.tellings('set.expired')).toEqual([]);
  });

  it('is not emitted for a set that was never loaded', async () => {
    const made = rig();
    made.source.fails(new JwksConnectionError('down'));
    await made.cache.get().catch(() => undefined);
    expect(made.tellings('set.expired')).toEqual([]);
  });
});

describe('a tracer', () => {
  it('runs each load from the source, with its issuer, trigger and outcome', async () => {
    const clock = new ManualClock();
    const source = new ScriptedSource(clock);
    const events = new JwksEvents();
    const outcomes: string[] = [];
    const trace = vi.fn<LoadTracer['trace']>(async (_load, work, outcomeOf) => {
      const result = await work();
      outcomes.push(outcomeOf(result));
      return result;
    });
    events.tracer = { trace } as LoadTracer;
    const cache = new JwkSetCache(SETTINGS, { source, clock, events, random: () => 1 });
    source.publishes([key]);
    await cache.get();
    await cache.get();
    expect(trace.mock.calls.map(([load]) => load)).toEqual([{ issuer, trigger: 'missing' }]);
    expect(outcomes).toEqual(['loaded']);
  });
});
