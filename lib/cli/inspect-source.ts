import type { Clock } from '../core/clock.js';
import { isJwksError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { lifetimeOf } from '../cache/lifetime.js';
import { parseJwk } from '../keys/jwk.js';
import { resolveClientOptions, type ResolvedClient } from '../options/resolve-options.js';
import { DiscoverySource } from '../sources/discovery-source.js';
import { HttpExchange, parseJson } from '../sources/http-exchange.js';
import { HttpSource } from '../sources/http-source.js';
import type { SourceAnswer } from '../sources/jwk-set-source.js';
import { describeUrl } from '../sources/source-faults.js';
import type { RecordingTransport } from './recording-transport.js';
import type { InspectedFreshness, InspectedKey, InspectReport } from './report.js';

/** What was found at the target. @internal */
export interface InspectedSource extends Pick<
  InspectReport,
  'foundBy' | 'issuer' | 'jwksUri' | 'freshness' | 'clockOffset'
> {
  readonly keys: readonly InspectedKey[];
  readonly answer?: SourceAnswer;
  /** Why there is no set. */
  readonly error?: Error;
}

type Way = NonNullable<InspectReport['foundBy']>;

/**
 * Loads the JWK Set of an issuer or of a URL, as a module would.
 *
 * @internal
 */
export async function inspectSource(
  target: string,
  transport: RecordingTransport,
  clock: Clock,
): Promise<InspectedSource> {
  const issuer = target.replace(/\/\.well-known\/(openid-configuration|oauth-authorization-server)$/, '');
  const ways: readonly Way[] = /(jwks|keys|certs|jwk)(\.json|\/)?$|\.json$/i.test(issuer)
    ? ['url', 'discovery']
    : ['discovery', 'url'];
  let failed: InspectedSource | undefined;
  for (const foundBy of ways) {
    const settings = resolveClientOptions(
      foundBy === 'url' ? { jwksUri: target, allowInsecure: true } : { issuer, allowInsecure: true },
    );
    const found = await load(foundBy, { issuer, target, settings }, transport, clock);
    if (found.answer) return found;
    failed ??= found;
    if (transport.requests.every(({ status }) => status === undefined)) break;
  }
  return failed as InspectedSource;
}

async function load(
  foundBy: Way,
  { issuer, target, settings }: { issuer: string; target: string; settings: ResolvedClient },
  transport: RecordingTransport,
  clock: Clock,
): Promise<InspectedSource> {
  const { timeout, maxResponseSize } = settings.http;
  const exchange = { timeout, maxResponseSize, headers: {} };
  const source =
    foundBy === 'url'
      ? new HttpSource({ ...exchange, uri: target }, transport, clock)
      : new DiscoverySource({ ...exchange, issuer, allowInsecure: true, ttl: settings.cache.maxTtl }, transport, clock);
  const named = { foundBy, ...(foundBy === 'discovery' && { issuer }) };
  const { signal } = new AbortController();
  try {
    const startedAt = clock.monotonic();
    const answer = await source.load({ signal, reload: false });
    const arrival = { startedAt, now: clock.monotonic(), jitter: 0 };
    const freshness = freshnessOf(lifetimeOf(answer.hints, settings.cache, arrival), arrival.now);
    const clockOffset = clockOffsetOf(transport, clock);
    const keys = await keysAt(answer.origin, new HttpExchange(exchange, transport, clock));
    return {
      ...named,
      jwksUri: describeUrl(answer.origin),
      keys,
      answer,
      freshness,
      ...(clockOffset !== undefined && { clockOffset }),
    };
  } catch (error) {
    const isInvalid = isJwksError(error) && error.code === 'jwks_invalid' && transport.lastUrl !== undefined;
    const keys = isInvalid
      ? await keysAt(transport.lastUrl as string, new HttpExchange(exchange, transport, clock))
      : [];
    return { ...named, keys, error: error as Error };
  }
}

function freshnessOf(lifetime: ReturnType<typeof lifetimeOf>, now: number): InspectedFreshness {
  const seconds = (from: number, to: number) => Math.round((to - from) / 1000);
  return {
    freshFor: seconds(now, lifetime.freshUntil),
    refreshAfter: seconds(now, lifetime.refreshAt),
    staleFor: seconds(lifetime.freshUntil, lifetime.staleUntil),
  };
}

/** A response from a cache on the way is as old as its `Age` says. */
function clockOffsetOf({ requests }: RecordingTransport, clock: Clock): number | undefined {
  const { headers: { date = '', age = '0' } = {}, duration = 0 } = requests.at(-1) ?? {};
  const sent = Date.parse(date);
  return Number.isNaN(sent) ? undefined : Math.round((sent + Number(age) * 1000 - (clock.now() - duration / 2)) / 1000);
}

/** Every entry as it was published, also where none of them is usable. */
async function keysAt(url: string, exchange: HttpExchange): Promise<InspectedKey[]> {
  try {
    const { body } = await exchange.get({ url, headers: {}, signal: new AbortController().signal });
    const { keys } = parseJson(body, url) as { keys?: unknown };
    return Array.isArray(keys) ? keys.map(describeKey) : [];
  } catch {
    return [];
  }
}

function describeKey(entry: unknown): InspectedKey {
  const parsed = parseJwk(entry);
  const { kid, kty, crv, alg, use, n } = (entry ?? {}) as Record<string, unknown>;
  const texts = Object.entries({ kid, kty, crv, alg, use }).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, safeText(value)]] : [],
  );
  return {
    ...Object.fromEntries(texts),
    ...(typeof n === 'string' && { size: bitsOf(n) }),
    usable: parsed.reason === undefined,
    ...(parsed.reason !== undefined && { reason: parsed.reason }),
  };
}

function bitsOf(modulus: string): number {
  const bytes = Buffer.from(modulus, 'base64url');
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (bytes.length - first) * 8 - (Math.clz32(bytes[first] as number) - 24);
}
