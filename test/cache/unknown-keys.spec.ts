import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidJwkSetError, SigningKeyNotFoundError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import { testKey, type TestKey } from '../support/keys.js';
import { settle } from '../support/manual-clock.js';
import { MINUTE, rig, SECOND, watch, type Rig, type RigOptions } from './harness.js';

let keys: TestKey[];

beforeAll(async () => {
  keys = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((kid) => testKey('ES256', kid)));
});

const key = (index: number) => keys[index] as TestKey;
const selector = (of: TestKey) => ({ kid: of.kid, alg: of.alg });
const unknown = (kid: string) => ({ kid, alg: 'ES256' });
const look = async (cache: Rig['cache'], kid: string): Promise<SigningKey> => cache.find(unknown(kid));

const answerOf = (published: TestKey[]) => ({
  set: JwkSet.parse({ keys: published.map(({ jwk }) => jwk) }),
  origin: 'scripted',
});

async function warmRig(options: RigOptions = {}): Promise<Rig> {
  const made = rig(options);
  made.source.publishes([key(0)]);
  await made.cache.get();
  return made;
}

describe('a kid that the set lacks', () => {
  it('R18: is found by one reload that a thousand share, and no caller with a known key waits', async () => {
    const { cache, source, clock, tellings } = await warmRig();
    source.publishes([key(0), key(1)]);
    source.latency = 100;
    const first = cache.findByKid('a');
    const asked = Array.from({ length: 1_000 }, () => watch(look(cache, 'b')));
    await settle();
    expect(cache.findByKid('a')).toBe(first);
    await clock.pass(100);
    expect(asked.every(({ value }) => value?.kid === 'b')).toBe(true);
    expect(source.loads).toBe(2);
    expect(source.requests[1]).toMatchObject({ reload: true, previous: undefined });
    expect(tellings('set.rotated')).toMatchObject([{ added: ['b'], removed: [] }]);
    expect(cache.findByKid('a')).toBe(first);
  });

  it('R19: is found on first use after a second and a third rotation within 30 seconds too', async () => {
    const { cache, source, clock } = await warmRig();
    for (const index of [1, 2, 3]) {
      await clock.pass('5s');
      source.publishes([key(index - 1), key(index)]);
      const asked = Array.from({ length: 1_000 }, () => cache.find(selector(key(index))));
      const found = await Promise.all(asked);
      expect(new Set(found)).toHaveLength(1);
      expect(source.loads).toBe(1 + index);
    }
    expect(cache.status().counters.rotations).toBe(3);
  });

  it('R22: is found on first use where the set is completely another', async () => {
    const { cache, source } = await warmRig();
    source.publishes([key(1)]);
    expect((await look(cache, 'b')).kid).toBe('b');
    await expect(look(cache, 'a')).rejects.toThrow(SigningKeyNotFoundError);
  });

  it('is found in exactly two requests on a cold cache, if the second has it', async () => {
    const { cache, source } = rig();
    source.answers(async ({ reload }) => answerOf([key(reload ? 1 : 0)]));
    const found = await Promise.all(Array.from({ length: 100 }, () => look(cache, 'b')));
    expect(new Set(found)).toHaveLength(1);
    expect(source.requests.map(({ reload }) => reload)).toEqual([false, true]);
  });

  it('is rejected when the reload does not bring it, and asked for again after 1, 2, 4 and up to 30 seconds', async () => {
    const { cache, source, clock } = await warmRig();
    await expect(look(cache, 'x')).rejects.toMatchObject({ code: 'key_not_found', kid: 'x' });
    for (const [index, delay] of [1, 2, 4, 8, 16, 30, 30].entries()) {
      await clock.pass(delay * SECOND - 1);
      await expect(look(cache, 'x')).rejects.toThrow(SigningKeyNotFoundError);
      expect(source.loads).toBe(2 + index);
      await clock.pass(1);
      await expect(look(cache, 'x')).rejects.toThrow(SigningKeyNotFoundError);
      expect(source.loads).toBe(3 + index);
    }
  });

  it('that was absent is asked for again once the set has changed', async () => {
    const { cache, source } = await warmRig();
    await expect(look(cache, 'b')).rejects.toThrow(SigningKeyNotFoundError);
    source.publishes([key(0), key(2)]);
    await look(cache, 'c');
    source.publishes([key(0), key(1)]);
    expect((await look(cache, 'b')).kid).toBe('b');
    expect(source.loads).toBe(4);
  });

  it('is looked for by itself where the flight under way was answered before it was published', async () => {
    const { cache, source, clock } = await warmRig();
    await clock.pass('8m');
    const release = source.holdOpen();
    cache.current();
    await settle();
    source.publishes([key(0), key(1)]);
    const asked = Array.from({ length: 100 }, () => watch(look(cache, 'b')));
    await settle();
    expect(source.loads).toBe(2);
    release();
    await settle();
    expect(asked.every(({ value }) => value?.kid === 'b')).toBe(true);
    expect(source.requests.map(({ reload }) => reload)).toEqual([false, false, true]);
  });

  it('is looked for by itself where a reload under way was answered before it was published', async () => {
    const { cache, source } = await warmRig();
    const release = source.holdOpen();
    const invented = watch(look(cache, 'x'));
    await settle();
    source.publishes([key(0), key(1)]);
    const asked = watch(look(cache, 'b'));
    await settle();
    release();
    await settle();
    expect(asked.value?.kid).toBe('b');
    expect(invented.error).toBeInstanceOf(SigningKeyNotFoundError);
    expect(source.loads).toBe(3);
  });

  it('G10: does not make its caller wait longer than the deadline in all', async () => {
    const { cache, source, clock } = await warmRig();
    await clock.pass('8m');
    source.latency = 7 * SECOND;
    cache.current();
    await settle();
    const asked = watch(look(cache, 'x'));
    await clock.pass(7 * SECOND);
    expect(source.loads).toBe(3);
    await clock.pass(3 * SECOND - 1);
    expect(asked.settled).toBe(false);
    await clock.pass(1);
    expect(asked.error).toMatchObject({ code: 'jwks_unavailable' });
  });

  it('needs algorithm and kid: a key of that kid for another algorithm is no match', async () => {
    const { cache } = await warmRig();
    await expect(Promise.resolve(cache.find({ kid: 'a', alg: 'RS256' }))).rejects.toThrow(SigningKeyNotFoundError);
    expect((await look(cache, 'a')).kid).toBe('a');
  });

  it('may be none at all: one fitting key is found, none is looked for once', async () => {
    const { cache, source } = await warmRig();
    expect(cache.find({ alg: 'ES256' })).toMatchObject({ kid: 'a' });
    for (let index = 0; index < 5; index += 1) {
      await expect(Promise.resolve(cache.find({ alg: 'RS256' }))).rejects.toThrow(SigningKeyNotFoundError);
    }
    expect(source.loads).toBe(2);
  });
});

