import { decodeProtectedHeader, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { memoryKeyRingStore, type JwksKeyRingEvent, type KeyRingStore } from '../../lib/endpoint/index.js';
import { ManualClock } from '../support/manual-clock.js';
import { directive, Publishing } from './support/endpoint.js';

/** A store that can be taken down, or that hangs. */
function unsteady(store: KeyRingStore = memoryKeyRingStore()) {
  const state = { mode: 'up' as 'up' | 'down' | 'hanging', reads: 0 };
  const act = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state.mode === 'down') throw new Error('connect ECONNREFUSED');
    return state.mode === 'hanging' ? new Promise<never>(() => undefined) : work();
  };
  const flaky: KeyRingStore = {
    read: () => {
      state.reads += 1;
      return act(() => store.read());
    },
    write: (value, version) => act(() => store.write(value, version)),
  };
  return { store: flaky, state };
}

async function kidOf(publishing: Publishing): Promise<string | undefined> {
  return decodeProtectedHeader(await publishing.signer.sign({ sub: 'worker' })).kid;
}

describe('a key ring', () => {
  it('begins with one key, which signs', async () => {
    const publishing = await Publishing.start({ keys: {} });
    const { current } = publishing;
    expect(publishing.ring.status()).toEqual({ keys: [{ kid: current, state: 'current' }] });
    expect(await publishing.published()).toEqual([current]);
    expect(await kidOf(publishing)).toBe(current);
  });

  it('publishes the next key ahead, signs with it when its time has come, and drops the previous one later', async () => {
    const publishing = await Publishing.start({ keys: { rotateEvery: '30d', publishAhead: '2d', keepFor: '1d' } });
    const { clock, current: first } = publishing;
    await clock.pass('28d');
    const [, second] = await publishing.published();
    expect(publishing.kids('next')).toEqual([second]);
    expect(await kidOf(publishing)).toBe(first);
    await clock.pass('2d');
    expect(await kidOf(publishing)).toBe(second);
    expect(publishing.kids('previous')).toEqual([first]);
    expect(await publishing.published()).toEqual([first, second]);
    await clock.pass('1d');
    expect(await publishing.published()).toEqual([second]);
    expect(publishing.ring.status().keys).toEqual([{ kid: second, state: 'current' }]);
  });

  it('reports each step of a key once', async () => {
    const publishing = await Publishing.start({ keys: { rotateEvery: '30d', publishAhead: '1d' } });
    const { clock, current: first } = publishing;
    const events: JwksKeyRingEvent[] = [];
    publishing.ring.events$.subscribe((event) => events.push(event));
    await clock.pass('29d');
    const [, second = ''] = await publishing.published();
    expect(events.splice(0)).toEqual([{ type: 'key.created', kid: second }]);
    await clock.pass('1d');
    publishing.ring.status();
    publishing.ring.status();
    expect(events.splice(0)).toEqual([
      { type: 'key.activated', kid: second },
      { type: 'key.retired', kid: first },
    ]);
    await clock.pass('5d');
    await publishing.get();
    expect(events).toEqual([]);
  });

  it('signs on with the old key after a sleep, until the next one has been published for a maxAge', async () => {
    const publishing = await Publishing.start({ keys: {}, maxAge: '10m' });
    const { clock, current: first } = publishing;
    clock.jump(60 * 86_400_000);
    expect(await kidOf(publishing)).toBe(first);
    const [, second] = await publishing.published();
    await clock.pass('9m');
    expect(await kidOf(publishing)).toBe(first);
    await clock.pass('1m');
    expect(await kidOf(publishing)).toBe(second);
  });

  it('is right at once after it slept through a rotation that was published before', async () => {
    const publishing = await Publishing.start({ keys: {} });
    await publishing.clock.pass('29d');
    const [, second] = await publishing.published();
    publishing.clock.jump(5 * 86_400_000);
    expect(await kidOf(publishing)).toBe(second);
    expect(publishing.current).toBe(second);
  });

  it('has no timer while nothing is asked of it', async () => {
    const publishing = await Publishing.start({ keys: {} });
    await publishing.get();
    await publishing.signer.sign({});
    expect(publishing.clock.pending).toBe(0);
  });

  it('keeps signing where the clock is set back', async () => {
    const publishing = await Publishing.start({ keys: {} });
    const { current } = publishing;
    publishing.clock.jump(-86_400_000);
    expect(await kidOf(publishing)).toBe(current);
    expect(await publishing.published()).toEqual([current]);
  });

  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'PS256'])('signs with %s', async (algorithm) => {
    const publishing = await Publishing.start({ keys: { algorithm } });
    const header = decodeProtectedHeader(await publishing.signer.sign({}));
    expect(header).toMatchObject({ alg: algorithm, kid: publishing.current });
    const [key] = (await publishing.set()).keys;
    expect(key).toMatchObject({ alg: algorithm, use: 'sig', kid: publishing.current });
  });

  it('makes RSA keys of the length that is asked for', async () => {
    const publishing = await Publishing.start({ keys: { algorithm: 'PS256', modulusLength: 3_072 } });
    const [key] = (await publishing.set()).keys;
    expect(Buffer.from(key?.n ?? '', 'base64url')).toHaveLength(384);
  });

  it('signs with ML-DSA where the runtime has it, and says so where it has not', async () => {
    const isThere = await generateKeyPair('ML-DSA-65').then(
      () => true,
      () => false,
    );
    const starting = Publishing.start({ keys: { algorithm: 'ML-DSA-65' } });
    if (!isThere) return expect(starting).rejects.toMatchObject({ option: 'keys.algorithm' });
    expect(decodeProtectedHeader(await (await starting).signer.sign({})).alg).toBe('ML-DSA-65');
  });
});

