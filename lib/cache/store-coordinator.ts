import { wait, type Clock } from '../core/clock.js';
import type { JwkSet } from '../keys/jwk-set.js';
import { momentOf, type CurrentJwkSet } from './current-jwk-set.js';
import type { JwkSetStore } from './jwk-set-store.js';
import { restoredLifetime, wallTimes, type LifetimePolicy } from './lifetime.js';
import type { StoreEntry } from './store-entry.js';

/**
 * How long one process fetches for all before the others do it themselves, and how often they look,
 * in milliseconds.
 */
const LEASE_MS = 1_000;
const POLL_MS = 50;
/** The same where requests wait for the set: what a crashed process claimed must not hold them up. */
const COLD_WAIT_MS = 100;

/**
 * A set that was fetched elsewhere is refreshed there first: here only a part of the jitter brings
 * its refresh forward.
 */
const FOLLOWER_JITTER = 0.25;

/** @internal */
export interface StoreCoordinatorParts {
  readonly store: JwkSetStore;
  readonly currentSet: CurrentJwkSet;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * The other processes that keep the same set: takes what they stored, stores what they can take.
 *
 * @internal
 */
export class StoreCoordinator {
  constructor(
    private readonly policy: LifetimePolicy,
    private readonly parts: StoreCoordinatorParts,
  ) {}

  /**
   * Takes a newer set from the store, if there is one; returns it if it will do, which a fresh
   * one does where nothing else is said.
   */
  async takeFromStore(signal: AbortSignal, satisfies?: (set: JwkSet) => boolean): Promise<JwkSet | undefined> {
    const { clock, currentSet, store } = this.parts;
    const startedAt = clock.monotonic();
    const entry = await store.read(currentSet.newerThan, (late) => this.accept(late, startedAt));
    signal.throwIfAborted();
    const set = entry && this.accept(entry, startedAt);
    return set && (satisfies?.(set) ?? this.isFresh) ? set : undefined;
  }

  /**
   * Of the processes that find the same set too old at the same time one fetches: the others wait
   * here, and take what it stores. `undefined` where this process is the one, or has waited long
   * enough.
   */
  async awaitOthers(signal: AbortSignal): Promise<JwkSet | undefined> {
    const { clock, store } = this.parts;
    if (!store.isShared) return undefined;
    const until = clock.monotonic() + (this.canServe ? LEASE_MS : COLD_WAIT_MS);
    while (!(await store.claim(LEASE_MS)) && clock.monotonic() < until) {
      await wait(clock, POLL_MS, signal);
      const set = await this.takeFromStore(signal);
      if (set) return set;
    }
    // Another process may have stored its set and given up its claim since this one looked.
    const set = await this.takeFromStore(signal);
    if (set) void store.release();
    return set;
  }

  /** Stores the set that is held, and lets the others go on. Never rejects. */
  async publish(): Promise<void> {
    const { clock, currentSet, store } = this.parts;
    const held = currentSet.value;
    if (held && Number.isFinite(held.lifetime.staleUntil)) {
      const { set, origin, etag, lastModified, lifetime, stamp } = held;
      const times = { ...wallTimes(lifetime, momentOf(clock)), fetchedAt: Math.round(stamp) };
      await store.write({ set, origin, etag, lastModified, ...times });
    }
    await store.release();
  }

  /** Lets the others go on after a failed attempt. Never rejects. */
  release(): Promise<void> {
    return this.parts.store.release();
  }

  /**
   * Holds a set from the store, unless a newer one has come meanwhile or nothing is left of its
   * life.
   */
  private accept(entry: StoreEntry, startedAt: number): JwkSet | undefined {
    const { clock, currentSet, random } = this.parts;
    if (entry.fetchedAt <= (currentSet.newerThan ?? Number.NEGATIVE_INFINITY)) return undefined;
    const lifetime = restoredLifetime(entry, this.policy, momentOf(clock), random() * FOLLOWER_JITTER);
    return lifetime && currentSet.accept({ ...entry, lifetime, stamp: entry.fetchedAt }, 'store', startedAt);
  }

  private get isFresh(): boolean {
    return this.parts.clock.monotonic() < (this.parts.currentSet.value?.lifetime.freshUntil ?? 0);
  }

  private get canServe(): boolean {
    return this.parts.clock.monotonic() < (this.parts.currentSet.value?.lifetime.staleUntil ?? 0);
  }
}
