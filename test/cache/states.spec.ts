import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidJwkSetError, JwksConnectionError } from '../../lib/core/errors.js';
import { NotAskedError } from '../../lib/sources/source-faults.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { testKey, type TestKey } from '../support/keys.js';
import { settle } from '../support/manual-clock.js';
import { HOUR, MINUTE, rig, SECOND, watch } from './harness.js';

let key: TestKey;
let next: TestKey;

beforeAll(async () => {
  key = await testKey('ES256', 'old');
  next = await testKey('ES256', 'new');
});

const selector = (of: TestKey) => ({ kid: of.kid, alg: of.alg });

describe('an empty cache', () => {
  it('holds nothing and starts nothing until it is asked', async () => {
    const { cache, source, clock } = rig();
    expect(cache.current()).toBeUndefined();
    await clock.pass('1h');
    expect(source.loads).toBe(0);
    expect(cache.status().state).toBe('empty');
  });

  it('G10: makes one load for a thousand who ask at once, for the set, for the same key, for different keys', async () => {
    const { cache, source } = rig();
    source.publishes([key, next]);
    const asked = Array.from({ length: 1_000 }, (_, index) =>
      index % 3 === 0 ? cache.get() : cache.find(selector(index % 3 === 1 ? key : next)),
    );
    await Promise.all(asked);
    expect(source.loads).toBe(1);
    expect(source.requests[0]).toMatchObject({ reload: false, previous: undefined });
  });

  it('fails with the fault of the source, and makes those who come before the next attempt wait for it', async () => {
    const { cache, source, clock, tellings } = rig();
    const fault = new JwksConnectionError('HTTP 500');
    source.fails(fault);
    await expect(cache.get()).rejects.toBe(fault);
    await clock.pass(400);
    const asked = Array.from({ length: 1_000 }, (_, index) =>
      watch<unknown>(index % 2 ? cache.get() : Promise.resolve(cache.find(selector(key)))),
    );
    await clock.pass(599);
    expect(asked.filter(({ settled }) => settled)).toEqual([]);
    expect(clock.pending).toBe(2);
    source.publishes([key]);
    await clock.pass(1);
    expect(asked.filter(({ value }) => value !== undefined)).toHaveLength(1_000);
    expect(source.loads).toBe(2);
    expect(tellings('refresh.skipped')).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('fails those who waited when the next attempt fails, and not again before the one after it', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.get().catch(() => undefined);
    const fault = new JwksConnectionError('HTTP 502');
    source.fails(fault);
    const asked = [watch(cache.get()), watch(cache.get())];
    await clock.pass('1s');
    expect(asked.map(({ error }) => error)).toEqual([fault, fault]);
    const later = watch(cache.get());
    await clock.pass(999);
    expect(later.settled).toBe(false);
    expect(source.loads).toBe(2);
  });

  it('keeps a caller two seconds at most until the next attempt, whatever the source asks for', async () => {
    const { cache, source, clock } = rig();
    source.fails(new JwksConnectionError('HTTP 503', { retryAfter: 30 * SECOND }));
    await cache.get().catch(() => undefined);
    source.publishes([key]);
    const asked = watch(cache.get());
    await clock.pass(2 * SECOND);
    expect(asked.value).toBeDefined();
  });

  it('keeps a caller no longer than the deadline in all, where the next attempt hangs', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.get().catch(() => undefined);
    source.hangs();
    const asked = watch(cache.get());
    await clock.pass(5 * SECOND);
    const later = watch(cache.get());
    await clock.pass(5 * SECOND - 1);
    expect(asked.settled).toBe(false);
    await clock.pass(1);
    expect(asked.error).toMatchObject({ code: 'jwks_unavailable' });
    expect(later.settled).toBe(false);
    await clock.pass('1s');
    expect(later.error).toMatchObject({ code: 'jwks_unavailable' });
    expect(clock.pending).toBe(0);
  });

  it('joins an attempt that a caller has requested meanwhile, and waits for the next one where that fails', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.get().catch(() => undefined);
    const asked = watch(cache.get());
    await clock.pass(500);
    await cache.refresh({ seen: undefined, trigger: 'requested' }).catch(() => undefined);
    await clock.pass(999);
    expect(asked.settled).toBe(false);
    source.publishes([key]);
    await clock.pass(1);
    expect(asked.value).toBeDefined();
    expect(source.loads).toBe(3);
  });

  it.each<[string, object, JwksConnectionError]>([
    ['another member can be asked', { waitsForNextAttempt: false }, new JwksConnectionError('HTTP 500')],
    ['too little of the deadline would be left', { deadline: 1_100 }, new JwksConnectionError('HTTP 500')],
    ['a limit of this process kept the source from being asked', {}, new NotAskedError('Too many')],
  ])('keeps no caller waiting where %s, and says how much time is left', async (_, settings, fault) => {
    const { cache, source, clock, tellings } = rig(settings);
    source.fails(fault);
    await expect(cache.get()).rejects.toBe(fault);
    await clock.pass(400);
    const refusal = await Promise.resolve(cache.find(selector(key))).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'jwks_unavailable', retryAfter: 600 });
    expect((refusal as Error).cause).toBe(fault);
    expect(source.loads).toBe(1);
    expect(tellings('refresh.skipped')).toMatchObject([{ trigger: 'missing', reason: 'backoff' }]);
    expect(clock.pending).toBe(0);
  });

  it('heals by itself once the backoff is over', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.get().catch(() => undefined);
    source.publishes([key]);
    await clock.pass('1s');
    await expect(cache.get()).resolves.toBeInstanceOf(JwkSet);
  });

  it('waits for an attempt that a caller has requested, though it would not make one itself', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.get().catch(() => undefined);
    source.publishes([key]);
    source.latency = 100;
    const requested = watch(cache.refresh({ seen: undefined, trigger: 'requested' }));
    const asked = watch(cache.get());
    await clock.pass(100);
    expect(requested.value).toBeDefined();
    expect(asked.value).toBe(requested.value);
    expect(source.loads).toBe(2);
  });

  it('waits no longer than the deadline for a source that never answers, and drops what comes later', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    const release = source.holdOpen();
    const waiting = watch(cache.get());
    await clock.pass(10 * SECOND - 1);
    expect(waiting.settled).toBe(false);
    await clock.pass(1);
    expect(waiting.error).toMatchObject({ code: 'jwks_unavailable', message: expect.stringContaining('timed out') });
    expect(source.requests[0]?.signal.aborted).toBe(true);
    release();
    await settle();
    expect(cache.current()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it.each<[string, unknown, string]>([
    ['throws something of its own', new TypeError('x is not a function'), 'jwks_unavailable'],
    ['throws nothing at all', undefined, 'jwks_unavailable'],
    ['throws a fault', new InvalidJwkSetError('Not JSON'), 'jwks_invalid'],
  ])('turns what a source throws into a fault of the source that %s', async (_, thrown, code) => {
    const { cache, source } = rig();
    source.fails(thrown);
    await expect(cache.get()).rejects.toMatchObject({ code });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no set', { origin: 'x' }],
    ['a set that was not judged', { set: { keys: [] }, origin: 'x' }],
  ])('rejects a source that returns %s', async (_, answer) => {
    const { cache, source } = rig();
    source.answers(async () => answer as never);
    await expect(cache.get()).rejects.toThrow(InvalidJwkSetError);
  });

  it('survives a source that throws at once', async () => {
    const { cache, source } = rig();
    source.load = () => {
      throw new Error('sync');
    };
    await expect(cache.get()).rejects.toThrow(JwksConnectionError);
  });
});

