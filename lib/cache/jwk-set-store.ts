import { randomUUID } from 'node:crypto';
import { withDeadline, type Clock } from '../core/clock.js';
import type { JwksEvents } from '../core/events.js';
import { seal, unseal } from './seal.js';
import { entryKey, MAX_SKEW, parseEntry, serializeEntry, type EntryOwner, type StoreEntry } from './store-entry.js';
import { keyvErrors, type KeyvErrors } from './swallowed-errors.js';

/** What is used of a cache-manager `Cache`. @publicApi */
export interface JwksStore {
  get(key: string): Promise<unknown>;
  /** `ttl` in milliseconds. */
  set(key: string, value: unknown, ttl?: number): Promise<unknown>;
}

/** @internal */
export interface JwkSetStoreSettings extends EntryOwner {
  readonly prefix: string;
  /** How long one call may take, in milliseconds. */
  readonly timeout: number;
  /** How long the store is left alone after it failed, in milliseconds. */
  readonly retryAfter: number;
  /** The longest entry that is read, in characters. */
  readonly maxLength: number;
  /** Whether others use it. Otherwise it keeps entries as they are. */
  readonly isShared: boolean;
}

/** Calls that never ended: more are not added, for a client queues them while its server hangs. */
const MAX_OUTSTANDING = 10;

/** A claim that was given up. */
const FREE = '';

/** What a claimed lease looks like: the UUID of a process, and when it ends in milliseconds since the epoch. */
const LEASE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (\d{13})$/;
const MAX_LEASE_LENGTH = 100;

/**
 * The shared store made harmless: it may fail, hang or lie, and costs an event, never a request.
 *
 * @internal
 */
export class JwkSetStore {
  /** How often it was read, and how often it failed or held something unusable. */
  readonly counters = { storeReads: 0, storeFailures: 0 };
  private readonly key: string;
  private readonly claimant = randomUUID();
  /** Made with the first call to a shared store. One in memory has none: there may be thousands. */
  private closing: AbortController | undefined;
  private isClosed = false;
  private readonly keyvErrors: KeyvErrors;
  private reported: Map<string, number> | undefined;
  private outstanding = 0;
  private restsUntil = Number.NEGATIVE_INFINITY;
  private hasClaim = false;

  constructor(
    private readonly cache: JwksStore,
    private readonly settings: JwkSetStoreSettings,
    private readonly clock: Clock,
    private readonly events: JwksEvents,
  ) {
    this.key = entryKey(settings.prefix, settings);
    this.keyvErrors = keyvErrors(cache);
  }

  /**
   * The entry, if there is a good one that was fetched later than `newerThan` (wall clock).
   * `onLate` gets one that no caller waits for any more: at the start of a process its connection may
   * take longer than a request can wait, and during an outage there is nothing else to have. Never
   * rejects.
   */
  async read(
    newerThan = Number.NEGATIVE_INFINITY,
    onLate?: (entry: StoreEntry) => void,
  ): Promise<StoreEntry | undefined> {
    this.counters.storeReads += 1;
    const take = (value: unknown) => {
      const entry = this.parse(value, newerThan);
      if (entry) onLate?.(entry);
    };
    return this.parse(await this.call('get', () => this.cache.get(this.key), take), newerThan);
  }

  private parse(value: unknown, newerThan: number): StoreEntry | undefined {
    if (value === undefined || value === null) return undefined;
    const { settings: owner, key } = this;
    if (!owner.isShared) return (value as StoreEntry).fetchedAt > newerThan ? (value as StoreEntry) : undefined;
    const parsed = parseEntry(value, { owner, key, maxLength: owner.maxLength, now: this.clock.now(), newerThan });
    if (!parsed || 'set' in parsed) return parsed;
    this.report('get', parsed.reason, parsed.tampered);
    return undefined;
  }

  /** Stores an entry, unless the store has a newer one. Never rejects. */
  async write(entry: StoreEntry): Promise<void> {
    if (await this.read(entry.fetchedAt)) return;
    const ttl = Math.ceil(entry.staleUntil - this.clock.now());
    if (!(ttl > 0)) return;
    // What no other process reads need not be text, which would be a second copy of every set.
    const value = this.settings.isShared ? serializeEntry(entry, this.settings, this.key) : entry;
    await this.call('set', () => this.cache.set(this.key, value, ttl));
  }

