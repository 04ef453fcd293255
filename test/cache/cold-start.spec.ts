import { beforeAll, describe, expect, it } from 'vitest';
import { JwkSetCache } from '../../lib/cache/jwk-set-cache.js';
import { InvalidJwkSetError, JwksConnectionError } from '../../lib/core/errors.js';
import { JwksEvents } from '../../lib/core/events.js';
import type { LoadRequest } from '../../lib/sources/jwk-set-source.js';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import { HttpSource } from '../../lib/sources/http-source.js';
import { RetryingSource } from '../../lib/sources/retrying-source.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { HOUR, MINUTE, SECOND, seeded, SETTINGS, watch } from './harness.js';

let key: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'a');
});

/** What a provider may answer while it is down, at random. */
const FAULTS = [
  new JwksConnectionError('connect ECONNREFUSED'),
  new JwksConnectionError('HTTP 500'),
  new JwksConnectionError('HTTP 503', { retryAfter: 3 * SECOND }),
  new JwksConnectionError('HTTP 429', { retryAfter: HOUR }),
  new JwksConnectionError('HTTP 404', { retryable: false }),
  new InvalidJwkSetError('Not JSON'),
];

/** A cache over a source with the usual retries, which notes loads within a second of a failed one. */
class ColdProcess {
  readonly clock = new ManualClock(undefined, () => new Promise(setImmediate));
  readonly provider = new ScriptedSource(this.clock);
  readonly hasty: number[] = [];
  readonly cache: JwkSetCache;
  private readonly inner: RetryingSource;
  private failedAt = Number.NEGATIVE_INFINITY;

  constructor(random: () => number) {
    const { clock } = this;
    this.inner = new RetryingSource(this.provider, { retries: 2 }, clock, random);
    this.cache = new JwkSetCache(SETTINGS, { source: this, clock, events: new JwksEvents(), random });
    this.provider.answers(async () => {
      throw FAULTS[Math.floor(random() * FAULTS.length)];
    });
  }

  async load(request: LoadRequest) {
    const now = this.clock.monotonic();
    if (now - this.failedAt < SECOND) this.hasty.push(now);
    return this.inner.load(request).catch((fault: unknown) => {
      this.failedAt = this.clock.monotonic();
      throw fault;
    });
  }

  ask() {
    return watch(Promise.resolve(this.cache.findByKid('a')));
  }
}

describe('a process that starts while the provider takes requests and answers none', () => {
  it.each([7 * SECOND, MINUTE, 10 * MINUTE])('has keys within two seconds of the recovery after %i ms', async (end) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seeded(seed);
      const clock = new ManualClock(undefined, () => new Promise(setImmediate));
      const fetch = async (_url: unknown, { signal }: RequestInit) => {
        if (clock.monotonic() >= end) return Response.json({ keys: [key.jwk] });
        return new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      };
      const http = new HttpSource(
        { uri: 'http://127.0.0.1/jwks', headers: {}, timeout: 5 * SECOND, maxResponseSize: 1_000_000 },
        createTransport({ allowPrivateAddresses: true, fetch: fetch as typeof globalThis.fetch }),
        clock,
      );
      const source = new RetryingSource(http, { retries: 2 }, clock, random);
      const cache = new JwkSetCache(SETTINGS, { source, clock, events: new JwksEvents(), random });
      await clock.pass(Math.ceil(random() * SECOND));
      while (clock.monotonic() < end + 2 * SECOND) {
        void watch(cache.get());
        const next = clock.monotonic() < end ? end : end + 2 * SECOND;
        await clock.pass(Math.min(Math.ceil(random() * SECOND), next - clock.monotonic()));
      }
      expect({ seed, canServe: cache.canServe }).toEqual({ seed, canServe: true });
      cache.close();
    }
  });
});

describe('a process that starts during an outage', () => {
  it.each([
    ['5 s', 5 * SECOND],
    ['60 s', MINUTE],
    ['10 min', 10 * MINUTE],
  ])('of %s serves all requests from the recovery on, within two seconds of it, in 100 of 100 runs', async (_, end) => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = seeded(seed);
      const process = new ColdProcess(random);
      const { cache, clock, hasty, provider } = process;
      const asked = [];
      while (clock.monotonic() < end) {
        asked.push(process.ask());
        // Ever more often towards the end, which is what counts.
        const left = end - clock.monotonic();
        await clock.pass(Math.min(Math.ceil(random() * Math.max(1_500, left / 5)), left));
      }
      const waiting = asked.filter(({ settled }) => !settled);
      provider.publishes([key]);
      for (let step = 0; step < 20; step += 1) {
        waiting.push(process.ask());
        await clock.pass(100);
      }
      const notServed = waiting.filter(({ value }) => value === undefined).length;
      expect({ seed, hasty, notServed }).toEqual({ seed, hasty: [], notServed: 0 });
      cache.close();
    }
  });
});
