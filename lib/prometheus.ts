import type { Registry } from 'prom-client';
import type { JwksService } from './jwks.service.js';
import { PrometheusExporter, type PrometheusMetric } from './telemetry/prometheus.js';

const exporters = new WeakMap<object, PrometheusExporter>();

/**
 * Registers the metrics of a module with a registry of prom-client. Counting starts now; a scrape reads what is known and fetches nothing.
 *
 * ```ts
 * import { register } from 'prom-client';
 * registerJwksMetrics(app.get(JwksService), register);
 * ```
 *
 * Several modules may share a registry; a module that was closed is left out. Returns the function that ends the counting.
 *
 * @publicApi
 */
export function registerJwksMetrics(jwks: JwksService, registry: Registry): () => void {
  const exporter = exporters.get(registry) ?? new PrometheusExporter();
  exporters.set(registry, exporter);
  // Also where the registry was cleared since.
  const register = registry.registerMetric.bind(registry) as (metric: unknown) => void;
  exporter.metrics.forEach((metric: PrometheusMetric) => register(metric));
  return exporter.add(jwks.telemetry);
}