describe('a ring whose next key is always published', () => {
  it('rotates, revokes and rotates by hand', async () => {
    const publishing = await Publishing.start({ keys: { rotateEvery: '1h', publishAhead: '1h' } });
    const { clock } = publishing;
    for (let hour = 0; hour < 3; hour += 1) {
      const { current = '' } = publishing;
      await publishing.get();
      expect([publishing.kids('current'), publishing.kids('next')].map((kids) => kids.length)).toEqual([1, 1]);
      await publishing.ring.revoke(current);
      expect([publishing.kids('current'), publishing.kids('next')].map((kids) => kids.length)).toEqual([1, 1]);
      expect(await kidOf(publishing)).not.toBe(current);
      await publishing.ring.revoke(publishing.kids('next')[0] ?? '');
      await publishing.ring.rotate();
      await clock.pass('1h');
    }
  });
});

describe('rotate()', () => {
  it('publishes a key and lets it sign after a maxAge', async () => {
    const publishing = await Publishing.start({ keys: {}, maxAge: '10m' });
    const { clock, current: first } = publishing;
    await publishing.ring.rotate();
    const [, second] = await publishing.published();
    expect(publishing.kids('next')).toEqual([second]);
    await clock.pass(599_999);
    expect(await kidOf(publishing)).toBe(first);
    await clock.pass(1);
    expect(await kidOf(publishing)).toBe(second);
  });

  it('acts at once where the next key has been published for a maxAge', async () => {
    const publishing = await Publishing.start({ keys: {}, maxAge: '10m' });
    await publishing.clock.pass('29d');
    const [, second] = await publishing.published();
    await publishing.clock.pass('10m');
    await publishing.ring.rotate();
    expect(publishing.current).toBe(second);
  });

  it('called again while a rotation is under way makes no further key', async () => {
    const publishing = await Publishing.start({ keys: {} });
    await Promise.all([publishing.ring.rotate(), publishing.ring.rotate()]);
    await publishing.ring.rotate();
    expect(publishing.ring.status().keys).toHaveLength(2);
  });

  it('rejects where the store fails, and leaves the ring as it was', async () => {
    const { store, state } = unsteady();
    const publishing = await Publishing.start({ keys: { store } });
    state.mode = 'down';
    await expect(publishing.ring.rotate()).rejects.toThrow('ECONNREFUSED');
    expect(publishing.ring.status().keys).toHaveLength(1);
  });
});

describe('revoke()', () => {
  it('replaces the current key at once', async () => {
    const publishing = await Publishing.start({ keys: {} });
    const { current: first = '' } = publishing;
    await publishing.ring.revoke(first);
    expect(publishing.current).not.toBe(first);
    expect(await publishing.published()).toEqual([publishing.current]);
    expect(await kidOf(publishing)).toBe(publishing.current);
  });

  it('replaces the current key by the next one where there is one', async () => {
    const publishing = await Publishing.start({ keys: {} });
    const { current: first = '' } = publishing;
    await publishing.ring.rotate();
    const [second] = publishing.kids('next');
    await publishing.ring.revoke(first);
    expect(publishing.ring.status().keys).toEqual([{ kid: second, state: 'current' }]);
  });

  it('does not let the key before the current one sign again', async () => {
    const publishing = await Publishing.start({ keys: { keepFor: '1d' }, maxAge: '10m' });
    const { clock, current: first } = publishing;
    await publishing.ring.rotate();
    await clock.pass('10m');
    const { current: second = '' } = publishing;
    await publishing.ring.revoke(second);
    expect(publishing.kids('previous')).toEqual([first]);
    expect([first, second]).not.toContain(publishing.current);
    await clock.pass('1d');
    expect(await publishing.published()).toEqual([publishing.current]);
  });

  it('removes a next and a previous key', async () => {
    const publishing = await Publishing.start({ keys: {}, maxAge: '10m' });
    const { clock, current: first = '' } = publishing;
    await publishing.ring.rotate();
    await publishing.ring.revoke(publishing.kids('next')[0] ?? '');
    expect(publishing.ring.status().keys).toEqual([{ kid: first, state: 'current' }]);
    await publishing.ring.rotate();
    await clock.pass('10m');
    await publishing.ring.revoke(first);
    expect(publishing.ring.status().keys).toEqual([{ kid: publishing.current, state: 'current' }]);
  });

  it('rejects for a kid that the ring does not have', async () => {
    const publishing = await Publishing.start({ keys: {} });
    await expect(publishing.ring.revoke('a\nb')).rejects.toThrow('"a\\u000ab"');
  });

  it('reports the key as retired', async () => {
    const publishing = await Publishing.start({ keys: {} });
    const events: JwksKeyRingEvent[] = [];
    publishing.ring.events$.subscribe((event) => events.push(event));
    const { current: first = '' } = publishing;
    await publishing.ring.revoke(first);
    const kid = publishing.current;
    expect(events).toEqual([
      { type: 'key.created', kid },
      { type: 'key.activated', kid },
      { type: 'key.retired', kid: first },
    ]);
  });
});