describe('a fresh set', () => {
  it('serves synchronously, the very same set, without another load', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass(7.2 * MINUTE - 1);
    expect(cache.current()).toBe(set);
    expect(cache.find(selector(key))).toBe(set.get('old'));
    expect(cache.findByKid('old')).toBe(set.get('old'));
    expect(source.loads).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('stays fresh for as long as the answer says, within the bounds', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key], { maxAge: 30 * MINUTE });
    await cache.get();
    await clock.pass(0.72 * 30 * MINUTE - 1);
    expect(cache.status().state).toBe('fresh');
    await clock.pass(2);
    expect(cache.status().state).toBe('refresh-due');
  });

  it('that never ages is never loaded again', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key], { maxAge: Number.POSITIVE_INFINITY });
    await cache.get();
    await clock.pass('10000d');
    expect(cache.current()).toBeDefined();
    expect(source.loads).toBe(1);
    expect(cache.status()).not.toHaveProperty('freshUntil');
  });

  it('R24, R25: does not care for a wall clock that is set back or forward', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    await cache.get();
    clock.jump(-24 * HOUR);
    await clock.pass(7.2 * MINUTE - 1);
    expect(cache.status().state).toBe('fresh');
    clock.jump(72 * HOUR);
    expect(cache.status().state).toBe('fresh');
    await clock.pass(2);
    expect(cache.status().state).toBe('refresh-due');
    clock.jump(-24 * HOUR);
    await clock.pass('25h');
    expect(cache.status().state).toBe('expired');
  });
});

