import type { JwksStore } from '../../lib/cache/jwk-set-store.js';
import type { Clock } from '../../lib/core/clock.js';

/**
 * An in-memory store that fails, hangs and lies on demand. Entries lapse where it is given
 * a clock.
 */
export class HostileStore implements JwksStore {
  /** What it holds. */
  readonly entries = new Map<string, unknown>();
  /** The `ttl` of the last `set` of each key. */
  readonly ttls = new Map<string, number | undefined>();
  readonly calls: string[] = [];
  private mode: 'works' | 'fails' | 'hangs' = 'works';
  private lie: { value: unknown } | undefined;
  private readonly lapses = new Map<string, number>();
  private hung: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly clock?: Clock) {}

  works(): void {
    this.mode = 'works';
    this.lie = undefined;
  }

  fails(): void {
    this.mode = 'fails';
  }

  hangs(): void {
    this.mode = 'hangs';
  }

  /** Every read returns this, whatever the key. */
  lies(value: unknown): void {
    this.lie = { value };
  }

  /** How many calls have not ended. */
  get waiting(): number {
    return this.hung.length;
  }

  /** Ends the calls that hang. */
  letGo(end: 'resolve' | 'reject'): void {
    for (const call of this.hung.splice(0)) {
      if (end === 'resolve') call.resolve(undefined);
      else call.reject(new Error('Too late'));
    }
  }

  get(key: string): Promise<unknown> {
    this.calls.push(`get ${key}`);
    return this.behave(() => {
      if (this.lie) return this.lie.value;
      const hasLapsed = this.clock && this.clock.monotonic() >= (this.lapses.get(key) ?? Number.POSITIVE_INFINITY);
      return hasLapsed ? undefined : this.entries.get(key);
    });
  }

  set(key: string, value: unknown, ttl?: number): Promise<unknown> {
    this.calls.push(`set ${key}`);
    return this.behave(() => {
      // What a store across a network does to a value.
      this.entries.set(key, JSON.parse(JSON.stringify(value)));
      this.ttls.set(key, ttl);
      this.lapses.set(key, (this.clock?.monotonic() ?? 0) + (ttl ?? Number.POSITIVE_INFINITY));
      return value;
    });
  }

  /** The entries of sets, parsed, without their HMACs. */
  get sets(): unknown[] {
    return [...this.entries]
      .filter(([key]) => !key.endsWith(':claim'))
      .map(([, value]): unknown => JSON.parse((value as string).replace(/^[\w-]*\./, '')));
  }

  private behave(answer: () => unknown): Promise<unknown> {
    if (this.mode === 'fails') return Promise.reject(new Error('READONLY You can not write'));
    if (this.mode === 'hangs') return new Promise((resolve, reject) => this.hung.push({ resolve, reject }));
    return Promise.resolve().then(answer);
  }
}
