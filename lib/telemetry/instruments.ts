/** @internal */
export interface Instrument {
  /** The name in OpenTelemetry. */
  readonly name: string;
  /** The name in Prometheus. */
  readonly prometheusName: string;
  readonly kind: 'histogram' | 'gauge' | 'counter';
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly string[];
  /** How prom-client's cluster mode puts the values of several workers together. */
  readonly aggregator: 'sum' | 'min' | 'max';
}

const ISSUER = 'jwks.issuer';

/**
 * Every instrument there is, for all exporters. Attribute values come from the configuration or
 * from a fixed list, never from a token.
 *
 * @internal
 */
export const INSTRUMENTS = {
  fetchDuration: {
    name: 'jwks.fetch.duration',
    prometheusName: 'jwks_fetch_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of loading a JWK Set, with retries and discovery',
    attributes: [ISSUER, 'error.type'],
    aggregator: 'sum',
  },
  age: {
    name: 'jwks.key_set.age',
    prometheusName: 'jwks_key_set_age_seconds',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the JWK Set was fetched or confirmed',
    attributes: [ISSUER],
    aggregator: 'max',
  },
  timeLeft: {
    name: 'jwks.key_set.time_left',
    prometheusName: 'jwks_key_set_time_left_seconds',
    kind: 'gauge',
    unit: 's',
    description: 'Time until the JWK Set stops serving unless it is refreshed',
    attributes: [ISSUER],
    aggregator: 'min',
  },
  lastSuccess: {
    name: 'jwks.key_set.last_success',
    prometheusName: 'jwks_key_set_last_success_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    description: 'When the JWK Set was last fetched or confirmed, in seconds since the epoch',
    attributes: [ISSUER],
    aggregator: 'min',
  },
  state: {
    name: 'jwks.key_set.state',
    prometheusName: 'jwks_key_set_state',
    kind: 'gauge',
    unit: '{set}',
    description: 'State of the JWK Set: 1 for the present one, 0 for the others',
    attributes: [ISSUER, 'jwks.state'],
    aggregator: 'sum',
  },
  keys: {
    name: 'jwks.key_set.keys',
    prometheusName: 'jwks_key_set_keys',
    kind: 'gauge',
    unit: '{key}',
    description: 'Usable keys in the JWK Set',
    attributes: [ISSUER],
    aggregator: 'max',
  },
  rotations: {
    name: 'jwks.key_set.rotations',
    prometheusName: 'jwks_key_set_rotations_total',
    kind: 'counter',
    unit: '{rotation}',
    description: 'JWK Sets accepted with other keys than the one before',
    attributes: [ISSUER],
    aggregator: 'sum',
  },
  lookups: {
    name: 'jwks.lookups',
    prometheusName: 'jwks_lookups_total',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Look-ups of keys: hit where the set in memory had it, miss where a fetch was needed or rejected',
    attributes: [ISSUER, 'jwks.result'],
    aggregator: 'sum',
  },
  unknownKids: {
    name: 'jwks.unknown_kids',
    prometheusName: 'jwks_unknown_kids_total',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Look-ups of a key that the JWK Set in memory lacked',
    attributes: [ISSUER],
    aggregator: 'sum',
  },
  storeFailures: {
    name: 'jwks.store.failures',
    prometheusName: 'jwks_store_failures_total',
    kind: 'counter',
    unit: '{failure}',
    description: 'Times that the shared store failed, hung or held an unusable entry',
    attributes: [ISSUER, 'jwks.operation'],
    aggregator: 'sum',
  },
  verificationDuration: {
    name: 'jwt.verification.duration',
    prometheusName: 'jwt_verification_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description:
      'Duration of verifying an access token; error.type is the code of the error, absent for accepted tokens',
    attributes: [ISSUER, 'error.type'],
    aggregator: 'sum',
  },
} as const satisfies Record<string, Instrument>;

/** @internal */
export type InstrumentId = keyof typeof INSTRUMENTS;

/** Seconds: a known token takes microseconds, a load may take the whole deadline. @internal */
export const BOUNDARIES: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** `expired` includes a set that was never loaded: neither serves. @internal */
export const STATES: readonly string[] = ['fresh', 'refresh-due', 'stale', 'expired'];

/** Attributes by name, as OpenTelemetry spells them. @internal */
export type Attributes = Readonly<Record<string, string>>;

/** As Prometheus spells them. @internal */
export function labelsOf(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name.replaceAll('.', '_'), value]));
}
