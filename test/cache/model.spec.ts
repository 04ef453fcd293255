import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { JwkSetCache } from '../../lib/cache/jwk-set-cache.js';
import { JwksConnectionError, SigningKeyNotFoundError } from '../../lib/core/errors.js';
import { JwksEvents } from '../../lib/core/events.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import type { JwkSetSource, LoadRequest, SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import { HostileStore } from '../support/hostile-store.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { MINUTE, SECOND, SETTINGS, storeOf } from './harness.js';

const TTL = 10 * MINUTE;
const STALE = 60 * MINUTE;
const SPAN = 30 * SECOND;
/** Longer than any attempt and the backoff after it: who is up for that long has been noticed. */
const NOTICED = 75 * SECOND;
const KIDS = ['a', 'b', 'c', 'd'];

type Mode = 'up' | 'down' | 'empty' | 'hangs';

let keys: Map<string, TestKey>;

beforeAll(async () => {
  keys = new Map(await Promise.all(KIDS.map(async (kid) => [kid, await testKey('ES256', kid)] as const)));
});

/**
 * The identity provider: what it published when, and what it was asked. Knows nothing of caches.
 */
class Endpoint implements JwkSetSource {
  mode: Mode = 'up';
  latency = 0;
  published = ['a'];
  /**
   * Since when it has answered so soon that even a request with a stale set waits for it, and each
   * kid continuously been unpublished.
   */
  upSince = 0;
  readonly goneSince = new Map<string, number>(KIDS.slice(1).map((kid) => [kid, Number.NEGATIVE_INFINITY]));
  /**
   * The last set that it gave to somebody who still waited, and whether it was asked for an empty
   * one since.
   */
  given: { at: number; kids: string[]; emptied: boolean } | undefined;
  /** When which process asked for a reload. */
  readonly reloads: { at: number; process: number }[] = [];
  process = 0;
  mostAtOnce = 0;
  private readonly running = new Set<AbortSignal>();

  constructor(private readonly clock: ManualClock) {}

  become(mode: Mode, latency: number): void {
    const wasUp = this.isUp;
    this.mode = mode;
    this.latency = latency;
    if (!wasUp) this.upSince = this.clock.monotonic();
  }

  get isIdle(): boolean {
    return [...this.running].every(({ aborted }) => aborted);
  }

  get isUp(): boolean {
    return this.mode === 'up' && this.latency < 500;
  }

  publish(kids: string[]): void {
    for (const kid of KIDS) {
      if (kids.includes(kid)) this.goneSince.delete(kid);
      else if (!this.goneSince.has(kid)) this.goneSince.set(kid, this.clock.monotonic());
    }
    this.published = kids;
  }

  async load({ signal, reload }: LoadRequest): Promise<SourceAnswer> {
    if (reload) this.reloads.push({ at: this.clock.monotonic(), process: this.process });
    this.running.add(signal);
    this.mostAtOnce = Math.max(this.mostAtOnce, [...this.running].filter(({ aborted }) => !aborted).length);
    const { mode, published, latency } = this;
    if (mode === 'empty' && this.given) this.given.emptied = true;
    try {
      if (latency > 0) await new Promise<void>((resolve) => void this.clock.timer(latency, resolve));
      if (mode === 'hangs') await new Promise(() => undefined);
      if (mode === 'down') throw new JwksConnectionError('HTTP 500');
      return this.answer(mode === 'empty' ? [] : published, signal.aborted);
    } finally {
      this.running.delete(signal);
    }
  }

  private answer(kids: string[], isLate: boolean): SourceAnswer {
    const set = JwkSet.parse({ keys: kids.map((kid) => keys.get(kid)?.jwk) });
    if (!isLate) this.given = { at: this.clock.monotonic(), kids, emptied: false };
    return { set, origin: 'endpoint' };
  }
}

/** What the oracle remembers of what it did. */
interface Model {
  requested: number[];
  missed: { kid: string | undefined; at: number }[];
  /** How much the wall clock was set back in all: a process that restarts has no other clock. */
  setBack: number;
}

class World {
  readonly clock = new ManualClock();
  readonly endpoint = new Endpoint(this.clock);
  readonly store = new HostileStore(this.clock);
  readonly violations: string[] = [];
  cache = this.boot();

  boot(): JwkSetCache {
    const { clock, endpoint: source, store } = this;
    const settings = { ...SETTINGS, ttl: TTL, staleIfError: STALE };
    return new JwkSetCache(settings, { source, store: storeOf(store, { clock }), clock, events: new JwksEvents() });
  }