  /**
   * Whether this process should be the one that fetches. A store without compare-and-set can't
   * promise that it is the only one: two that ask within one round trip may both get this answer, which
   * costs a fetch and nothing else. True where the store does not answer. Never rejects.
   */
  async claim(duration: number): Promise<boolean> {
    const key = `${this.key}:claim`;
    const { integrityKeys } = this.settings;
    const claim = `${this.claimant} ${this.clock.now() + duration}`;
    if (this.isTaken(await this.call('get', () => this.cache.get(key)), duration)) return false;
    await this.call('set', () => this.cache.set(key, seal(claim, `claim ${key}`, integrityKeys), duration));
    this.hasClaim = !this.isTaken(await this.call('get', () => this.cache.get(key)), duration);
    return this.hasClaim;
  }

  /** Junk is not a claim: a store that lies must not keep callers waiting. */
  private isTaken(value: unknown, duration: number): boolean {
    if (typeof value !== 'string' || value.length > MAX_LEASE_LENGTH) return false;
    const claim = unseal(value, `claim ${this.key}:claim`, this.settings.integrityKeys);
    const [, claimant, end] = LEASE.exec(claim ?? '') ?? [];
    const left = Number(end) - this.clock.now();
    return claimant !== undefined && claimant !== this.claimant && left > 0 && left <= duration + MAX_SKEW;
  }

  get isShared(): boolean {
    return this.settings.isShared;
  }

  /** Gives the claim up, if this process has it. Never rejects. */
  async release(): Promise<void> {
    if (!this.hasClaim) return;
    this.hasClaim = false;
    await this.call('set', () => this.cache.set(`${this.key}:claim`, FREE, 1));
  }

  /** Waits for no call any more. */
  close(): void {
    void this.release();
    this.isClosed = true;
    this.closing?.abort(new Error('The store is closed'));
  }

  /** `undefined` where the store fails or is left alone. */
  private async call(
    operation: 'get' | 'set',
    work: () => Promise<unknown>,
    onLate?: (answer: unknown) => void,
  ): Promise<unknown> {
    const { clock, settings } = this;
    if (this.isClosed || clock.monotonic() < this.restsUntil) return undefined;
    // Memory answers at once, and does not fail.
    if (!settings.isShared) return work();
    this.closing ??= new AbortController();
    if (this.outstanding >= MAX_OUTSTANDING) return undefined;
    const reason = () => new Error(`The store did not answer within ${settings.timeout} ms`);
    const errorsBefore = this.keyvErrors.count;
    try {
      const limit = { clock, delay: settings.timeout, parent: this.closing.signal, reason };
      const answer = await withDeadline(limit, async (signal) => {
        const late = await this.counted(work);
        if (signal.aborted && !this.isClosed) onLate?.(late);
        return late;
      });
      const mayHaveFailed = operation === 'set' || answer === undefined;
      if (mayHaveFailed && this.keyvErrors.count > errorsBefore) throw this.keyvErrors.last;
      return answer;
    } catch (cause) {
      if (this.isClosed) return undefined;
      this.restsUntil = clock.monotonic() + settings.retryAfter;
      this.report(operation, cause instanceof Error ? cause.message : 'The store failed');
      return undefined;
    }
  }

  private async counted(work: () => Promise<unknown>): Promise<unknown> {
    this.outstanding += 1;
    try {
      return await work();
    } finally {
      this.outstanding -= 1;
    }
  }

  /**
   * Counts always; tells the same reason once in a while, for one refresh may read several times.
   */
  private report(operation: 'get' | 'set', reason: string, tampered = false): void {
    this.counters.storeFailures += 1;
    const now = this.clock.monotonic();
    this.reported ??= new Map();
    const last = this.reported.get(reason);
    if (!this.events.observed || (last !== undefined && now - last < this.settings.retryAfter)) return;
    if (this.reported.size >= 10) this.reported.clear();
    this.reported.set(reason, now);
    const issuer = this.settings.issuer || undefined;
    this.events.emit({ type: 'store.failed', issuer, operation, reason, ...(tampered && { tampered }) });
  }
}