describe('several processes on one store', () => {
  async function pair() {
    const clock = new ManualClock();
    const store = memoryKeyRingStore();
    const start = () => Publishing.start({ keys: { store }, maxAge: '10m' }, clock);
    return { clock, one: await start(), other: await start() };
  }

  it('agree on one current key from the first moment', async () => {
    const clock = new ManualClock();
    const store = memoryKeyRingStore();
    const all = await Promise.all([1, 2, 3, 4].map(() => Publishing.start({ keys: { store } }, clock)));
    expect(new Set(all.map(({ current }) => current)).size).toBe(1);
    await clock.pass('29d');
    const sets = await Promise.all(all.map((each) => each.published()));
    expect(new Set(sets.map((kids) => kids.join())).size).toBe(1);
    expect(sets[0]).toHaveLength(2);
  });

  it('publish a key that another one made before it signs', async () => {
    const { clock, one, other } = await pair();
    await one.ring.rotate();
    await clock.pass('1s');
    expect(await other.published()).toEqual(await one.published());
  });

  it('rotate once where both are asked at the same time', async () => {
    const { clock, one, other } = await pair();
    await Promise.all([one.ring.rotate(), other.ring.rotate()]);
    await clock.pass('10m');
    await Promise.all([one.get(), other.get()]);
    expect(one.ring.status().keys).toHaveLength(2);
    expect(other.ring.status()).toEqual(one.ring.status());
  });

  it('heed a revocation within maxAge, a process that had nothing to do included', async () => {
    const { clock, one, other } = await pair();
    const { current: revoked = '' } = one;
    await one.ring.revoke(revoked);
    await clock.pass('10m');
    expect(await kidOf(other)).toBe(one.current);
    await clock.pass('1s');
    expect(await other.published()).not.toContain(revoked);
  });

  it('keep a key published for the tokens of a process that did not hear of its retirement', async () => {
    const clock = new ManualClock();
    const shared = memoryKeyRingStore();
    const { store, state } = unsteady(shared);
    const keys = { keepFor: '1h' } as const;
    const one = await Publishing.start({ keys: { ...keys, store: shared }, maxAge: '10m' }, clock);
    const other = await Publishing.start({ keys: { ...keys, store }, maxAge: '10m' }, clock);
    const { current: first } = one;
    state.mode = 'down';
    await one.ring.rotate();
    await clock.pass('40m');
    expect(one.kids('previous')).toEqual([first]);
    const token = await other.signer.sign({}, { expiresIn: '1h' });
    expect(decodeProtectedHeader(token).kid).toBe(first);
    state.mode = 'up';
    await clock.pass('1m');
    await other.get();
    await clock.pass('58m');
    expect(await one.published()).toContain(first);
    await clock.pass('1m');
    expect(await one.published()).not.toContain(first);
  });
});