describe('a flood of invented kids', () => {
  const outages: [string, (rig: Rig) => void][] = [
    ['is up', () => undefined],
    ['answers 500', ({ source }) => source.fails()],
    ['hangs', ({ source }) => source.hangs()],
    ['serves an empty set', ({ source }) => source.publishesDocument({ keys: [] })],
    ['serves junk', ({ source }) => source.fails(new InvalidJwkSetError('Not JSON'))],
  ];

  /** Only the source's own answer makes a key unknown. */
  const refusal = (name: string) => {
    if (name.startsWith('serves')) return 'jwks_invalid';
    return name === 'is up' ? 'key_not_found' : 'jwks_unavailable';
  };

  it.each(outages)(
    'G6: costs a burst and one refetch per 5 seconds, and no good request, while the endpoint %s',
    async (name, begin) => {
      const perSecond = name === 'is up' ? 250 : 80;
      const made = await warmRig();
      const { cache, source, clock, tellings } = made;
      begin(made);
      let refused = 0;
      let wrong = 0;
      for (let second = 0; second < 90; second += 1) {
        for (let index = 0; index < perSecond; index += 1) {
          look(cache, `${second}-${index}`).catch((error: unknown) => {
            const { code } = error as { code?: string };
            if (code === refusal(name) || (name === 'is up' && code === 'jwks_unavailable')) refused += 1;
            else wrong += 1;
          });
          expect(cache.findByKid('a')).toMatchObject({ kid: 'a' });
        }
        await clock.pass('1s');
      }
      await clock.pass('10s');
      expect(refused).toBe(90 * perSecond);
      expect(wrong).toBe(0);
      const refetches = source.times.slice(1);
      for (const moment of refetches) {
        const within = refetches.filter((other) => other >= moment && other < moment + 30 * SECOND);
        expect(within.length).toBeLessThanOrEqual(name === 'is up' ? 3 + 6 : 30);
      }
      expect(source.mostAtOnce).toBe(1);
      expect(tellings('refresh.skipped').length).toBeLessThan(20);
      if (name === 'is up') expect(tellings('refresh.skipped').length).toBeGreaterThan(0);
      if (name === 'is up') expect(cache.status().counters.refetchesSkipped).toBeGreaterThan(1_000);
    },
  );

  it('G8: lets a key through that was published meanwhile, with the next refetch at the latest', async () => {
    const { cache, source, clock } = await warmRig();
    for (let index = 0; index < 5; index += 1) await look(cache, `x${index}`).catch(() => undefined);
    source.publishes([key(0), key(1)]);
    await expect(look(cache, 'b')).rejects.toMatchObject({ code: 'jwks_unavailable', retryAfter: 5_000 });
    await clock.pass('5s');
    expect((await look(cache, 'b')).kid).toBe('b');
  });

  it('stays unknown for a kid that the provider said it has not, also when it may not be asked again', async () => {
    const { cache, source, clock } = await warmRig();
    await expect(look(cache, 'x0')).rejects.toMatchObject({ code: 'key_not_found' });
    await clock.pass('2s');
    for (const kid of ['x1', 'x2', 'x3']) await look(cache, kid).catch(() => undefined);
    await expect(look(cache, 'x4')).rejects.toMatchObject({ code: 'jwks_unavailable' });
    await expect(look(cache, 'x0')).rejects.toMatchObject({ code: 'key_not_found' });
    expect(source.loads).toBe(4);
  });

  it('touches nothing that is held', async () => {
    const { cache, source } = await warmRig();
    source.publishesDocument({ keys: [] });
    const before = cache.current();
    for (let index = 0; index < 100; index += 1) await look(cache, `x${index}`).catch(() => undefined);
    expect(cache.current()).toBe(before);
  });

  it('is an outage where there is no set at all, and causes one attempt a second', async () => {
    const { cache, source, clock } = rig();
    source.fails();
    await expect(look(cache, 'x')).rejects.toMatchObject({ code: 'jwks_unavailable' });
    const asked = Array.from({ length: 100 }, (_, index) => watch(look(cache, `y${index}`)));
    await clock.pass('1s');
    for (const { error } of asked) expect(error).toMatchObject({ code: 'jwks_unavailable' });
    expect(source.loads).toBe(2);
  });

  it('costs nothing where no refetch is allowed', async () => {
    const { cache, source } = await warmRig({ refetchLimit: { burst: 0, every: MINUTE } });
    await expect(look(cache, 'x')).rejects.toThrow(SigningKeyNotFoundError);
    expect(source.loads).toBe(1);
  });
});

