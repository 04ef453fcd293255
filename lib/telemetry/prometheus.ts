import type { TelemetrySource } from '../core/telemetry-source.js';
import { DurationHistogram } from './duration-histogram.js';
import { INSTRUMENTS, labelsOf, type Attributes, type Instrument, type InstrumentId } from './instruments.js';
import { Observer, type Observation } from './observations.js';
import { recordEvents } from './recordings.js';

/** One line of the text format. @internal */
export interface PrometheusValue {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

/** A metric as a registry of prom-client asks for it. @internal */
export interface PrometheusMetric {
  /** For OpenMetrics the registry takes `_total` off the names of counters. */
  name: string;
  readonly type: Instrument['kind'];
  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: PrometheusValue[] }>;
  reset(): void;
}

/** How values of several modules with the same labels are put together. */
const AGGREGATE: Record<Instrument['aggregator'], (one: number, other: number) => number> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
};

/**
 * The metrics of one registry, over all modules that were registered with it. They are computed
 * when the registry is scraped, so that prom-client takes no part in a request.
 *
 * @internal
 */
export class PrometheusExporter {
  readonly metrics: readonly PrometheusMetric[] = (Object.keys(INSTRUMENTS) as InstrumentId[]).map((id) =>
    this.metric(id),
  );
  private readonly sources = new Map<TelemetrySource, { readonly observer: Observer; readonly end: () => void }>();
  private readonly recorded = new Map<InstrumentId, Map<Attributes, DurationHistogram>>();
  private scrape: readonly Observation[] | undefined;

  /** Counts from now on. Returns the function that ends it. */
  add(source: TelemetrySource): () => void {
    if (this.sources.has(source)) return () => this.remove(source);
    const end = recordEvents(source, (instrument, attributes, value, count) =>
      this.histogram(instrument, attributes).add(value, count),
    );
    this.sources.set(source, { observer: new Observer(source), end });
    return () => this.remove(source);
  }

  private remove(source: TelemetrySource): void {
    this.sources.get(source)?.end();
    this.sources.delete(source);
  }

  private histogram(instrument: InstrumentId, attributes: Attributes): DurationHistogram {
    let series = this.recorded.get(instrument);
    if (!series) this.recorded.set(instrument, (series = new Map()));
    let histogram = series.get(attributes);
    if (!histogram) series.set(attributes, (histogram = new DurationHistogram()));
    return histogram;
  }

  private metric(id: InstrumentId): PrometheusMetric {
    const { prometheusName, description: help, kind: type, aggregator } = INSTRUMENTS[id];
    const metric: PrometheusMetric = {
      name: prometheusName,
      type,
      get: async () => ({ name: metric.name, help, type, aggregator, values: this.valuesOf(id, metric.name) }),
      reset: () => void this.recorded.delete(id),
    };
    return metric;
  }

  private valuesOf(id: InstrumentId, name: string): PrometheusValue[] {
    switch (INSTRUMENTS[id].kind) {
      case 'histogram':
        return this.merged(id).flatMap(([labels, histogram]) => histogramValues(name, labels, histogram));
      default:
        return id === 'storeFailures'
          ? this.merged(id).map(([labels, { count: value }]) => ({ labels, value }))
          : this.observed(id);
    }
  }

  /** Two modules may trust the same issuer. */
  private merged(id: InstrumentId): [Record<string, string>, DurationHistogram][] {
    const byLabels = new Map<string, [Record<string, string>, DurationHistogram]>();
    for (const [attributes, histogram] of this.recorded.get(id) ?? []) {
      const labels = labelsOf(attributes);
      const entry = byLabels.get(JSON.stringify(labels)) ?? [labels, new DurationHistogram()];
      entry[1].addAll(histogram);
      byLabels.set(JSON.stringify(labels), entry);
    }
    return [...byLabels.values()];
  }

  private observed(id: InstrumentId): PrometheusValue[] {
    const byLabels = new Map<string, PrometheusValue>();
    for (const { instrument, attributes, value } of this.observations()) {
      if (instrument !== id) continue;
      const labels = labelsOf(attributes);
      const other = byLabels.get(JSON.stringify(labels));
      const total = other ? AGGREGATE[INSTRUMENTS[id].aggregator](other.value, value) : value;
      byLabels.set(JSON.stringify(labels), { labels, value: total });
    }
    return [...byLabels.values()];
  }

  /** Read once for all metrics of a scrape, which a registry asks for in one go. */
  private observations(): readonly Observation[] {
    if (this.scrape) return this.scrape;
    // A module that was closed has no sets left to show.
    for (const source of this.sources.keys()) if (source.isClosed) this.remove(source);
    this.scrape = [...this.sources.values()].flatMap(({ observer }) => observer.observe());
    queueMicrotask(() => (this.scrape = undefined));
    return this.scrape;
  }
}

function histogramValues(name: string, labels: Record<string, string>, histogram: DurationHistogram) {
  const buckets = histogram.cumulative().map(([bound, value]): PrometheusValue => ({
    metricName: `${name}_bucket`,
    labels: { le: Number.isFinite(bound) ? bound : '+Inf', ...labels },
    value,
  }));
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: histogram.count },
  ];
}