  /** Judges an answer at the moment that it is given. */
  judge(outcome: SigningKey | JwkSet | unknown, model: Model): void {
    const now = this.clock.monotonic();
    if (outcome instanceof JwkSet) for (const { kid } of outcome) this.judgeKid(kid, now, model);
    else if (outcome instanceof Error) this.judgeError(outcome);
    else this.judgeKid((outcome as SigningKey).kid, now, model);
  }

  private judgeKid(kid: string | undefined, now: number, model: Model): void {
    const { endpoint } = this;
    const gone = now - (endpoint.goneSince.get(kid ?? '') ?? now);
    const up = endpoint.isUp ? now - endpoint.upSince : 0;
    if (gone >= TTL + STALE + 10 * SECOND + model.setBack)
      this.violations.push(`${kid} served ${gone} ms after it went`);
    if (Math.min(gone, up) >= TTL + NOTICED + model.setBack) {
      this.violations.push(`${kid} served ${gone} ms after it went, endpoint up for ${up} ms`);
    }
  }

  private judgeError(error: Error): void {
    const isRight =
      error instanceof SigningKeyNotFoundError || ['jwks_unavailable', 'jwks_invalid'].includes(codeOf(error));
    if (!isRight) this.violations.push(`rejected with ${error}`);
  }

  /** Whether what the endpoint gave last must still serve at `until`. */
  mustServe(kid: string, until: number): boolean {
    const { given, mode } = this.endpoint;
    if (!given?.kids.includes(kid)) return false;
    return until < given.at + TTL + (given.emptied || mode === 'empty' ? 0 : STALE);
  }

  /** Whether nothing may serve, and the endpoint answers whatever asks it from now on. */
  mustRecover(): boolean {
    return !this.cache.canServe && this.endpoint.isUp && this.endpoint.isIdle;
  }

  /**
   * Whether the endpoint publishes the key, has been up for long, and nothing has used the budget.
   */
  mustFind(kid: string, model: Model): boolean {
    const now = this.clock.monotonic();
    const { isUp, upSince, published } = this.endpoint;
    const isQuiet = model.missed.every(({ at }) => now - at > SPAN + NOTICED);
    return isUp && now - upSince > NOTICED && published.includes(kid) && isQuiet;
  }
}

const codeOf = (error: Error) => (error as { code?: string }).code ?? '';

type Command = fc.AsyncCommand<Model, World>;

function command(name: string, run: (model: Model, world: World) => Promise<void> | void): Command {
  return {
    check: () => true,
    toString: () => name,
    run: async (model, world) => {
      await run(model, world);
      await settle();
      expect(world.violations).toEqual([]);
      expect(world.endpoint.mostAtOnce).toBeLessThanOrEqual(1);
    },
  };
}

const pass = (duration: number) => command(`pass(${duration})`, (_, { clock }) => clock.pass(duration));

const endpoint = (mode: Mode, latency: number) =>
  command(`endpoint(${mode}, ${latency})`, (_, world) => world.endpoint.become(mode, latency));

const publish = (kids: string[]) => command(`publish(${kids})`, (_, world) => world.endpoint.publish(kids));

const store = (mode: 'works' | 'fails' | 'hangs' | 'junk') =>
  command(`store(${mode})`, (_, world) => {
    world.store.works();
    world.store.letGo('reject');
    if (mode === 'junk') for (const key of world.store.entries.keys()) world.store.entries.set(key, { version: 1 });
    else world.store[mode]();
  });

const jump = (milliseconds: number) =>
  command(`jump(${milliseconds})`, (model, world) => {
    model.setBack += Math.max(0, -milliseconds);
    world.clock.jump(milliseconds);
  });

const restart = () =>
  command('restart', async (_, world) => {
    world.cache.close();
    await world.clock.pass(100);
    world.cache = world.boot();
    world.endpoint.given = undefined;
    world.endpoint.process += 1;
  });

/** Looks up without waiting; the answer is judged when it comes. */
const look = (kid: string) =>
  command(`look(${kid})`, (model, world) => {
    if (!world.mustServe(kid, world.clock.monotonic())) model.missed.push({ kid, at: world.clock.monotonic() });
    const judge = (outcome: unknown) => world.judge(outcome, model);
    const found = world.cache.findByKid(kid);
    if (found instanceof Promise) found.then(judge, judge);
    else judge(found);
    const held = world.cache.current();
    if (held) judge(held);
  });

