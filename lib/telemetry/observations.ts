import type { SampledCounters, SetSample, TelemetrySource } from '../core/telemetry-source.js';
import { STATES, type Attributes, type InstrumentId } from './instruments.js';

/** One value of a gauge or of a counter. @internal */
export interface Observation {
  readonly instrument: InstrumentId;
  readonly attributes: Attributes;
  readonly value: number;
}

interface Totals {
  counters: SampledCounters;
  readonly sets: NonNullable<SetSample['set']>[];
}

const NOTHING: SampledCounters = { hits: 0, misses: 0, rotations: 0, unknownKids: 0 };

/**
 * Reads what gauges and counters show, counted from when this was made. Issuers that share a label
 * are put together so that the worst of them shows: the oldest set, the least time left; states are
 * counted.
 *
 * @internal
 */
export class Observer {
  private readonly baseline: ReadonlyMap<string, SampledCounters>;

  constructor(private readonly source: TelemetrySource) {
    this.baseline = new Map([...totalsOf(source)].map(([issuer, { counters }]) => [issuer, counters]));
  }

  observe(): Observation[] {
    const now = this.source.now();
    return [...totalsOf(this.source)].flatMap(([issuer, { counters, sets }]) => [
      ...gauges(issuer, sets, now),
      ...this.counts(issuer, counters),
    ]);
  }

  private counts(issuer: string, counters: SampledCounters): Observation[] {
    const before = this.baseline.get(issuer) ?? NOTHING;
    const count = (instrument: InstrumentId, name: keyof SampledCounters, more: Attributes = {}): Observation => ({
      instrument,
      attributes: { 'jwks.issuer': issuer, ...more },
      value: counters[name] - before[name],
    });
    return [
      count('lookups', 'hits', { 'jwks.result': 'hit' }),
      count('lookups', 'misses', { 'jwks.result': 'miss' }),
      count('rotations', 'rotations'),
      count('unknownKids', 'unknownKids'),
    ];
  }
}

function totalsOf(source: TelemetrySource): Map<string, Totals> {
  const byIssuer = new Map<string, Totals>();
  for (const { issuer, counters, set } of source.samples()) {
    const totals = byIssuer.get(issuer) ?? { counters: NOTHING, sets: [] };
    totals.counters = sum(totals.counters, counters);
    if (set) totals.sets.push(set);
    byIssuer.set(issuer, totals);
  }
  return byIssuer;
}

function sum(one: SampledCounters, other: SampledCounters): SampledCounters {
  return {
    hits: one.hits + other.hits,
    misses: one.misses + other.misses,
    rotations: one.rotations + other.rotations,
    unknownKids: one.unknownKids + other.unknownKids,
  };
}

function gauges(issuer: string, sets: Totals['sets'], now: number): Observation[] {
  if (sets.length === 0) return [];
  const attributes = { 'jwks.issuer': issuer };
  const gauge = (instrument: InstrumentId, value: number): Observation => ({ instrument, attributes, value });
  const fetched = sets.flatMap(({ fetchedAt }) => fetchedAt ?? []);
  const left = sets.flatMap(timeLeft(now));
  const oldest = least(fetched);
  return [
    ...STATES.map((state): Observation => {
      const value = sets.filter((set) => stateOf(set.state) === state).length;
      return { instrument: 'state', attributes: { ...attributes, 'jwks.state': state }, value };
    }),
    gauge(
      'keys',
      sets.reduce((keys, set) => keys + set.keys, 0),
    ),
    ...(left.length > 0 ? [gauge('timeLeft', least(left) / 1000)] : []),
    ...(fetched.length > 0
      ? [gauge('age', Math.max(0, now - oldest) / 1000), gauge('lastSuccess', oldest / 1000)]
      : []),
  ];
}

function least(values: readonly number[]): number {
  return values.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
}

/** None is left of a set that was never loaded. */
function timeLeft(now: number) {
  return ({ state, staleUntil }: Totals['sets'][number]): number | [] =>
    stateOf(state) === 'expired' ? 0 : staleUntil === undefined ? [] : Math.max(0, staleUntil - now);
}

const SHOWN_AS: Readonly<Record<string, string>> = { empty: 'expired' };

function stateOf(state: string): string {
  return SHOWN_AS[state] ?? state;
}
