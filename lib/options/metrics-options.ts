import { DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';

/**
 * What is exported to OpenTelemetry, where `@opentelemetry/api` is installed.
 *
 * @publicApi
 */
export interface JwksMetricsOptions {
  /**
   * `true`: each issuer that a function returned is a value of the attribute `jwks.issuer` of its
   * own, as many as there are. Without it they share the value `dynamic`.
   *
   * @default false
   */
  dynamicIssuers?: boolean;
}

/** @internal */
export type ResolvedMetrics = { readonly dynamicIssuers: boolean } | false;

/** @internal */
export function resolveMetrics(parent: OptionReader): ResolvedMetrics {
  if (parent.get('metrics') === false) return false;
  const options = parent.section('metrics', ['dynamicIssuers'] satisfies (keyof JwksMetricsOptions)[]);
  return { dynamicIssuers: options.boolean('dynamicIssuers', DEFAULTS.metrics.dynamicIssuers) };
}