describe('during an outage', () => {
  it('an unknown kid is answered at once while backing off, as the outage that it is', async () => {
    const { cache, source, clock, tellings } = await warmRig();
    source.fails();
    await expect(look(cache, 'x')).rejects.toMatchObject({
      code: 'jwks_unavailable',
      retryAfter: expect.any(Number),
      cause: { code: 'jwks_unavailable' },
    });
    await expect(look(cache, 'y')).rejects.toMatchObject({ code: 'jwks_unavailable' });
    expect((await look(cache, 'a')).kid).toBe('a');
    expect(source.loads).toBe(2);
    expect(tellings('refresh.skipped')).toMatchObject([{ trigger: 'unknown-kid', reason: 'backoff' }]);
    source.publishes([key(0), key(1)]);
    await clock.pass('1s');
    expect((await look(cache, 'b')).kid).toBe('b');
  });

  it('a kid that could not be looked up is not remembered as absent', async () => {
    const { cache, source, clock } = await warmRig();
    source.fails();
    await expect(look(cache, 'b')).rejects.toMatchObject({ code: 'jwks_unavailable' });
    source.publishes([key(0), key(1)]);
    await clock.pass('1s');
    expect((await look(cache, 'b')).kid).toBe('b');
  });
});

describe('a removed key', () => {
  it('B14, R21: is rejected within the freshness of the set that had it', async () => {
    const { cache, source, clock } = rig();
    source.publishes([key(0), key(1)]);
    await cache.get();
    source.publishes([key(0)]);
    await clock.pass('5m');
    expect((await look(cache, 'b')).kid).toBe('b');
    await clock.pass('3m');
    cache.current();
    await settle();
    await expect(look(cache, 'b')).rejects.toThrow(SigningKeyNotFoundError);
    await clock.pass('2m');
    await expect(look(cache, 'b')).rejects.toThrow(SigningKeyNotFoundError);
  });

  it('R20: that an old answer of a cache on the way took away is learnt again', async () => {
    const { cache, source, clock } = await warmRig();
    source.answers(async ({ reload }) => answerOf(reload ? [key(0), key(1)] : [key(0)]));
    for (let round = 0; round < 5; round += 1) {
      expect((await look(cache, 'b')).kid).toBe('b');
      await clock.pass('8m');
      cache.current();
      await settle();
    }
  });
});

