import type { KeyLookupStatus } from '../cache/key-lookup.js';
import type { Clock } from '../core/clock.js';
import { isSetEvent, type JwksEventListener, type JwksEvents } from '../core/events.js';
import type { LoadTracer } from '../core/load-tracer.js';
import type { SampledCounters, SetSample, TelemetrySource, TokenRecorder } from '../core/telemetry-source.js';
import type { IssuerRegistry } from './issuer-registry.js';
import type { TokenTally } from './token-tally.js';

/** @internal */
export interface ModuleTelemetryParts {
  readonly issuers: IssuerRegistry;
  readonly events: JwksEvents;
  readonly clock: Clock;
  /** Whether issuers that a function returned have labels of their own. */
  readonly dynamicIssuers: boolean;
}

/** One known token of as many is timed. */
const GROUP = 16;

/**
 * What one module shows to exporters of metrics, and what they record of its tokens.
 *
 * @internal
 */
export class ModuleTelemetry implements TelemetrySource {
  isClosed = false;
  private recorders: readonly TokenRecorder[] = [];
  private turn = 0;

  constructor(private readonly parts: ModuleTelemetryParts) {}

  /** Whether the outcome of verifications is recorded. */
  get isRecording(): boolean {
    return this.recorders.length > 0;
  }

  /** Whether it is the turn of this token to be timed, should it be a known one. */
  get isTurn(): boolean {
    this.turn = (this.turn + 1) % GROUP;
    return this.turn === 0;
  }

  now(): number {
    return this.parts.clock.now();
  }

  samples(): readonly SetSample[] {
    const { issuers } = this.parts;
    const trustedIssuers = issuers.all();
    for (const { issuer, tally } of trustedIssuers) this.flush(issuer, tally);
    // Issuers with one label may share a set, which counts once.
    const distinct = new Map(
      trustedIssuers.map(({ issuer, keys }) => [issuers.isDynamic ? keys : {}, { issuer, keys }]),
    );
    const samples = [...distinct.values()].map(({ issuer, keys }) => this.sampleOf(issuer, keys.status()));
    return issuers.retired ? [...samples, { issuer: DYNAMIC, counters: issuers.retired }] : samples;
  }

  labelOf(issuer: string | undefined): string {
    if (this.parts.issuers.isDynamic && !this.parts.dynamicIssuers) return DYNAMIC;
    return issuer ?? ANY;
  }

  subscribe(listener: JwksEventListener): () => void {
    return this.parts.events.subscribe(listener, isSetEvent);
  }

  recordTokens(recorder: TokenRecorder): () => void {
    // Tokens before this are not for the new one.
    for (const { issuer, tally } of this.parts.issuers.all()) this.flush(issuer, tally);
    this.recorders = [...this.recorders, recorder];
    return () => void (this.recorders = this.recorders.filter((each) => each !== recorder));
  }

  traceLoads(tracer: LoadTracer | undefined): void {
    this.parts.events.tracer = tracer;
  }

  /** A token that was verified for the first time. */
  accepted(issuer: string | undefined, duration: number): void {
    const label = this.labelOf(issuer);
    for (const recorder of this.recorders) recorder.record(label, duration, undefined, 1);
  }

  /** Known tokens, of which the last one was timed. */
  acceptedKnown(issuer: string | undefined, tally: TokenTally, duration: number): void {
    tally.duration = duration;
    this.flush(issuer, tally);
  }

  /** `trusted`: whether the token was of a trusted issuer. */
  rejected(issuer: string | undefined, isTrusted: boolean, duration: number, code: string): void {
    const label = isTrusted ? this.labelOf(issuer) : UNTRUSTED;
    for (const recorder of this.recorders) recorder.record(label, duration, code, 1);
  }

  private flush(issuer: string | undefined, tally: TokenTally): void {
    const { untimed, duration } = tally;
    tally.untimed = 0;
    const label = this.labelOf(issuer);
    if (untimed > 0) for (const recorder of this.recorders) recorder.record(label, duration, undefined, untimed);
  }

  private sampleOf(issuer: string | undefined, status: KeyLookupStatus): SetSample {
    const { state, keys, fetchedAt, freshUntil, staleUntil, counters } = status;
    // A set that never ages is never fetched.
    const times = freshUntil === undefined ? {} : { fetchedAt, staleUntil };
    return { issuer: this.labelOf(issuer), counters, set: { state, keys, ...times } };
  }
}

const ANY = 'any';
const DYNAMIC = 'dynamic';
const UNTRUSTED = 'untrusted';

/** The sum of counters of issuers that are no longer in use. @internal */
export function addCounters(one: SampledCounters | undefined, other: SampledCounters): SampledCounters {
  return {
    hits: (one?.hits ?? 0) + other.hits,
    misses: (one?.misses ?? 0) + other.misses,
    rotations: (one?.rotations ?? 0) + other.rotations,
    unknownKids: (one?.unknownKids ?? 0) + other.unknownKids,
  };
}