describe('a set that is due for a refresh', () => {
  it('serves at once and is refreshed behind, by one load for all', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('8m');
    source.latency = 500;
    for (let index = 0; index < 100; index += 1) expect(cache.current()).toBe(set);
    await settle();
    expect(source.loads).toBe(2);
    await clock.pass(500);
    expect(cache.status().state).toBe('fresh');
    expect(cache.current()).toBe(set);
    expect(source.loads).toBe(2);
  });

  it('serves on when the refresh fails, quietly, and tries again after the backoff', async () => {
    const { cache, source, clock, tellings } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('8m');
    source.fails();
    expect(cache.current()).toBe(set);
    await settle();
    for (let index = 0; index < 100; index += 1) expect(cache.current()).toBe(set);
    expect(source.loads).toBe(2);
    expect(tellings('refresh.failed')).toMatchObject([
      { trigger: 'refresh-due', code: 'jwks_unavailable', retryIn: 1_000 },
    ]);
    expect(tellings('refresh.skipped')).toMatchObject([{ trigger: 'refresh-due', reason: 'backoff' }]);
    await clock.pass('1s');
    cache.current();
    await settle();
    expect(source.loads).toBe(3);
  });

  it('asks with what it needs for a conditional request, and is renewed by a 304', async () => {
    const { cache, source, clock, tellings } = rig();
    source.etag = '"1"';
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('8m');
    cache.current();
    await settle();
    expect(source.requests[1]?.previous).toMatchObject({ set, origin: 'scripted', etag: '"1"' });
    expect(cache.current()).toBe(set);
    expect(cache.status().state).toBe('fresh');
    expect(tellings('set.unchanged')).toHaveLength(1);
  });

  it('asks conditionally for a refresh that the application wants, past every cache on the way', async () => {
    const { cache, source } = rig();
    source.etag = '"1"';
    source.publishes([key]);
    const set = await cache.get();
    expect(await cache.refresh({ seen: set, trigger: 'requested' })).toBe(set);
    expect(source.requests[1]).toMatchObject({ reload: true, previous: { etag: '"1"' } });
  });

  it('keeps the validators of an answer that a 304 without any confirms', async () => {
    const { cache, source, clock } = rig();
    const set = JwkSet.parse({ keys: [key.jwk] });
    source.answers(async ({ previous }) =>
      previous ? { set, origin: 'x', notModified: true } : { set, origin: 'x', etag: '"1"', lastModified: 'then' },
    );
    await cache.get();
    for (let round = 0; round < 2; round += 1) {
      await clock.pass('8m');
      cache.current();
      await settle();
    }
    expect(source.requests[2]?.previous).toMatchObject({ etag: '"1"', lastModified: 'then' });
  });
});

describe('constant traffic over twenty lives of a set, with an endpoint that takes 500 ms', () => {
  it('waits once, and fetches once per life', async () => {
    const { cache, source, clock } = rig({ random: Math.random });
    source.publishes([key]);
    source.latency = 500;
    const first = watch(cache.get());
    await clock.pass(500);
    expect(first.settled).toBe(true);
    let lives = 0;
    let waited = 0;
    let fetchedAt = cache.status().fetchedAt;
    while (lives < 20) {
      await clock.pass(5 * SECOND);
      if (!cache.current()) waited += 1;
      const seen = cache.status().fetchedAt;
      if (seen !== fetchedAt) lives += 1;
      fetchedAt = seen;
    }
    expect(waited).toBe(0);
    expect(source.loads).toBe(1 + lives);
    expect(source.mostAtOnce).toBe(1);
  });
});