/** Looks up, and a key that must be had must be had, in time. */
const need = (kid: string) =>
  command(`need(${kid})`, async (model, world) => {
    const { clock } = world;
    // Two processes whose clocks differ by minutes can't tell whose set is newer.
    const isOrdered = model.setBack === 0 || world.endpoint.process === 0;
    const mustServe = isOrdered && world.mustServe(kid, clock.monotonic() + 1_300);
    const mustFind = world.mustFind(kid, model);
    const mustRecover = world.mustRecover();
    if (!mustServe) model.missed.push({ kid, at: clock.monotonic() });
    let outcome: unknown;
    const keep = (value: unknown) => (outcome = value);
    const found = world.cache.findByKid(kid);
    if (found instanceof Promise) found.then(keep, keep);
    else keep(found);
    await clock.pass(1_000);
    // An answer that was under way may have taken the key away.
    if (mustServe && world.mustServe(kid, clock.monotonic())) expect(outcome).toMatchObject({ kid });
    if (mustRecover) {
      // Two seconds to the next attempt, half a second for the endpoint, and as much for the store.
      await clock.pass(2_000);
      expect(world.cache.canServe).toBe(true);
    }
    if (mustFind) {
      await clock.pass(4_000);
      expect(outcome).toMatchObject({ kid });
    }
  });

/** A process that starts in an outage, which ends after `duration`. */
const coldStart = (kid: string, duration: number) =>
  command(`coldStart(${kid}, ${duration})`, async (model, world) => {
    const steps = [
      endpoint('down', 0),
      store('fails'),
      restart(),
      look(kid),
      pass(duration),
      endpoint('up', 0),
      need(kid),
    ];
    for (const step of steps) await step.run(model, world);
  });

const refresh = (trigger: 'bad-signature' | 'requested') =>
  command(`refresh(${trigger})`, (model, world) => {
    const now = world.clock.monotonic();
    if (trigger === 'requested') model.requested.push(now);
    else model.missed.push({ kid: undefined, at: now });
    const judge = (outcome: unknown) => world.judge(outcome, model);
    world.cache.refresh({ seen: world.cache.current(), trigger }).then(judge, judge);
  });

const commands = fc.commands(
  [
    fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 2 * TTL })).map(pass),
    fc.constantFrom(30 * SECOND, 2 * MINUTE, TTL, 30 * MINUTE, STALE + TTL).map(pass),
    fc
      .tuple(fc.constantFrom<Mode>('up', 'up', 'down', 'empty', 'hangs'), fc.constantFrom(0, 0, 100, 3_000, 9_000))
      .map(([mode, latency]) => endpoint(mode, latency)),
    fc.subarray(KIDS, { minLength: 1 }).map(publish),
    fc.constantFrom<'works' | 'fails' | 'hangs' | 'junk'>('works', 'works', 'fails', 'hangs', 'junk').map(store),
    fc.constantFrom(-STALE, -MINUTE, -SECOND, SECOND, STALE).map(jump),
    fc.constantFrom(...KIDS, 'invented', 'nonsense').map(look),
    fc.constantFrom(...KIDS).map(need),
    fc.constantFrom<'bad-signature' | 'requested'>('bad-signature', 'requested').map(refresh),
    fc.constant(restart()),
    fc.tuple(fc.constantFrom(...KIDS), fc.integer({ min: 0, max: 3_000 })).map((how) => coldStart(...how)),
  ],
  { maxCommands: 60, size: 'max' },
);

describe('the cache against an oracle', () => {
  it('serves no key past its allowance, rejects no good one, and never has two flights', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const world = new World();
        const model: Model = { requested: [], missed: [], setBack: 0 };
        await fc.asyncModelRun(() => ({ model, real: world }), sequence);
        const { reloads } = world.endpoint;
        for (const { at, process } of reloads) {
          const ofSpan = reloads.filter((other) => other.process === process && other.at >= at && other.at < at + SPAN);
          const requested = model.requested.filter((moment) => moment >= at - 20 * SECOND && moment < at + SPAN);
          expect(ofSpan.length).toBeLessThanOrEqual(3 + SPAN / (5 * SECOND) + requested.length);
        }
        world.cache.close();
        world.store.letGo('resolve');
        await world.clock.pass('20s');
        expect(world.clock.pending).toBe(0);
        expect(world.violations).toEqual([]);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 8_000 },
    );
  }, 20_000);
});
