import { context, metrics, trace, type Attributes } from '@opentelemetry/api';
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BOUNDARIES, INSTRUMENTS } from '../../lib/telemetry/instruments.js';
import { exportToOpenTelemetry } from '../../lib/telemetry/opentelemetry.js';
import { FakeSource, ISSUER, sampleOf } from './fake-source.js';

class TestReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

interface Collected {
  readonly unit: string;
  readonly points: { attributes: Attributes; value: unknown }[];
}

let source: FakeSource;
let reader: TestReader;
let spans: InMemorySpanExporter;

beforeEach(() => {
  source = new FakeSource();
  reader = new TestReader();
  spans = new InMemorySpanExporter();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterEach(() => {
  metrics.disable();
  trace.disable();
  context.disable();
});

async function collect(): Promise<Map<string, Collected>> {
  const { resourceMetrics } = await reader.collect();
  return new Map(
    resourceMetrics.scopeMetrics
      .filter(({ scope }) => scope.name === 'nestjs-jwks')
      .flatMap(({ metrics: all }) => all)
      .map(({ descriptor, dataPoints }) => [
        descriptor.name,
        { unit: descriptor.unit, points: dataPoints.map(({ attributes, value }) => ({ attributes, value })) },
      ]),
  );
}

describe('OpenTelemetry metrics', () => {
  it('have the names and units of the table', async () => {
    exportToOpenTelemetry(api, source);
    source.emit({ type: 'set.unchanged', issuer: ISSUER, duration: 60 });
    source.emit({ type: 'store.failed', issuer: ISSUER, operation: 'set', reason: 'x' });
    source.verified(ISSUER, 1);
    const collected = await collect();
    expect(Object.fromEntries([...collected].map(([name, { unit }]) => [name, unit]))).toEqual(
      Object.fromEntries(Object.values(INSTRUMENTS).map(({ name, unit }) => [name, unit])),
    );
  });

  it('show sets and count from the start of the export', async () => {
    source.sets = [sampleOf({ hits: 10 })];
    exportToOpenTelemetry(api, source);
    source.sets = [sampleOf({ hits: 12, misses: 1 })];
    const collected = await collect();
    expect(collected.get('jwks.key_set.age')?.points).toEqual([{ attributes: { 'jwks.issuer': ISSUER }, value: 10 }]);
    expect(collected.get('jwks.lookups')?.points).toEqual([
      { attributes: { 'jwks.issuer': ISSUER, 'jwks.result': 'hit' }, value: 2 },
      { attributes: { 'jwks.issuer': ISSUER, 'jwks.result': 'miss' }, value: 1 },
    ]);
    expect(collected.get('jwks.key_set.state')?.points).toContainEqual({
      attributes: { 'jwks.issuer': ISSUER, 'jwks.state': 'fresh' },
      value: 1,
    });
  });

  it('record durations in seconds, rejections with their code', async () => {
    exportToOpenTelemetry(api, source);
    source.verified(ISSUER, 2, undefined, 3);
    source.verified(ISSUER, 0.05, 'claim_invalid');
    const points = (await collect()).get('jwt.verification.duration')?.points;
    expect(points).toMatchObject([
      { attributes: { 'jwks.issuer': ISSUER }, value: { count: 3, buckets: { boundaries: BOUNDARIES } } },
      { attributes: { 'jwks.issuer': ISSUER, 'error.type': 'claim_invalid' }, value: { count: 1 } },
    ]);
  });

  it('count every known token of ordinary traffic, and more with each collection after a flood', async () => {
    exportToOpenTelemetry(api, source);
    const count = async () => {
      const collected = await collect();
      return (collected.get('jwt.verification.duration')?.points[0]?.value as { count: number } | undefined)?.count;
    };
    for (let group = 0; group < 50; group += 1) source.verified(ISSUER, 0.002, undefined, 16);
    expect(await count()).toBe(800);
    for (let group = 0; group < 1_000; group += 1) source.verified(ISSUER, 0.002, undefined, 16);
    const collections = [await count(), await count(), await count(), await count()];
    expect(collections).toEqual([...collections].sort((one = 0, other = 0) => one - other));
    expect(collections[0]).toBeLessThan(8_000);
    expect(collections.at(-1)).toBe(16_800);
  });

  it('count what is left over when the export ends', async () => {
    const end = exportToOpenTelemetry(api, source);
    for (let group = 0; group < 100; group += 1) source.verified(ISSUER, 0.002, undefined, 16);
    end();
    const collected = await collect();
    expect(collected.get('jwt.verification.duration')?.points[0]?.value).toMatchObject({ count: 1_600 });
  });

  it('end with the export', async () => {
    const end = exportToOpenTelemetry(api, source);
    end();
    source.verified(ISSUER, 1);
    expect((await collect()).size).toBe(0);
    expect(source.listeners.size + source.recorders.size).toBe(0);
    expect(source.tracer).toBeUndefined();
  });

  it('record nothing where the application has no SDK', () => {
    metrics.disable();
    exportToOpenTelemetry(api, source);
    expect(source.listeners.size + source.recorders.size).toBe(0);
  });
});

describe('the span jwks.load', () => {
  it('covers a load as part of the request that waits for it', async () => {
    exportToOpenTelemetry(api, source);
    const tracer = trace.getTracer('test');
    const request = tracer.startSpan('request');
    const inner = vi.fn(() => tracer.startSpan('http').end());
    await context.with(trace.setSpan(context.active(), request), () =>
      source.tracer?.trace(
        { issuer: ISSUER, trigger: 'missing' },
        async () => inner(),
        () => 'loaded',
      ),
    );
    const [http, load] = spans.getFinishedSpans();
    expect(load).toMatchObject({
      name: 'jwks.load',
      attributes: { 'jwks.issuer': ISSUER, 'jwks.trigger': 'missing', 'jwks.outcome': 'loaded' },
    });
    expect(load?.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
    expect(http?.parentSpanContext?.spanId).toBe(load?.spanContext().spanId);
  });

  it('has the status of an error where the load failed', async () => {
    exportToOpenTelemetry(api, source);
    const error = Object.assign(new Error('https://id.example.com/jwks could not be reached'), {
      code: 'jwks_unavailable',
    });
    const traced = source.tracer?.trace(
      { issuer: 'https://tenant.example', trigger: 'missing' },
      () => Promise.reject(error),
      () => 'loaded',
    );
    await expect(traced).rejects.toBe(error);
    expect(spans.getFinishedSpans()).toMatchObject([
      {
        attributes: { 'jwks.issuer': 'dynamic', 'jwks.outcome': 'failed' },
        status: { code: api.SpanStatusCode.ERROR, message: 'jwks_unavailable' },
      },
    ]);
  });
});