describe('a stale set', () => {
  it('waits for one attempt that all share, and serves what it brings', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    await cache.get();
    await clock.pass('10m');
    source.publishes([next]);
    source.latency = 999;
    expect(cache.current()).toBeUndefined();
    const asked = Array.from({ length: 50 }, () => watch(cache.get()));
    await clock.pass(998);
    expect(asked.some(({ settled }) => settled)).toBe(false);
    await clock.pass(1);
    expect(asked.every(({ value }) => value?.get('new'))).toBe(true);
    expect(source.loads).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it('serves the old set after a second at most, and from then on at once while that attempt runs', async () => {
    const { cache, source, clock, tellings } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('10m');
    source.hangs();
    const early = watch(cache.get());
    await clock.pass(600);
    const late = watch(cache.get());
    await clock.pass(399);
    expect(early.settled || late.settled).toBe(false);
    await clock.pass(1);
    expect(early.value).toBe(set);
    expect(late.value).toBe(set);
    expect(cache.current()).toBe(set);
    expect(source.loads).toBe(2);
    expect(tellings('set.stale')).toMatchObject([{ timeLeft: 24 * HOUR - SECOND }]);
  });

  it('counts that second from the start of the attempt, which may have been made while it was due for a refresh', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass(10 * MINUTE - 600);
    source.hangs();
    expect(cache.current()).toBe(set);
    await clock.pass(700);
    const asked = watch(cache.get());
    await clock.pass(299);
    expect(asked.settled).toBe(false);
    await clock.pass(1);
    expect(asked.value).toBe(set);
  });

  it('serves the old set as soon as the attempt fails, and synchronously while backing off', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('10m');
    source.fails();
    await expect(cache.get()).resolves.toBe(set);
    for (let index = 0; index < 100; index += 1) expect(cache.current()).toBe(set);
    expect(cache.find(selector(key))).toBe(set.get('old'));
    expect(source.loads).toBe(2);
    await clock.pass('1s');
    expect(cache.current()).toBeUndefined();
    await expect(cache.find(selector(key))).resolves.toBe(set.get('old'));
    expect(source.loads).toBe(3);
  });

  it('serves the old set even where the backoff is over at once', async () => {
    const { cache, source, clock } = rig({ random: () => 0 });
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('10m');
    source.fails();
    await expect(cache.get()).resolves.toBe(set);
    expect(source.loads).toBe(2);
  });

  it('reports once that it serves, and again after it was fresh in between', async () => {
    const { cache, source, clock, tellings } = rig();
    source.publishes([key]);
    await cache.get();
    source.fails();
    for (let minute = 0; minute < 60; minute += 1) {
      await clock.pass('1m');
      await cache.get();
    }
    expect(tellings('set.stale')).toHaveLength(1);
    expect(cache.status().counters.staleServed).toBeGreaterThan(40);
    source.publishes([key]);
    await clock.pass('1m');
    await cache.get();
    source.fails();
    await clock.pass('10m');
    await cache.get();
    expect(tellings('set.stale')).toHaveLength(2);
  });
});

describe('an expired set', () => {
  it('is what comes after a fresh one where staleIfError is 0', async () => {
    const { cache, source, clock } = rig({ staleIfError: 0 });
    source.publishes([key]);
    await cache.get();
    source.fails();
    await clock.pass(10 * MINUTE - 1);
    expect(cache.current()).toBeDefined();
    await clock.pass(2 * SECOND);
    expect(cache.current()).toBeUndefined();
    await expect(cache.get()).rejects.toThrow(JwksConnectionError);
    expect(cache.status().state).toBe('expired');
  });

  it('keeps its key objects for the set that follows', async () => {
    const { cache, source, clock } = rig({ staleIfError: 0 });
    source.publishes([key]);
    const before = (await cache.get()).get('old');
    await clock.pass('1h');
    source.publishes([key, next]);
    expect((await cache.get()).get('old')).toBe(before);
  });
});

describe('a set that lost all its usable keys', () => {
  it('R13: serves to the end of its freshness and not past it, until an attempt brings a set', async () => {
    const { cache, source, clock, tellings } = rig();
    source.publishes([key]);
    const set = await cache.get();
    await clock.pass('8m');
    source.publishesDocument({ keys: [] });
    expect(cache.current()).toBe(set);
    await settle();
    expect(tellings('set.rejected')).toHaveLength(1);
    source.fails();
    await clock.pass(2 * MINUTE - 1);
    expect(cache.current()).toBe(set);
    await settle();
    await clock.pass(1);
    expect(cache.current()).toBeUndefined();
    const asked = watch(cache.get());
    await clock.pass('1s');
    expect(asked.error).toBeInstanceOf(JwksConnectionError);
    source.publishes([key]);
    await clock.pass('1m');
    await cache.get();
    source.fails();
    await clock.pass('11m');
    expect(await cache.get()).toBe(set);
  });

  it('ends a stale set at once', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    await cache.get();
    await clock.pass('1h');
    source.publishesDocument({ keys: [] });
    await expect(cache.get()).rejects.toMatchObject({ code: 'jwks_invalid', cause: { code: 'jwks_invalid' } });
    expect(cache.status().state).toBe('expired');
  });
});

