import type { JwksEventListener } from './events.js';
import type { LoadTracer } from './load-tracer.js';

/** The look-ups of one issuer or of several, and what became of its sets. @internal */
export interface SampledCounters {
  readonly hits: number;
  readonly misses: number;
  readonly rotations: number;
  readonly unknownKids: number;
}

/** What is known of one issuer's set at this moment. @internal */
export interface SetSample {
  /** The value of the attribute `jwks.issuer`; issuers that a function returned share one. */
  readonly issuer: string;
  readonly counters: SampledCounters;
  /** Absent where only counters are left: of issuers that are no longer in use. */
  readonly set?: {
    readonly state: string;
    readonly keys: number;
    /**
     * Milliseconds since the epoch; absent where nothing was fetched, and of sets that are never
     * fetched.
     */
    readonly fetchedAt?: number | undefined;
    /** When it stops serving; absent where it never does, and where there is no set. */
    readonly staleUntil?: number | undefined;
  };
}

/** Takes the outcome of verifications. Called on the path of every request. @internal */
export interface TokenRecorder {
  /**
   * `count` tokens that took about `duration` milliseconds each. `code`: of the error; absent for
   * accepted tokens. Known tokens come in groups, of which one was timed.
   */
  record(issuer: string, duration: number, code: string | undefined, count: number): void;
}

/**
 * What exporters of metrics read of a module. Reading fetches nothing and starts nothing.
 *
 * @internal
 */
export interface TelemetrySource {
  readonly isClosed: boolean;
  /** The wall clock, in milliseconds since the epoch. */
  now(): number;
  samples(): readonly SetSample[];
  /** The value of the attribute `jwks.issuer` for the issuer of an event. */
  labelOf(issuer: string | undefined): string;
  /** Events about sets, without RxJS. Returns the function that ends the subscription. */
  subscribe(listener: JwksEventListener): () => void;
  /** Has the outcome of each verification recorded. Returns the function that ends it. */
  recordTokens(recorder: TokenRecorder): () => void;
  /** Has every load from a source traced, until it is called with `undefined`. */
  traceLoads(tracer: LoadTracer | undefined): void;
}