describe('refresh after a bad signature', () => {
  it('R23: brings new material under an old kid, by one reload that all share', async () => {
    const { cache, source, clock, tellings } = await warmRig();
    const seen = cache.current();
    const other = { ...key(1), jwk: { ...key(1).jwk, kid: 'a' } };
    source.publishes([other]);
    source.latency = 50;
    const asked = Array.from({ length: 1_000 }, () => cache.refresh({ seen, trigger: 'bad-signature' }));
    await clock.pass(50);
    const sets = await Promise.all(asked);
    expect(new Set(sets)).toHaveLength(1);
    expect(sets[0]?.get('a')).not.toBe(seen?.get('a'));
    expect(source.loads).toBe(2);
    expect(source.requests[1]?.reload).toBe(true);
    expect(tellings('set.rotated')).toMatchObject([{ added: ['a'], removed: ['a'] }]);
  });

  it('does nothing where another set has taken the place of the one that was seen', async () => {
    const { cache, source } = await warmRig();
    const seen = cache.current();
    source.publishes([key(0), key(1)]);
    const current = await cache.refresh({ seen, trigger: 'requested' });
    expect(await cache.refresh({ seen, trigger: 'bad-signature' })).toBe(current);
    expect(await cache.refresh({ seen: undefined, trigger: 'bad-signature' })).toBe(current);
    expect(source.loads).toBe(2);
  });

  it('returns what is held where the reload fails, or brings nothing', async () => {
    const { cache, source, clock } = await warmRig();
    const seen = cache.current();
    source.fails();
    expect(await cache.refresh({ seen, trigger: 'bad-signature' })).toBe(seen);
    expect(await cache.refresh({ seen, trigger: 'bad-signature' })).toBe(seen);
    expect(source.loads).toBe(2);
    source.publishes([key(0)]);
    await clock.pass('1s');
    expect(await cache.refresh({ seen, trigger: 'bad-signature' })).toBe(seen);
    expect(source.loads).toBe(3);
  });

  it('asks a source that has confirmed its keys again after 30 s, and leaves the budget to unknown kids', async () => {
    const { cache, source, clock } = await warmRig();
    for (let second = 0; second < 30; second += 1) {
      for (let index = 0; index < 10; index += 1)
        await cache.refresh({ seen: cache.current(), trigger: 'bad-signature' });
      await clock.pass('1s');
    }
    expect(source.loads).toBe(2);
    source.publishes([key(0), key(1)]);
    expect((await look(cache, 'b')).kid).toBe('b');
    expect(source.loads).toBe(3);
    // Other keys: what was confirmed says nothing of them.
    await cache.refresh({ seen: cache.current(), trigger: 'bad-signature' });
    expect(source.loads).toBe(4);
    await cache.refresh({ seen: cache.current(), trigger: 'bad-signature' });
    expect(source.loads).toBe(4);
    await clock.pass('30s');
    await cache.refresh({ seen: cache.current(), trigger: 'bad-signature' });
    expect(source.loads).toBe(5);
  });

  it('R23: finds new material under an old kid within 30 s, whatever was forged meanwhile', async () => {
    const { cache, source, clock } = await warmRig();
    await cache.refresh({ seen: cache.current(), trigger: 'bad-signature' });
    const other = { ...key(1), jwk: { ...key(1).jwk, kid: 'a' } };
    source.publishes([other]);
    await clock.pass('30s');
    const seen = cache.current();
    expect((await cache.refresh({ seen, trigger: 'bad-signature' })).get('a')).not.toBe(seen?.get('a'));
  });

  it('counts with unknown kids in one budget', async () => {
    const { cache, source } = await warmRig();
    const seen = cache.current();
    await cache.refresh({ seen, trigger: 'bad-signature' });
    for (const kid of ['x', 'y', 'z']) await look(cache, kid).catch(() => undefined);
    expect(source.loads).toBe(4);
  });

  it('loads where nothing is held', async () => {
    const { cache, source } = rig();
    source.publishes([key(0)]);
    expect((await cache.refresh({ seen: undefined, trigger: 'bad-signature' })).size).toBe(1);
    expect(source.loads).toBe(1);
  });
});