describe('a store that fails', () => {
  it('does not slow a signature, and does not stop the set from being published', async () => {
    const { store, state } = unsteady();
    const publishing = await Publishing.start({ keys: { store } });
    const { current } = publishing;
    for (const mode of ['down', 'hanging'] as const) {
      state.mode = mode;
      await publishing.clock.pass('5m');
      expect(await kidOf(publishing)).toBe(current);
      const answering = publishing.get();
      await publishing.clock.pass('2s');
      expect((await answering).status).toBe(200);
    }
    expect(publishing.lines.join()).toContain('could not be refreshed');
  });

  it('lets a process that slept wait a moment only', async () => {
    const { store, state } = unsteady();
    const publishing = await Publishing.start({ keys: { store } });
    state.mode = 'hanging';
    publishing.clock.jump(3_600_000);
    const signing = publishing.signer.sign({});
    await publishing.clock.pass(250);
    await signing;
  });

  it('is left alone for a while', async () => {
    const { store, state } = unsteady();
    const publishing = await Publishing.start({ keys: { store } });
    state.mode = 'down';
    await publishing.clock.pass('1m');
    state.reads = 0;
    for (let index = 0; index < 10; index += 1) await publishing.get();
    expect(state.reads).toBe(1);
  });

  it('delays a rotation until it is back', async () => {
    const { store, state } = unsteady();
    const publishing = await Publishing.start({ keys: { store } });
    const { clock, current: first } = publishing;
    state.mode = 'down';
    await clock.pass('30d');
    expect(await kidOf(publishing)).toBe(first);
    await publishing.get();
    expect(publishing.ring.status().keys).toHaveLength(1);
    state.mode = 'up';
    await clock.pass('5s');
    await publishing.get();
    expect(publishing.kids('next')).toHaveLength(1);
    expect(await kidOf(publishing)).toBe(first);
  });

  it('fails the start, by the name of the option', async () => {
    const { store, state } = unsteady();
    state.mode = 'down';
    await expect(Publishing.start({ keys: { store } })).rejects.toMatchObject({ option: 'keys.store' });
  });

  it('gets back the keys in use after it lost them', async () => {
    let place = memoryKeyRingStore();
    const store: KeyRingStore = { read: () => place.read(), write: (value, version) => place.write(value, version) };
    const clock = new ManualClock();
    const one = await Publishing.start({ keys: { store } }, clock);
    const other = await Publishing.start({ keys: { store } }, clock);
    const { current } = one;
    place = memoryKeyRingStore();
    await clock.pass('1m');
    await Promise.all([one.get(), other.get()]);
    expect([one.current, other.current]).toEqual([current, current]);
    expect((await place.read())?.value).toContain(current);
  });

  it('gets back the keys in use where another process began a new ring meanwhile', async () => {
    let place = memoryKeyRingStore();
    const store: KeyRingStore = { read: () => place.read(), write: (value, version) => place.write(value, version) };
    const clock = new ManualClock();
    const one = await Publishing.start({ keys: { store } }, clock);
    const { current: first } = one;
    place = memoryKeyRingStore();
    await clock.pass('1m');
    const stranger = await Publishing.start({ keys: { store } }, clock);
    await clock.pass('1m');
    await one.get();
    await clock.pass('1s');
    expect(await stranger.published()).toEqual([first, stranger.current]);
    expect(one.current).toBe(stranger.current);
    expect(one.kids('previous')).toEqual([first]);
  });

  it('does not bring a revoked key back where it returns as it was before', async () => {
    const store = memoryKeyRingStore();
    const clock = new ManualClock();
    const publishing = await Publishing.start({ keys: { store } }, clock);
    const { current: revoked = '' } = publishing;
    const before = await store.read();
    await publishing.ring.revoke(revoked);
    const { current } = publishing;
    const after = await store.read();
    await store.write(before?.value ?? '', after?.version);
    await clock.pass('1m');
    expect(await publishing.published()).toEqual([current]);
    expect(JSON.parse((await store.read())?.value ?? '').keys).toHaveLength(1);
  });

  it('that never stops changing is given up', async () => {
    const { read, write } = memoryKeyRingStore();
    let isOpen = true;
    const store: KeyRingStore = { read, write: async (...args) => isOpen && write(...args) };
    const publishing = await Publishing.start({ keys: { store } });
    isOpen = false;
    await expect(publishing.ring.rotate()).rejects.toThrow('again and again');
  });
});

describe('what caches may keep', () => {
  it('never reaches past a planned change', async () => {
    const publishing = await Publishing.start({ keys: { rotateEvery: '2h', publishAhead: '1h', keepFor: '30m' } });
    const { clock } = publishing;
    let previous = await publishing.published();
    let keptUntil = 0;
    for (let minute = 0; minute < 600; minute += 7) {
      const answer = await publishing.get();
      const kids = await publishing.published();
      const now = clock.now();
      if (kids.join() !== previous.join()) expect(keptUntil).toBeLessThanOrEqual(now);
      const longest = directive(answer, 'max-age') + directive(answer, 'stale-while-revalidate');
      expect(directive(answer, 'max-age')).toBeLessThanOrEqual(600);
      keptUntil = Math.max(keptUntil, now + longest * 1_000);
      previous = kids;
      await clock.pass('7m');
    }
  });

  it('counts down to the publication of the next key', async () => {
    const publishing = await Publishing.start({ keys: {} });
    await publishing.clock.pass(29 * 86_400_000 - 90_500);
    expect(directive(await publishing.get(), 'max-age')).toBe(90);
    expect(directive(await publishing.get(), 'stale-while-revalidate')).toBe(0);
  });
});
