import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InvalidJwkSetError,
  JwksConfigurationError,
  JwksConnectionError,
  TokenExpiredError,
} from '../../lib/core/errors.js';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import { HttpSource } from '../../lib/sources/http-source.js';
import type { SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import { RetryingSource } from '../../lib/sources/retrying-source.js';
import { ScriptedServer } from '../support/http-server.js';
import { testKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { answerOf, expectNoTimers, requestWith, ScriptedSource } from './scripted-source.js';

describe('a source that is asked again', () => {
  let clock: ManualClock;
  let good: SourceAnswer;
  const refused = () => new JwksConnectionError('refused');

  beforeAll(async () => {
    good = answerOf((await testKey()).jwk, 'there');
  });

  beforeEach(() => {
    clock = new ManualClock();
  });

  afterEach(() => expectNoTimers(clock));

  /** `random` is 1, so that each wait is as long as it can be. */
  const retrying = (inner: ScriptedSource, retries = 2, random = () => 1) =>
    new RetryingSource(inner, { retries }, clock, random);

  it('answers at once where nothing goes wrong, and passes the request on as it is', async () => {
    const inner = new ScriptedSource([good]);
    const request = requestWith({ reload: true, previous: { set: good.set, origin: 'there' } });
    expect(await retrying(inner).load(request)).toBe(good);
    expect(inner.requests).toEqual([request]);
  });

  it('is asked again after 200 ms, then after 400 ms, at the latest', async () => {
    const inner = new ScriptedSource([refused(), refused(), good]);
    const load = retrying(inner).load(requestWith());
    await clock.pass(199);
    expect(inner.requests).toHaveLength(1);
    await clock.pass(1);
    expect(inner.requests).toHaveLength(2);
    await clock.pass(399);
    expect(inner.requests).toHaveLength(2);
    await clock.pass(1);
    expect(await load).toBe(good);
  });

  it('is never kept waiting for longer than 2 s', async () => {
    const inner = new ScriptedSource([refused()]);
    const load = retrying(inner, 6).load(requestWith());
    load.catch(() => undefined);
    await clock.pass(200 + 400 + 800 + 1_600 + 2_000);
    expect(inner.requests).toHaveLength(6);
    await clock.pass(2_000);
    await expect(load).rejects.toThrow('refused');
  });

  it('spreads the attempts', async () => {
    const inner = new ScriptedSource([refused(), good]);
    const load = retrying(inner, 2, () => 0.25).load(requestWith());
    await clock.pass(50);
    expect(await load).toBe(good);
  });

  it.each([0, 1, 2, 5])('is asked %i times more, and fails with the last fault', async (retries) => {
    let count = 0;
    const inner = new ScriptedSource([
      () => {
        throw new JwksConnectionError(`fault ${(count += 1)}`);
      },
    ]);
    const load = retrying(inner, retries).load(requestWith());
    load.catch(() => undefined);
    await clock.pass('1m');
    await expect(load).rejects.toThrow(`fault ${retries + 1}`);
    expect(inner.requests).toHaveLength(retries + 1);
  });

  it.each([new InvalidJwkSetError('no set'), new JwksConnectionError('wrong certificate', { retryable: false })])(
    'is not asked again where that cannot help: $message',
    async (fault) => {
      const inner = new ScriptedSource([fault]);
      await expect(retrying(inner).load(requestWith())).rejects.toBe(fault);
      expect(inner.requests).toHaveLength(1);
    },
  );

  it('is left alone for as long as it asks for, up to 2 s', async () => {
    const inner = new ScriptedSource([new JwksConnectionError('busy', { retryAfter: 2_000 }), good]);
    const load = retrying(inner).load(requestWith());
    await clock.pass(1_999);
    expect(inner.requests).toHaveLength(1);
    await clock.pass(1);
    expect(await load).toBe(good);
  });

  it('is not asked again in this load where it asks for more than 2 s, and the fault says for how long', async () => {
    const inner = new ScriptedSource([new JwksConnectionError('busy', { retryAfter: 2_001 })]);
    await expect(retrying(inner).load(requestWith())).rejects.toMatchObject({ retryAfter: 2_001 });
    expect(inner.requests).toHaveLength(1);
  });

  it('is not asked again once its answer is of no use', async () => {
    const controller = new AbortController();
    const inner = new ScriptedSource([refused()]);
    const load = retrying(inner).load(requestWith({ signal: controller.signal }));
    await settle();
    controller.abort(new Error('too late'));
    await expect(load).rejects.toThrow('refused');
    await expect(retrying(inner).load(requestWith({ signal: controller.signal }))).rejects.toThrow('refused');
    expect(inner.requests).toHaveLength(2);
  });

  it.each([
    new Error('mine'),
    new TypeError('mine'),
    new TokenExpiredError(),
    new JwksConfigurationError('mine'),
    Object.create(null),
  ])('turns anything else that it throws into a connection fault', async (thrown) => {
    const inner = new ScriptedSource([
      () => {
        throw thrown;
      },
    ]);
    const error: unknown = await retrying(inner)
      .load(requestWith())
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'jwks_unavailable', retryable: false, failsOver: true });
    expect((error as Error).cause).toBe(thrown);
    expect(inner.requests).toHaveLength(1);
  });

  it.each([undefined, null, {}, { set: { keys: [] }, origin: 'there' }, 'set'])(
    'takes the answer %j for a fault',
    async (junk) => {
      await expect(retrying(new ScriptedSource([() => junk])).load(requestWith())).rejects.toMatchObject({
        code: 'jwks_unavailable',
        retryable: false,
      });
    },
  );

  describe('for its document', () => {
    it('is asked again in the same way', async () => {
      const fetchDocument = vi
        .fn<() => Promise<unknown>>()
        .mockRejectedValueOnce(refused())
        .mockResolvedValue({ keys: [] });
      const inner = Object.assign(new ScriptedSource([good]), { fetchDocument });
      const document = retrying(inner).fetchDocument(requestWith());
      await clock.pass(200);
      expect(await document).toEqual({ keys: [] });
    });

    it('returns its usable keys where it knows no document', async () => {
      expect(await retrying(new ScriptedSource([good])).fetchDocument(requestWith())).toEqual(good.set.toJSON());
    });
  });

  it('closes what it asks', async () => {
    const inner = new ScriptedSource([good]);
    await retrying(inner).close();
    expect(inner.closed).toBe(1);
  });

  it('R38: gets over a kept connection that the server has dropped in the meantime', async () => {
    const server = await ScriptedServer.start();
    try {
      server.on('/jwks', { body: { keys: [(await testKey()).jwk] } });
      const settings = { uri: server.url('/jwks'), headers: {}, timeout: 5_000, maxResponseSize: 1_048_576 };
      const http = new HttpSource(settings, createTransport({ allowPrivateAddresses: true, proxy: false }), clock);
      const source = new RetryingSource(http, { retries: 1 }, clock, () => 0);
      await source.load(requestWith());
      server.once('/jwks', { fault: 'reset' });
      const load = source.load(requestWith());
      while (server.requests.length < 3) await clock.pass(1);
      expect((await load).set.size).toBe(1);
      expect(server.requests).toHaveLength(3);
    } finally {
      await server.close();
    }
  });
});