describe('close', () => {
  it('ends the attempt under way and rejects everything later', async () => {
    const { cache, source, clock, told } = rig();
    source.publishes([key]);
    source.latency = 5_000;
    const waiting = watch(cache.get());
    await settle();
    cache.close();
    await settle();
    const closed = { code: 'jwks_unavailable', message: expect.stringContaining('closed'), retryable: false };
    expect(waiting.error).toMatchObject(closed);
    expect(source.requests[0]?.signal.aborted).toBe(true);
    expect(cache.current()).toBeUndefined();
    await expect(cache.get()).rejects.toMatchObject(closed);
    await expect(cache.find(selector(key)) as Promise<unknown>).rejects.toMatchObject(closed);
    await expect(cache.findByKid('old') as Promise<unknown>).rejects.toMatchObject(closed);
    await expect(cache.refresh({ seen: undefined, trigger: 'requested' })).rejects.toMatchObject(closed);
    await expect(cache.refresh({ seen: undefined, trigger: 'bad-signature' })).rejects.toMatchObject(closed);
    await expect(cache.prefetch()).rejects.toMatchObject(closed);
    await expect(cache.fetchDocument()).rejects.toMatchObject(closed);
    expect(source.loads).toBe(1);
    expect(told).toEqual([]);
    await clock.pass(5_000);
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer while a stale set is waited for', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key]);
    await cache.get();
    await clock.pass('11m');
    source.hangs();
    const waiting = watch(cache.get());
    await settle();
    expect(clock.pending).toBeGreaterThan(0);
    cache.close();
    await settle();
    expect(waiting.error).toMatchObject({ message: expect.stringContaining('closed') });
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer while the next attempt is waited for', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.get().catch(() => undefined);
    const waiting = watch(cache.get());
    await settle();
    cache.close();
    await settle();
    expect(waiting.error).toMatchObject({ message: expect.stringContaining('closed') });
    expect(clock.pending).toBe(0);
    expect(source.loads).toBe(1);
  });

  it('rejects what is held, too', async () => {
    const { cache, source } = rig();
    source.publishes([key]);
    const set = await cache.get();
    cache.close();
    cache.close();
    expect(cache.current()).toBeUndefined();
    await expect(cache.refresh({ seen: set, trigger: 'bad-signature' })).rejects.toThrow('closed');
  });
});

describe('prefetch', () => {
  it('loads what is missing, and nothing else', async () => {
    const { cache, source, told } = rig();
    source.publishes([key]);
    await cache.prefetch();
    await cache.prefetch();
    expect(source.loads).toBe(1);
    expect(told).toMatchObject([{ type: 'set.loaded', from: 'source', keys: 1 }]);
  });

  it('waits for no next attempt while backing off', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await cache.prefetch().catch(() => undefined);
    await expect(cache.prefetch()).rejects.toMatchObject({ code: 'jwks_unavailable', retryAfter: SECOND });
    expect(clock.pending).toBe(0);
  });

  it('rejects with the fault, named as what it was', async () => {
    const { cache, source, tellings } = rig();
    source.fails(new JwksConnectionError('HTTP 500'));
    await expect(cache.prefetch()).rejects.toThrow('HTTP 500');
    expect(tellings('refresh.failed')).toMatchObject([{ trigger: 'prefetch' }]);
  });
});

describe('fetchDocument', () => {
  it('asks the source once for all that ask at the same time', async () => {
    const { cache, source } = rig();
    source.publishes([key]);
    const documents = await Promise.all(Array.from({ length: 10 }, () => cache.fetchDocument()));
    expect(source.loads).toBe(1);
    expect(documents).toHaveLength(10);
  });

  it('asks the source each time and touches nothing', async () => {
    const { cache, source, told } = rig();
    source.publishes([key]);
    const document = (await cache.fetchDocument()) as { keys: unknown[] };
    await cache.fetchDocument();
    expect(document.keys).toHaveLength(1);
    expect(source.loads).toBe(2);
    expect(cache.current()).toBeUndefined();
    expect(told).toEqual([]);
  });

  it('gives the document as it came where the source has it', async () => {
    const { cache, source } = rig();
    const document = { keys: [], extra: true };
    Object.assign(source, { fetchDocument: async () => document });
    expect(await cache.fetchDocument()).toBe(document);
  });

  it('rejects with a fault of the source, within the deadline', async () => {
    const { cache, source, clock } = rig();
    source.fails(new RangeError('x'));
    await expect(cache.fetchDocument()).rejects.toThrow(JwksConnectionError);
    source.hangs();
    const waiting = watch(cache.fetchDocument());
    await clock.pass('10s');
    expect(waiting.error).toMatchObject({ message: expect.stringContaining('timed out') });
    expect(cache.status().counters.failures).toBe(0);
  });
});
