import { wait, withDeadline, type Clock } from '../core/clock.js';
import { SingleFlight } from '../core/single-flight.js';
import type { KeyRingEntry, KeyRingStore } from './key-ring-store.js';
import { newKey, type NewKeySettings } from './new-key.js';
import { parseRing, serializeRing } from './ring-codec.js';
import {
  EMPTY_RING,
  isDue,
  merged,
  needsNext,
  withKeysInUse,
  withNext,
  withoutExpired,
  type NewKey,
  type RingState,
  type RingTimes,
} from './ring-state.js';

/** @internal */
export interface RingSettings extends RingTimes, NewKeySettings {}

/** @internal */
export interface RingParts {
  readonly store: KeyRingStore;
  readonly clock: Clock;
  /** A failure of the store that no caller sees. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Changes the ring; may be called several times, with what other processes wrote meanwhile.
 *
 * @internal
 */
export type RingChange = (
  state: RingState,
  now: number,
  makeKey: () => Promise<NewKey>,
) => Promise<RingState> | RingState;

const CALL_TIMEOUT = 2_000;
/** The file store waits for a lock that a killed process left behind. */
const FIRST_CALL_TIMEOUT = 20_000;
/** How long the store is left alone after it failed. */
const REST = 5_000;
const MAX_ATTEMPTS = 20;
const READ_EVERY = 30_000;
/** The most that a signature waits for the store, after a time in which the process did nothing. */
const MAX_WAIT_WHILE_STALE = 250;

/**
 * Keeps this process's copy of the ring in step with the store. There are no timers: each use of
 * the ring makes it look, and what is due follows from the time. What was stored once is in use,
 * and what was not is not.
 *
 * @internal
 */
export class RingKeeper {
  /** When the last tokens expire that each key signed here. */
  readonly lastExpiryOf = new Map<string, number>();
  #state: RingState = EMPTY_RING;
  #version: string | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #changes: Promise<void> = Promise.resolve();
  readonly #refresh = new SingleFlight<void>();

  constructor(
    private readonly settings: RingSettings,
    private readonly parts: RingParts,
  ) {}

  /** As this process knows it. */
  get state(): RingState {
    return this.#state;
  }

  /** The first look, without which there is no ring. */
  open(): Promise<void> {
    return this.#update((state) => state, FIRST_CALL_TIMEOUT);
  }

  /** Applies a change when those before it are done. Rejects where the store fails. */
  change(change: RingChange): Promise<void> {
    const done = this.#changes.then(() => this.#update(change));
    this.#changes = done.catch(() => undefined);
    return done;
  }

  /**
   * Before the ring is published: what others may keep for a `maxAge` is what the store holds now.
   * Never rejects, for what is known serves on while the store fails.
   */
  refreshToPublish(): Promise<void> {
    return this.#refreshOnce();
  }

  /**
   * Before the ring signs: in the background, so that a dead store slows no signature. Only a
   * process that has not tried for as long as a revocation may take to be heeded waits a moment: it
   * slept, or had nothing to sign.
   */
  async refreshToSign(): Promise<void> {
    const { maxAge } = this.settings;
    if (this.#age < Math.min(READ_EVERY, maxAge / 2) && !this.#isDue) return;
    const isBlind = Math.min(this.#age, this.#since(this.#failedAt)) >= maxAge;
    const refreshed = this.#refreshOnce();
    if (isBlind) await this.#briefly(refreshed);
  }

  async #briefly(refreshed: Promise<void>): Promise<void> {
    const done = new AbortController();
    const impatience = wait(this.parts.clock, MAX_WAIT_WHILE_STALE, done.signal).catch(() => undefined);
    await Promise.race([refreshed, impatience]);
    done.abort();
  }

  get #age(): number {
    return this.#since(this.#readAt);
  }

  /**
   * By the wall clock, which goes on while the machine sleeps; one that was set back tells nothing.
   */
  #since(moment: number): number {
    const passed = this.parts.clock.now() - moment;
    return passed < 0 ? Number.POSITIVE_INFINITY : passed;
  }

  get #isDue(): boolean {
    return isDue(this.#state, this.settings, this.parts.clock.now());
  }

  #refreshOnce(): Promise<void> {
    if (this.parts.clock.monotonic() < this.#restsUntil) return Promise.resolve();
    return this.#refresh.run(async () => {
      try {
        await this.change((state) => state);
      } catch (error) {
        this.#failedAt = this.parts.clock.now();
        this.#restsUntil = this.parts.clock.monotonic() + REST;
        this.parts.onFailure(error);
      }
    });
  }

  /** Compare and set, again and again until it is this process's turn. */
  async #update(change: RingChange, timeout = CALL_TIMEOUT): Promise<void> {
    const { store } = this.parts;
    const made: Promise<NewKey>[] = [];
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      // Those of an attempt that was lost are as good as new ones.
      let used = 0;
      const makeKey = () => (made[used++] ??= newKey(this.settings));
      const entry = await this.#call(() => store.read(), timeout);
      const stored = this.#parse(entry);
      const state = await this.#completed(change, stored ?? EMPTY_RING, makeKey);
      const value = serializeRing(state);
      if (stored && value === serializeRing(stored)) return this.#adopt(state, entry?.version);
      if (await this.#call(() => store.write(value, entry?.version), timeout)) return this.#adopt(state, undefined);
    }
    throw new Error('The key ring was changed by other processes again and again');
  }

  async #completed(change: RingChange, stored: RingState, makeKey: () => Promise<NewKey>): Promise<RingState> {
    const { settings } = this;
    const now = this.parts.clock.now();
    const mine = withoutExpired(this.#state, settings, now);
    const known = withKeysInUse(merged(stored, mine, now), this.lastExpiryOf, settings, now);
    const changed = await change(known, now, makeKey);
    const kept = withoutExpired(changed, settings, now);
    return needsNext(kept, settings, now) ? withNext(kept, await makeKey(), settings, now) : kept;
  }

  /** The very entry that was read before needs no second look. */
  #parse(entry: KeyRingEntry | undefined): RingState | undefined {
    if (!entry) return undefined;
    return entry.version === this.#version ? this.#state : parseRing(entry.value);
  }

  #adopt(state: RingState, version: string | undefined): void {
    this.#state = state;
    this.#version = version;
    this.#readAt = this.parts.clock.now();
    for (const kid of this.lastExpiryOf.keys()) {
      if (!state.keys.some((key) => key.kid === kid)) this.lastExpiryOf.delete(kid);
    }
  }

  #call<T>(work: () => Promise<T>, delay: number): Promise<T> {
    const reason = () => new Error(`The key ring store did not answer within ${delay} ms`);
    return withDeadline({ clock: this.parts.clock, delay, reason }, work);
  }
}
