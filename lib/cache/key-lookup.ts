import type { RefreshCause } from '../core/events.js';
import type { JwkSet, KeySelector } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwkSetState } from './lifetime.js';

/** @internal */
export interface RefreshRequest {
  /** The set that the caller has; nothing is asked for where another one has taken its place. */
  readonly seen: JwkSet | undefined;
  readonly trigger: RefreshCause;
}

/**
 * The keys of one issuer: what verification and clients see of the cache.
 *
 * @internal
 */
export interface KeyLookup {
  /**
   * The set, if it serves without waiting; `undefined`: call `get()`. Starts the background refresh
   * of a set that is due for a refresh.
   */
  current(): JwkSet | undefined;
  /**
   * The set, whatever its state, with the clock offset that its source reported. Starts nothing.
   */
  peek(): { readonly set: JwkSet; readonly clockOffset?: number | undefined } | undefined;
  /** The set; waits where its state asks for that. Rejects with a SourceError. */
  get(): Promise<JwkSet>;
  /**
   * The key for a token's header; synchronous where the held set has it. A miss causes one shared
   * refetch within the budget. Rejects with SigningKeyNotFoundError, or with a SourceError where no
   * set is available.
   */
  find(selector: KeySelector): SigningKey | Promise<SigningKey>;
  /** The same by kid alone. */
  findByKid(kid: string): SigningKey | Promise<SigningKey>;
  /**
   * `requested`: always one attempt, rejects when it fails. `bad-signature`, `unknown-kid`: one
   * attempt within budget and backoff; returns the cached set if none is made or it fails.
   */
  refresh(request: RefreshRequest): Promise<JwkSet>;
  prefetch(): Promise<void>;
  /** The document as the source has it now; touches nothing that is held. */
  fetchDocument(): Promise<unknown>;
  status(): KeyLookupStatus;
  /** Ends the attempt under way and refuses everything later. */
  close(): void;
}

/** How often things happened since the start. @publicApi */
export interface JwkSetCounters {
  /** Look-ups answered at once from what is held. */
  readonly hits: number;
  /** Look-ups that had to wait for a set, or for a key that the held set lacks. */
  readonly misses: number;
  /** Times that the source was asked. */
  readonly fetches: number;
  /** Attempts that ended without a set. */
  readonly failures: number;
  /** New sets with other keys than the one before. */
  readonly rotations: number;
  /** Look-ups of a key that the held set lacked. */
  readonly unknownKids: number;
  /** Refetches not made, for the budget or the backoff. */
  readonly refetchesSkipped: number;
  /** Look-ups answered with a set past its freshness. */
  readonly staleServed: number;
  /** Times that the shared store was read. */
  readonly storeReads: number;
  /** Times that the shared store failed, hung, or held something unusable. */
  readonly storeFailures: number;
}

/**
 * What is kept of one issuer: plain data, no key material. Times are milliseconds since the epoch.
 *
 * @publicApi
 */
export interface KeyLookupStatus {
  readonly state: JwkSetState;
  /** How many keys are held, with a kid or without. */
  readonly keys: number;
  readonly kids: readonly string[];
  readonly algs: readonly string[];
  readonly fetchedAt?: number;
  /** Absent where the set never ages. */
  readonly freshUntil?: number;
  readonly staleUntil?: number;
  /** The last attempt that failed, also when a later one succeeded. */
  readonly lastFault?: { readonly code: string; readonly message: string; readonly at: number };
  readonly counters: JwkSetCounters;
}
