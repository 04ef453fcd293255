import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Test } from '@nestjs/testing';
import { metrics, trace } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JwksModule, JwksService } from '../../lib/index.js';
import { registerJwksMetrics } from '../../lib/prometheus.js';
import { faultOf, serviceOf, startIssuer } from '../client/support.js';
import { CompiledLib } from '../support/compiled-lib.js';
import { HostileStore } from '../support/hostile-store.js';
import { ManualClock } from '../support/manual-clock.js';
import { encode } from '../tokens/raw-token.js';

class TestReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** The values of a scrape, by name and labels. */
async function scrape(registry: Registry): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('the metrics of a module', () => {
  it('show an outage within one scrape: state, time left and failures', async () => {
    const issuer = await startIssuer();
    const clock = new ManualClock();
    const jwks = serviceOf({ ...issuer.options(), cache: { staleIfError: '1h' }, http: { retries: 0 } }, clock);
    const registry = new Registry();
    registerJwksMetrics(jwks, registry);
    const label = `jwks_issuer="${issuer.issuer}"`;
    const state = async (name: string) =>
      (await scrape(registry)).get(`jwks_key_set_state{${label},jwks_state="${name}"}`);

    await jwks.getJwkSet();
    expect(await state('fresh')).toBe(1);
    await clock.pass('9m');
    expect(await state('refresh-due')).toBe(1);
    await issuer.down();
    await clock.pass('11m');
    await jwks.getJwkSet();
    const values = await scrape(registry);
    expect(values.get(`jwks_key_set_state{${label},jwks_state="stale"}`)).toBe(1);
    expect(values.get(`jwks_key_set_time_left_seconds{${label}}`)).toBe(3_000);
    expect(values.get(`jwks_key_set_age_seconds{${label}}`)).toBe(1_200);
    expect(values.get(`jwks_fetch_duration_seconds_count{${label},error_type="jwks_unavailable"}`)).toBe(1);
    await clock.pass('1h');
    expect(await state('expired')).toBe(1);
    await issuer.up();
    await jwks.getJwkSet();
    expect(await state('fresh')).toBe(1);
  });

  it('count each token once, known ones too, whenever they are read', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    const registry = new Registry();
    const [first, second] = [await issuer.sign(), await issuer.sign({ sub: 'bob' })];
    await jwks.verify(first);
    registerJwksMetrics(jwks, registry);
    const accepted = async () =>
      (await scrape(registry)).get(`jwt_verification_duration_seconds_count{jwks_issuer="${issuer.issuer}"}`);
    for (let count = 1; count <= 50; count += 1) {
      await jwks.verify(count % 7 === 0 ? second : first);
      if (count % 9 === 0) expect(await accepted()).toBe(count);
    }
    expect(await accepted()).toBe(50);
  });

  it('count rejections by code, those of no trusted issuer as untrusted', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf(issuer.options());
    const registry = new Registry();
    registerJwksMetrics(jwks, registry);
    await faultOf(jwks.verify(await issuer.sign({ aud: 'account' })));
    await faultOf(jwks.verify(await issuer.sign({ iss: 'https://other.example' })));
    await faultOf(jwks.verify('opaque'));
    const counts = [...(await scrape(registry))].filter(([name]) =>
      name.startsWith('jwt_verification_duration_seconds_count'),
    );
    expect(Object.fromEntries(counts)).toEqual({
      [`jwt_verification_duration_seconds_count{jwks_issuer="${issuer.issuer}",error_type="claim_invalid"}`]: 1,
      'jwt_verification_duration_seconds_count{jwks_issuer="untrusted",error_type="issuer_untrusted"}': 1,
      'jwt_verification_duration_seconds_count{jwks_issuer="untrusted",error_type="token_malformed"}': 1,
    });
  });

  it('fetch nothing when they are read', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf({ ...issuer.options(), prefetch: false });
    const registry = new Registry();
    registerJwksMetrics(jwks, registry);
    await registry.metrics();
    expect(issuer.requests).toEqual([]);
  });

  it('count failures of the shared store', async () => {
    const issuer = await startIssuer();
    const store = new HostileStore();
    store.fails();
    const jwks = serviceOf({ ...issuer.options(), cache: { store } });
    const registry = new Registry();
    registerJwksMetrics(jwks, registry);
    await jwks.getJwkSet();
    const failures = (await scrape(registry)).get(
      `jwks_store_failures_total{jwks_issuer="${issuer.issuer}",jwks_operation="get"}`,
    );
    expect(failures).toBe(1);
  });

  it('have one series for issuers that a function returns, and never lose a count with one that goes', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf({
      audience: false,
      issuers: (name) => ({ issuer: name, jwks: issuer.jwks }),
    });
    const registry = new Registry();
    registerJwksMetrics(jwks, registry);
    const lookups = async () => {
      const scraped = await scrape(registry);
      const named = (result: string) =>
        scraped.get(`jwks_lookups_total{jwks_issuer="dynamic",jwks_result="${result}"}`);
      return (named('hit') ?? 0) + (named('miss') ?? 0);
    };
    for (let index = 0; index < 1_010; index += 1) {
      await jwks.verify(await issuer.sign({ iss: `https://tenant-${index}.example` }));
      if (index === 5) expect((await scrape(registry)).size).toBeGreaterThan(0);
    }
    const values = [...(await scrape(registry)).keys()];
    expect(values.filter((name) => name.includes('tenant'))).toEqual([]);
    const [before, series] = [await lookups(), values.length];
    await jwks.verify(await issuer.sign({ iss: 'https://tenant-new.example' }));
    expect(await lookups()).toBeGreaterThan(before);
    expect((await scrape(registry)).size).toBe(series);
  });

  it('have a label for each of them where that is asked for', async () => {
    const issuer = await startIssuer();
    const jwks = serviceOf({
      audience: false,
      issuers: (name) => ({ issuer: name, jwks: issuer.jwks }),
      metrics: { dynamicIssuers: true },
    });
    const registry = new Registry();
    registerJwksMetrics(jwks, registry);
    await jwks.verify(await issuer.sign({ iss: 'https://tenant.example' }));
    expect([...(await scrape(registry)).keys()].some((name) => name.includes('"https://tenant.example"'))).toBe(true);
  });

  it('hold nothing of a token, whatever is in it', async () => {
    const issuer = await startIssuer();
    const text = fc.oneof(fc.string({ minLength: 12 }), fc.string({ unit: 'binary', minLength: 12 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ iss: text, kid: text, alg: text, aud: text, sub: text, nonce: text }), { maxLength: 5 }),
        async (tokens) => {
          const jwks = serviceOf({ ...issuer.options(), http: { retries: 0 } });
          const registry = new Registry();
          registerJwksMetrics(jwks, registry);
          for (const { kid, alg, ...claims } of tokens) {
            const signed = await issuer.sign({ ...claims, iss: issuer.issuer });
            const forged = `${encode({ alg, kid })}.${encode(claims)}.AAAA`;
            for (const token of [signed, forged, kid]) await jwks.verify(token).catch(() => undefined);
          }
          const labels = [...(await scrape(registry)).keys()].join('\n').replaceAll(issuer.issuer, '');
          for (const value of tokens.flatMap((token) => Object.values(token))) expect(labels).not.toContain(value);
          const values = [...labels.matchAll(/="([^"]*)"/g)].map(([, value = '']) => value);
          expect(values.filter((value) => !/^[a-z_-]*$|^[\d.]+$|^\+Inf$/.test(value))).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('OpenTelemetry', () => {
  it('gets metrics and the span of the load from an application that has an SDK', async () => {
    const spans = new InMemorySpanExporter();
    const reader = new TestReader();
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
    onTestFinished(() => {
      metrics.disable();
      trace.disable();
    });
    const issuer = await startIssuer();
    const app = await Test.createTestingModule({ imports: [JwksModule.forRoot(issuer.options())] }).compile();
    await app.init();
    onTestFinished(() => app.close());
    const token = await issuer.sign();
    for (let count = 0; count < 3; count += 1) await app.get(JwksService).verify(token);
    const { resourceMetrics } = await reader.collect();
    const collected = new Map(
      resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics).map((each) => [each.descriptor.name, each]),
    );
    expect(collected.get('jwt.verification.duration')?.dataPoints).toMatchObject([
      { attributes: { 'jwks.issuer': issuer.issuer }, value: { count: 3 } },
    ]);
    expect(collected.get('jwks.fetch.duration')?.dataPoints).toMatchObject([{ value: { count: 1 } }]);
    expect(spans.getFinishedSpans().map(({ name, attributes }) => ({ name, ...attributes }))).toEqual([
      { name: 'jwks.load', 'jwks.issuer': issuer.issuer, 'jwks.trigger': 'prefetch', 'jwks.outcome': 'loaded' },
    ]);
  });
});

describe('optional peers', () => {
  it('are loaded by no import of the package, and OpenTelemetry not by a module with `metrics: false` either', async () => {
    await using lib = await CompiledLib.make();
    const script = `
      import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(\`
        export async function resolve(specifier, context, next) {
          if (/^(@opentelemetry|prom-client|@nestjs\\\\/terminus)/.test(specifier)) console.log('asked for ' + specifier);
          return next(specifier, context);
        }\`));
      const { JwksModule } = await import('${lib.url}');
      const { NestFactory } = await import('@nestjs/core');
      await import('reflect-metadata');
      const start = async (options) => {
        class App {}
        Reflect.defineMetadata('imports', [JwksModule.forRoot({ issuer: 'https://id.example.com', audience: false, prefetch: false, ...options })], App);
        await (await NestFactory.createApplicationContext(App, { logger: false })).close();
      };
      await start({ metrics: false });
      console.log('now on');
      await start({});
    `;
    const cwd = fileURLToPath(new URL('../../', import.meta.url));
    const output = await new Promise<string>((resolve) =>
      execFile(
        process.execPath,
        ['--no-deprecation', '--input-type=module', '--eval', script],
        { cwd },
        (_error, stdout, stderr) => resolve(stdout + stderr),
      ),
    );
    expect(output).toBe('now on\nasked for @opentelemetry/api\n');
  });
});
