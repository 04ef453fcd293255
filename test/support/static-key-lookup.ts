import type { KeyLookup, KeyLookupStatus, RefreshRequest } from '../../lib/cache/key-lookup.js';
import { SigningKeyNotFoundError } from '../../lib/core/errors.js';
import type { JwkSet, KeySelector } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';

/** A set in the hand: what tests of the layers above the cache put in its place. */
export class StaticKeyLookup implements KeyLookup {
  /** What was asked of `refresh`, in order. */
  readonly refreshes: RefreshRequest[] = [];
  /** What a refresh brings, once; without it, a refresh returns the cached set. */
  next: JwkSet | undefined;
  /** What every look-up rejects with, while it is set. */
  fault: Error | undefined;

  constructor(public set: JwkSet) {}

  current(): JwkSet | undefined {
    return this.fault ? undefined : this.set;
  }

  peek(): { set: JwkSet } {
    return { set: this.set };
  }

  async get(): Promise<JwkSet> {
    if (this.fault) throw this.fault;
    return this.set;
  }

  find(selector: KeySelector): SigningKey | Promise<SigningKey> {
    return this.pick((set) => set.firstCandidate(selector), selector.kid);
  }

  findByKid(kid: string): SigningKey | Promise<SigningKey> {
    return this.pick((set) => set.get(kid), kid);
  }

  async refresh(request: RefreshRequest): Promise<JwkSet> {
    this.refreshes.push(request);
    if (this.fault) throw this.fault;
    if (this.next && request.seen === this.set) {
      this.set = this.next.reusing(this.set);
      this.next = undefined;
    }
    return this.set;
  }

  async prefetch(): Promise<void> {
    if (this.fault) throw this.fault;
  }

  async fetchDocument(): Promise<unknown> {
    if (this.fault) throw this.fault;
    return this.set.toJSON();
  }

  status(): KeyLookupStatus {
    const keys = [...this.set];
    return {
      state: 'fresh',
      keys: keys.length,
      kids: keys.flatMap((key) => key.kid ?? []),
      algs: [...new Set(keys.flatMap((key) => key.alg ?? []))],
      counters: {
        hits: 0,
        misses: 0,
        fetches: 0,
        failures: 0,
        rotations: 0,
        unknownKids: 0,
        refetchesSkipped: 0,
        staleServed: 0,
        storeReads: 0,
        storeFailures: 0,
      },
    };
  }

  close(): void {
    this.fault = new Error('closed');
  }

  private pick(
    look: (set: JwkSet) => SigningKey | undefined,
    kid: string | undefined,
  ): SigningKey | Promise<SigningKey> {
    if (this.fault) return Promise.reject(this.fault);
    return look(this.set) ?? Promise.reject(new SigningKeyNotFoundError(undefined, undefined, kid));
  }
}