describe('a refresh that was requested', () => {
  it('asks the source each time, whatever the budget', async () => {
    const { cache, source } = await warmRig();
    for (let index = 0; index < 10; index += 1) {
      await cache.refresh({ seen: cache.current(), trigger: 'requested' });
    }
    expect(source.loads).toBe(11);
    expect(source.requests.slice(1).every(({ reload }) => reload)).toBe(true);
  });

  it('is shared by all who ask at the same time', async () => {
    const { cache, source } = await warmRig();
    await Promise.all(Array.from({ length: 100 }, () => cache.refresh({ seen: undefined, trigger: 'requested' })));
    expect(source.loads).toBe(2);
  });

  it('rejects when it fails, also while backing off, and leaves what is held', async () => {
    const { cache, source } = await warmRig();
    const seen = cache.current();
    source.fails();
    for (let index = 0; index < 3; index += 1) {
      await expect(cache.refresh({ seen, trigger: 'requested' })).rejects.toMatchObject({ code: 'jwks_unavailable' });
    }
    expect(source.loads).toBe(4);
    expect(cache.current()).toBe(seen);
    source.publishes([key(1)]);
    expect((await cache.refresh({ seen, trigger: 'requested' })).get('b')).toBeDefined();
  });

  it('waits for a load under way and then makes its own', async () => {
    const { cache, source, clock } = await warmRig();
    await clock.pass('8m');
    const release = source.holdOpen();
    cache.current();
    await settle();
    source.publishes([key(1)]);
    const asked = watch(cache.refresh({ seen: undefined, trigger: 'requested' }));
    await settle();
    release();
    await settle();
    expect(asked.value?.get('b')).toBeDefined();
    expect(source.mostAtOnce).toBe(1);
    expect(source.loads).toBe(3);
  });
});
