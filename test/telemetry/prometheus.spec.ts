import { AggregatorRegistry, Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JwksService } from '../../lib/jwks.service.js';
import { registerJwksMetrics } from '../../lib/prometheus.js';
import { INSTRUMENTS } from '../../lib/telemetry/instruments.js';
import { FakeSource, ISSUER, sampleOf } from './fake-source.js';

let source: FakeSource;
let registry: Registry;

beforeEach(() => {
  source = new FakeSource();
  registry = new Registry();
});

function register(from = source): () => void {
  return registerJwksMetrics({ telemetry: from } as unknown as JwksService, registry);
}

/** The lines of a scrape that are values of a metric. */
async function scrape(name: string): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));
}

const of = (more = '') => `{jwks_issuer="${ISSUER}"${more && `,${more}`}}`;

describe('Prometheus metrics', () => {
  it('have the names and types of the table', async () => {
    register();
    const text = await registry.metrics();
    for (const { prometheusName, kind } of Object.values(INSTRUMENTS))
      expect(text).toContain(`# TYPE ${prometheusName} ${kind}`);
    expect(await registry.getMetricsAsJSON()).toHaveLength(Object.keys(INSTRUMENTS).length);
  });

  it('show the set as it is at the moment of the scrape', async () => {
    register();
    expect(await scrape('jwks_key_set_')).toEqual([
      `jwks_key_set_age_seconds${of()} 10`,
      `jwks_key_set_time_left_seconds${of()} 3600`,
      `jwks_key_set_last_success_timestamp_seconds${of()} 999990`,
      `jwks_key_set_state${of('jwks_state="fresh"')} 1`,
      `jwks_key_set_state${of('jwks_state="refresh-due"')} 0`,
      `jwks_key_set_state${of('jwks_state="stale"')} 0`,
      `jwks_key_set_state${of('jwks_state="expired"')} 0`,
      `jwks_key_set_keys${of()} 2`,
      `jwks_key_set_rotations_total${of()} 0`,
    ]);
    source.sets = [sampleOf({}, { state: 'stale', keys: 2, fetchedAt: 900_000_000, staleUntil: 1_000_001_500 })];
    expect(await scrape('jwks_key_set_state')).toContain(`jwks_key_set_state${of('jwks_state="stale"')} 1`);
    expect(await scrape('jwks_key_set_time_left')).toEqual([`jwks_key_set_time_left_seconds${of()} 1.5`]);
  });

  it('call a set that was never loaded expired, with no time left', async () => {
    source.sets = [sampleOf({}, { state: 'empty', keys: 0 })];
    register();
    expect(await scrape('jwks_key_set_state')).toContain(`jwks_key_set_state${of('jwks_state="expired"')} 1`);
    expect(await scrape('jwks_key_set_time_left')).toEqual([`jwks_key_set_time_left_seconds${of()} 0`]);
    expect(await scrape('jwks_key_set_age')).toEqual([]);
  });

  it('have no times for a set that is never fetched', async () => {
    source.sets = [sampleOf({}, { state: 'fresh', keys: 1 })];
    register();
    expect(await scrape('jwks_key_set_(age|time_left|last)')).toEqual([]);
    expect(await scrape('jwks_key_set_keys')).toEqual([`jwks_key_set_keys${of()} 1`]);
  });

  it('count from their registration on', async () => {
    source.sets = [sampleOf({ hits: 100, misses: 10, rotations: 1, unknownKids: 7 })];
    register();
    source.sets = [sampleOf({ hits: 105, misses: 11, rotations: 2, unknownKids: 7 })];
    expect(await scrape('jwks_lookups')).toEqual([
      `jwks_lookups_total${of('jwks_result="hit"')} 5`,
      `jwks_lookups_total${of('jwks_result="miss"')} 1`,
    ]);
    expect(await scrape('jwks_key_set_rotations')).toEqual([`jwks_key_set_rotations_total${of()} 1`]);
    expect(await scrape('jwks_unknown_kids')).toEqual([`jwks_unknown_kids_total${of()} 0`]);
  });

  it('count one load once, from the source alone, with the code of its failure', async () => {
    register();
    source.emit({ type: 'set.loaded', issuer: ISSUER, duration: 40, from: 'source', keys: 2 });
    source.emit({ type: 'set.loaded', issuer: ISSUER, duration: 1, from: 'store', keys: 2 });
    source.emit({ type: 'set.unchanged', issuer: ISSUER, duration: 60 });
    source.emit({
      type: 'refresh.failed',
      issuer: ISSUER,
      duration: 5_000,
      trigger: 'stale',
      code: 'jwks_unavailable',
      reason: 'x',
      retryIn: 1,
    });
    const lines = await scrape('jwks_fetch_duration');
    expect(lines).toContain(`jwks_fetch_duration_seconds_count${of()} 2`);
    expect(lines).toContain(`jwks_fetch_duration_seconds_sum${of()} 0.1`);
    expect(lines).toContain(`jwks_fetch_duration_seconds_bucket{le="0.05",jwks_issuer="${ISSUER}"} 1`);
    expect(lines).toContain(`jwks_fetch_duration_seconds_count${of('error_type="jwks_unavailable"')} 1`);
  });

  it('count failures of the store by operation, from 0 on, so that the first one is an increase', async () => {
    register();
    expect(await scrape('jwks_store_failures')).toEqual([
      `jwks_store_failures_total${of('jwks_operation="get"')} 0`,
      `jwks_store_failures_total${of('jwks_operation="set"')} 0`,
    ]);
    source.emit({ type: 'store.failed', issuer: ISSUER, operation: 'get', reason: 'timeout' });
    expect(await scrape('jwks_store_failures')).toContain(`jwks_store_failures_total${of('jwks_operation="get"')} 1`);
  });

  it('count verifications by outcome, in buckets from 0.1 ms on', async () => {
    register();
    source.verified(ISSUER, 0.002, undefined, 16);
    source.verified(ISSUER, 30);
    source.verified('untrusted', 0.01, 'issuer_untrusted');
    const lines = await scrape('jwt_verification_duration');
    expect(lines).toContain(`jwt_verification_duration_seconds_bucket{le="0.0001",jwks_issuer="${ISSUER}"} 16`);
    expect(lines).toContain(`jwt_verification_duration_seconds_bucket{le="0.05",jwks_issuer="${ISSUER}"} 17`);
    expect(lines).toContain(`jwt_verification_duration_seconds_bucket{le="+Inf",jwks_issuer="${ISSUER}"} 17`);
    expect(lines).toContain(
      'jwt_verification_duration_seconds_count{jwks_issuer="untrusted",error_type="issuer_untrusted"} 1',
    );
  });

  it('have one series for all issuers that a function returned', async () => {
    const tenant = (hits: number, state: string) =>
      sampleOf({ hits }, { state, keys: 1, fetchedAt: 999_000_000, staleUntil: 1_000_010_000 }, 'dynamic');
    source.sets = [];
    register();
    source.sets = Array.from({ length: 1_000 }, (_, index) => tenant(2, index < 3 ? 'stale' : 'fresh'));
    const lines = (await registry.metrics()).split('\n').filter((line) => line.includes('"dynamic"'));
    expect(lines).toHaveLength(12);
    expect(lines).toContain('jwks_key_set_state{jwks_issuer="dynamic",jwks_state="stale"} 3');
    expect(lines).toContain('jwks_lookups_total{jwks_issuer="dynamic",jwks_result="hit"} 2000');
  });

  it('do not grow without end with the codes of an application', async () => {
    register();
    for (let index = 0; index < 1_000; index += 1) source.verified(ISSUER, 1, `code_${index}`);
    expect(await scrape('jwt_verification_duration_seconds_count')).toHaveLength(51);
  });

  it('cover several modules on one registry, and leave out one that was closed', async () => {
    register();
    const other = new FakeSource();
    other.sets = [
      sampleOf({ hits: 1 }, { state: 'stale', keys: 5, fetchedAt: 999_980_000, staleUntil: 1_000_060_000 }),
    ];
    register(other);
    other.sets = [sampleOf({ hits: 4 }, other.sets[0]?.set)];
    other.verified(ISSUER, 1);
    source.verified(ISSUER, 1);
    expect(await scrape('jwks_key_set_age')).toEqual([`jwks_key_set_age_seconds${of()} 20`]);
    expect(await scrape('jwks_lookups_total')).toContain(`jwks_lookups_total${of('jwks_result="hit"')} 3`);
    expect(await scrape('jwt_verification_duration_seconds_count')).toEqual([
      `jwt_verification_duration_seconds_count${of()} 2`,
    ]);
    other.isClosed = true;
    expect(await scrape('jwks_key_set_age')).toEqual([`jwks_key_set_age_seconds${of()} 10`]);
    expect(other.listeners.size + other.recorders.size).toBe(0);
  });

  it('count a module once that is registered twice', async () => {
    register();
    register();
    source.verified(ISSUER, 1);
    expect(await scrape('jwt_verification_duration_seconds_count')).toEqual([
      `jwt_verification_duration_seconds_count${of()} 1`,
    ]);
  });

  it('end where that is asked for', async () => {
    register()();
    expect(source.listeners.size + source.recorders.size).toBe(0);
    expect(await scrape('jwks_key_set_keys')).toEqual([]);
  });

  it('come back to a registry that was cleared', async () => {
    register();
    registry.clear();
    register();
    expect(await scrape('jwks_key_set_keys')).toEqual([`jwks_key_set_keys${of()} 2`]);
  });

  it('can be reset, put together with those of other workers, and written as OpenMetrics', async () => {
    register();
    source.verified(ISSUER, 1);
    const merged = AggregatorRegistry.aggregate([await registry.getMetricsAsJSON(), await registry.getMetricsAsJSON()]);
    const text = await merged.metrics();
    expect(text).toContain(`jwt_verification_duration_seconds_count${of()} 2`);
    expect(text).toContain(`jwks_key_set_keys${of()} 2`);
    registry.resetMetrics();
    expect(await scrape('jwt_verification_duration_seconds_count')).toEqual([]);
    const open = new Registry();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    registerJwksMetrics({ telemetry: source } as unknown as JwksService, open);
    expect(await open.metrics()).toContain(`jwks_lookups_total{jwks_issuer="${ISSUER}",jwks_result="hit"} 0`);
  });
});
