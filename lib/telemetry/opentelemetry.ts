import type { Counter, Histogram, ObservableCounter, ObservableGauge } from '@opentelemetry/api';
import type { LoadTracer } from '../core/load-tracer.js';
import type { TelemetrySource } from '../core/telemetry-source.js';
import { BOUNDARIES, INSTRUMENTS, type Attributes, type InstrumentId } from './instruments.js';
import { Observer } from './observations.js';
import { PacedRecording } from './paced-recording.js';
import { recordEvents } from './recordings.js';

type Api = typeof import('@opentelemetry/api');

const SCOPE = 'nestjs-jwks';

/**
 * Exports metrics, and a span for each load, through the API of OpenTelemetry: to the SDK that the
 * application has registered before this is called. Without one there is nothing to export to, and
 * nothing is recorded. Returns the function that ends it.
 *
 * @internal
 */
export function exportToOpenTelemetry(api: Api, source: TelemetrySource): () => void {
  const ends = [exportMetrics(api, source)];
  source.traceLoads(loadTracer(api, source));
  return () => {
    source.traceLoads(undefined);
    ends.forEach((end) => end());
  };
}

function exportMetrics(api: Api, source: TelemetrySource): () => void {
  const meter = api.metrics.getMeter(SCOPE);
  if (meter === api.createNoopMeter()) return () => undefined;
  const synchronous = new Map<InstrumentId, (value: number, attributes: Attributes) => void>();
  const observable = new Map<InstrumentId, ObservableCounter | ObservableGauge>();
  for (const [key, { name, kind, unit, description }] of Object.entries(INSTRUMENTS)) {
    const id = key as InstrumentId;
    const options = { unit, description };
    if (kind === 'histogram') {
      const advice = { explicitBucketBoundaries: [...BOUNDARIES] };
      const histogram: Histogram = meter.createHistogram(name, { ...options, advice });
      synchronous.set(id, (value, attributes) => histogram.record(value, attributes, api.ROOT_CONTEXT));
    } else if (id === 'storeFailures') {
      const counter: Counter = meter.createCounter(name, options);
      synchronous.set(id, (value, attributes) => counter.add(value, attributes, api.ROOT_CONTEXT));
    } else if (kind === 'counter') observable.set(id, meter.createObservableCounter(name, options));
    else observable.set(id, meter.createObservableGauge(name, options));
  }
  const instruments = [...observable.values()];
  const observer = new Observer(source);
  const paced = new PacedRecording(
    (instrument, attributes, value) => synchronous.get(instrument)?.(value, attributes),
    () => source.now(),
  );
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    if (source.isClosed) return;
    for (const { instrument, attributes, value } of observer.observe())
      result.observe(observable.get(instrument) as ObservableGauge, value, attributes);
    paced.catchUp();
  };
  meter.addBatchObservableCallback(observe, instruments);
  const end = recordEvents(source, (...recorded) => paced.record(...recorded));
  return () => {
    paced.catchUp();
    meter.removeBatchObservableCallback(observe, instruments);
    end();
  };
}

/**
 * A load is part of the request that waits for it: its span is a child of that one's, and the spans
 * of its HTTP requests are children of it.
 */
function loadTracer({ context, trace, SpanStatusCode }: Api, source: TelemetrySource): LoadTracer {
  const tracer = trace.getTracer(SCOPE);
  return {
    trace(load, work, outcomeOf) {
      const attributes = { 'jwks.issuer': source.labelOf(load.issuer), 'jwks.trigger': load.trigger };
      const span = tracer.startSpan('jwks.load', { attributes });
      return context.with(trace.setSpan(context.active(), span), work).then(
        (result) => {
          span.setAttribute('jwks.outcome', outcomeOf(result)).end();
          return result;
        },
        (error: unknown) => {
          const { code } = (error ?? {}) as { code?: unknown };
          const message = typeof code === 'string' ? code : 'error';
          span.setAttribute('jwks.outcome', 'failed').setStatus({ code: SpanStatusCode.ERROR, message }).end();
          throw error;
        },
      );
    },
  };
}
