import { systemClock, type Clock } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';

/**
 * Remembers which DPoP proofs were used. Every process of an application must ask the same store, or
 * a proof can be used once in each of them.
 *
 * @publicApi
 */
export interface ReplayStore {
  /**
   * Adds a key for `ttl` milliseconds, atomically: of all that add one key within that time, one gets
   * `true`, the others `false`. Keys are hashes of constant length. A rejection, anything but a
   * boolean, and no answer within a second are answered with 503.
   */
  add(key: string, ttl: number): Promise<boolean>;
}

/** @publicApi */
export interface MemoryReplayStoreOptions {
  /**
   * The largest number of proofs that are remembered at a time, at about 200 bytes each. Beyond it
   * requests with proofs are answered with 503: forgetting one would let it be used again.
   *
   * @default 200_000
   */
  max?: number;
}

const DEFAULT_MAX = 200_000;
/** One for all: a stack for each costs more than the rest, just when there are too many requests. */
const FULL = new Error('The replay store is full');
/** What expires within one of these, in milliseconds, is forgotten at once. */
const SLOT = 1_000;

/**
 * Remembers proofs in the memory of this process: the default, right for a single process. It is
 * bounded by count and by time. A process that is started again knows none of them: where a captured
 * request must not pass even then, take `redisReplayStore`.
 *
 * @publicApi
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): ReplayStore {
  const { max = DEFAULT_MAX } = options;
  if (!Number.isSafeInteger(max) || max < 1)
    throw new JwksConfigurationError('Option "max" of memoryReplayStore takes a whole number from 1', 'max');
  return new MemoryReplayStore(max, systemClock);
}

/** @internal */
export class MemoryReplayStore implements ReplayStore {
  private readonly known = new Set<string>();
  /** The keys by when they expire: one slot is dropped as a whole, without looking at others. */
  private readonly slots = new Map<number, string[]>();
  /** Slots before this one are empty. */
  private first = Number.POSITIVE_INFINITY;

  constructor(
    private readonly max: number,
    private readonly clock: Clock,
  ) {}

  /** How many proofs are remembered. */
  get size(): number {
    return this.known.size;
  }

  async add(key: string, ttl: number): Promise<boolean> {
    return this.addNow(key, ttl);
  }

  /** The same without a promise, which most requests then wait for nowhere else. */
  addNow(key: string, ttl: number): boolean {
    const now = this.clock.monotonic();
    this.forgetUntil(Math.floor(now / SLOT));
    if (this.known.has(key)) return false;
    if (this.known.size >= this.max) throw FULL;
    this.known.add(key);
    // The slot after the one in which it expires.
    const slot = Math.floor((now + ttl) / SLOT) + 1;
    const keys = this.slots.get(slot);
    if (keys) keys.push(key);
    else this.slots.set(slot, [key]);
    this.first = Math.min(this.first, slot);
    return true;
  }

  private forgetUntil(current: number): void {
    if (this.first > current) return;
    this.first = Number.POSITIVE_INFINITY;
    for (const [slot, keys] of this.slots) {
      if (slot > current) {
        this.first = Math.min(this.first, slot);
        continue;
      }
      this.slots.delete(slot);
      for (const key of keys) this.known.delete(key);
    }
  }
}
