import type { JwksEvent } from '../core/events.js';
import type { TelemetrySource } from '../core/telemetry-source.js';
import type { Attributes, InstrumentId } from './instruments.js';

/**
 * Takes what is recorded when it happens, `count` times. The same attributes are always the same
 * object.
 *
 * @internal
 */
export type RecordValue = (instrument: InstrumentId, attributes: Attributes, value: number, count: number) => void;

/**
 * Codes of errors are a short list; an application that makes its own must not grow the series
 * without end.
 */
const MAX_VALUES = 50;

/**
 * Records loads, failures of the store and verifications. Returns the function that ends it.
 *
 * @internal
 */
export function recordEvents(source: TelemetrySource, record: RecordValue): () => void {
  const byError = new AttributeCache('error.type');
  const byOperation = new AttributeCache('jwks.operation');
  const onLoad = ({ issuer, duration, code }: { issuer?: string | undefined; duration: number; code?: string }) =>
    record('fetchDuration', byError.of(source.labelOf(issuer), code), duration / 1000, 1);
  const onEvent = (event: JwksEvent) => {
    switch (event.type) {
      case 'set.loaded':
        if (event.from === 'source') onLoad(event);
        break;
      case 'set.unchanged':
      case 'refresh.failed':
        onLoad(event);
        break;
      case 'store.failed':
        record('storeFailures', byOperation.of(source.labelOf(event.issuer), event.operation), 1, 1);
        break;
      default:
        break;
    }
  };
  // A counter that begins with its first failure would have no increase to alert on.
  for (const issuer of new Set(source.samples().map((sample) => sample.issuer)))
    for (const operation of ['get', 'set']) record('storeFailures', byOperation.of(issuer, operation), 0, 0);
  const ends = [
    source.subscribe(onEvent),
    source.recordTokens({
      record: (issuer, duration, code, count) =>
        record('verificationDuration', byError.of(issuer, code), duration / 1000, count),
    }),
  ];
  return () => ends.forEach((end) => end());
}

/**
 * One object for each issuer and value of a second attribute, so that recording allocates nothing.
 */
class AttributeCache {
  private readonly byIssuer = new Map<string, Map<string | undefined, Attributes>>();
  private readonly values = new Set<string>();

  constructor(private readonly name: string) {}

  of(issuer: string, value?: string): Attributes {
    return this.byIssuer.get(issuer)?.get(value) ?? this.add(issuer, value);
  }

  private add(issuer: string, given: string | undefined): Attributes {
    const value = given === undefined || this.values.has(given) || this.values.size < MAX_VALUES ? given : 'other';
    if (value !== undefined) this.values.add(value);
    const ofIssuer = this.byIssuer.get(issuer) ?? new Map<string | undefined, Attributes>();
    this.byIssuer.set(issuer, ofIssuer);
    const attributes = ofIssuer.get(value) ?? {
      'jwks.issuer': issuer,
      ...(value !== undefined && { [this.name]: value }),
    };
    ofIssuer.set(value, attributes);
    return attributes;
  }
}
