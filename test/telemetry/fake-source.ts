import type { JwksEvent, JwksEventListener } from '../../lib/core/events.js';
import type { LoadTracer } from '../../lib/core/load-tracer.js';
import type { SetSample, TelemetrySource, TokenRecorder } from '../../lib/core/telemetry-source.js';

export const ISSUER = 'https://id.example.com/';

/** A module as exporters see it, in any state. */
export class FakeSource implements TelemetrySource {
  isClosed = false;
  sets: SetSample[] = [sampleOf({})];
  tracer: LoadTracer | undefined;
  readonly listeners = new Set<JwksEventListener>();
  readonly recorders = new Set<TokenRecorder>();

  now(): number {
    return 1_000_000_000;
  }

  samples(): readonly SetSample[] {
    return this.sets;
  }

  labelOf(issuer: string | undefined): string {
    return issuer === undefined ? 'any' : issuer.startsWith('https://tenant') ? 'dynamic' : issuer;
  }

  subscribe(listener: JwksEventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  recordTokens(recorder: TokenRecorder): () => void {
    this.recorders.add(recorder);
    return () => this.recorders.delete(recorder);
  }

  traceLoads(tracer: LoadTracer | undefined): void {
    this.tracer = tracer;
  }

  emit(event: JwksEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  verified(issuer: string, duration: number, code?: string, count = 1): void {
    for (const recorder of this.recorders) recorder.record(issuer, duration, code, count);
  }
}

export function sampleOf(
  counters: Partial<SetSample['counters']>,
  set: SetSample['set'] = { state: 'fresh', keys: 2, fetchedAt: 999_990_000, staleUntil: 1_003_600_000 },
  issuer = ISSUER,
): SetSample {
  return { issuer, counters: { hits: 0, misses: 0, rotations: 0, unknownKids: 0, ...counters }, set };
}
