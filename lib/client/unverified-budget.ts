import type { Clock } from '../core/clock.js';
import type { MaybePromise } from '../core/maybe-promise.js';
import { NotAskedError } from '../sources/source-faults.js';

/** @internal */
export interface UnverifiedBudgetSettings {
  /** How many permits the full budget holds. */
  readonly burst: number;
  /** How long it takes until a spent permit is back, in milliseconds. */
  readonly every: number;
}

/** Work that an unverified token may cause. @internal */
export interface Permit {
  /** The work led to a verified token: the permit is given back, even after `failed`. */
  succeeded(): void;
  /** The work ended without a verified token: the permit is spent. */
  failed(): void;
}

interface Waiter {
  readonly grant: (permit: Permit) => void;
  readonly deny: (error: NotAskedError) => void;
}

/** Work under way at the same time, at most. */
const MAX_OPEN = 1_000;
const MAX_WAITING = 10_000;

/**
 * Limits the work that unverified tokens cause, for all issuers together. Work that leads to a
 * verified token costs nothing: its permit comes back at once, and one more with it while others
 * wait, so that any number of good tokens gets through. Callers wait only for work under way, never
 * for time to pass.
 *
 * @internal
 */
export class UnverifiedBudget {
  private level: number;
  private filledAt: number;
  private open = 0;
  private readonly waiting = new Set<Waiter>();

  constructor(
    private readonly settings: UnverifiedBudgetSettings,
    private readonly clock: Clock,
  ) {
    this.level = settings.burst;
    this.filledAt = clock.monotonic();
  }

  /** Throws or rejects with a NotAskedError where the budget is spent. */
  take(signal?: AbortSignal): MaybePromise<Permit> {
    this.refill();
    if (this.level >= 1 && this.open < MAX_OPEN) return this.grant();
    if (this.open === 0 || this.waiting.size >= MAX_WAITING) throw this.denial();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.waiting.delete(waiter);
        reject(this.denial());
      };
      const settle = () => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        grant: (permit) => {
          settle();
          resolve(permit);
        },
        deny: (error) => {
          settle();
          reject(error);
        },
      };
      this.waiting.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  private grant(): Permit {
    this.level -= 1;
    this.open += 1;
    let state: 'open' | 'failed' | 'succeeded' = 'open';
    return {
      succeeded: () => {
        if (state === 'succeeded') return;
        if (state === 'open') this.open -= 1;
        state = 'succeeded';
        this.level += this.waiting.size > 0 ? 2 : 1;
        this.proceed();
      },
      failed: () => {
        if (state !== 'open') return;
        state = 'failed';
        this.open -= 1;
        this.proceed();
      },
    };
  }

  private proceed(): void {
    this.refill();
    for (const waiter of this.waiting) {
      if (this.level < 1 || this.open >= MAX_OPEN) break;
      this.waiting.delete(waiter);
      waiter.grant(this.grant());
    }
    if (this.waiting.size === 0) this.level = Math.min(this.level, this.settings.burst);
    if (this.open > 0) return;
    for (const waiter of this.waiting) waiter.deny(this.denial());
    this.waiting.clear();
  }

  private refill(): void {
    const { burst, every } = this.settings;
    const now = this.clock.monotonic();
    this.level = Math.max(this.level, Math.min(burst, this.level + (now - this.filledAt) / every));
    this.filledAt = now;
  }

  private denial(): NotAskedError {
    const retryAfter = Math.ceil((1 - this.level) * this.settings.every);
    return new NotAskedError('Too many issuers of unverified tokens were looked up', { retryAfter });
  }
}
