import { X509Certificate } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { parseDuration } from '../core/clock.js';
import { safeText } from '../core/events.js';
import type { HttpTransportSettings, JwksTlsOptions } from '../sources/http-dispatcher.js';
import { DEFAULTS, RESOLVER_DEFAULTS } from './defaults.js';
import type { JwksHttpOptions } from './http-options.js';
import { OptionReader } from './option-reader.js';

/** Durations in milliseconds. @internal */
export interface ResolvedHttp {
  readonly timeout: number;
  readonly deadline: number;
  readonly retries: number;
  readonly headers: Headers | (() => Promise<Headers>);
  readonly maxResponseSize: number;
  readonly transport: HttpTransportSettings;
}

const NAMES: readonly (keyof JwksHttpOptions)[] = [
  'timeout',
  'deadline',
  'retries',
  'headers',
  'tls',
  'proxy',
  'dispatcher',
  'fetch',
  'maxResponseSize',
  'allowPrivateAddresses',
];

type Headers = Readonly<Record<string, string>>;

/**
 * @param kind - how issuers are given. Headers and TLS are for one issuer: of several, each names
 * its own. Beside a resolver function the network is closed unless the options open it.
 * @internal
 */
export function resolveHttp(parent: OptionReader, kind: 'one' | 'list' | 'function'): ResolvedHttp {
  const http = parent.section('http', NAMES);
  const secret = ['headers', 'tls'].find((name) => http.has(name));
  if (kind === 'function' && secret)
    throw http.fault(secret, 'would go to every issuer that "issuers" returns: return it in the "http" of its issuer');
  const { allowPrivateAddresses, maxResponseSize } = kind === 'function' ? RESOLVER_DEFAULTS : DEFAULTS.http;
  const resolved = readHttp(http, {
    timeout: parseDuration(DEFAULTS.http.timeout),
    deadline: parseDuration(DEFAULTS.http.deadline),
    retries: DEFAULTS.http.retries,
    headers: {},
    maxResponseSize,
    transport: Object.assign(Object.create(null) as object, { allowPrivateAddresses }),
  });
  return kind === 'list' ? withoutSecrets(resolved) : resolved;
}

/** `undefined` where the issuer has none of its own. @internal */
export function resolveIssuerHttp(parent: OptionReader, defaults: ResolvedHttp): ResolvedHttp | undefined {
  return parent.has('http') ? readHttp(parent.section('http', NAMES), defaults) : undefined;
}

function withoutSecrets({ transport: { tls: _, ...transport }, ...http }: ResolvedHttp): ResolvedHttp {
  return { ...http, headers: {}, transport: Object.assign(Object.create(null) as object, transport) };
}

function readHttp(http: OptionReader, defaults: ResolvedHttp): ResolvedHttp {
  return {
    timeout: http.duration('timeout', defaults.timeout, { timer: true }),
    deadline: http.duration('deadline', defaults.deadline, { timer: true }),
    retries: http.integer('retries', defaults.retries, 0),
    headers: readHeaders(http),
    maxResponseSize: http.integer('maxResponseSize', defaults.maxResponseSize, 1),
    transport: readTransport(http, defaults.transport),
  };
}

function readTransport(http: OptionReader, defaults: HttpTransportSettings): HttpTransportSettings {
  http.excludes('fetch', ['tls', 'proxy', 'dispatcher'], 'a fetch function brings its own');
  http.excludes('dispatcher', ['tls', 'proxy'], 'a dispatcher brings its own');
  const own = CONNECTIONS.some((name) => http.has(name));
  const allowPrivateAddresses = http.boolean('allowPrivateAddresses', defaults.allowPrivateAddresses);
  const fetch = readFetch(http) ?? (own ? undefined : defaults.fetch);
  const dispatcher = readDispatcher(http) ?? (own ? undefined : defaults.dispatcher);
  if (!allowPrivateAddresses && (fetch || dispatcher)) {
    const connector = fetch ? 'fetch' : 'dispatcher';
    throw http.fault(
      'allowPrivateAddresses',
      `can't be false beside "http.${connector}", which connects on its own (the default with a resolver function is false): set it to true`,
    );
  }
  const tls = readTls(http);
  const proxy = readProxy(http) ?? defaults.proxy;
  // Without a prototype: an absent member must not be found on a polluted one.
  return Object.assign(Object.create(null) as object, {
    allowPrivateAddresses,
    ...(fetch !== undefined && { fetch }),
    ...(tls && { tls }),
    ...(proxy !== undefined && { proxy }),
    ...(dispatcher && { dispatcher }),
  });
}

/** An issuer that has one of its own takes none of the module's. */
const CONNECTIONS = ['fetch', 'dispatcher', 'tls', 'proxy'];

function readFetch(http: OptionReader): typeof globalThis.fetch | undefined {
  const fetch = http.get('fetch');
  if (fetch === undefined || typeof fetch === 'function') return fetch as typeof globalThis.fetch | undefined;
  throw http.invalid('fetch', 'a function like the global fetch');
}

function readDispatcher(http: OptionReader): Dispatcher | undefined {
  const dispatcher = http.get('dispatcher');
  if (dispatcher === undefined) return undefined;
  if (typeof (dispatcher as Dispatcher | null)?.dispatch !== 'function') {
    throw http.invalid('dispatcher', "undici's Dispatcher, such as an Agent");
  }
  return dispatcher as Dispatcher;
}

/** May hold credentials: it is never repeated. The transport checks the URL. */
function readProxy(http: OptionReader): string | false | undefined {
  const proxy = http.get('proxy');
  if (proxy === undefined || proxy === false || (typeof proxy === 'string' && proxy !== '')) return proxy;
  throw http.invalid('proxy', 'the URL of an HTTP proxy, or false');
}

const TLS_NAMES: readonly (keyof JwksTlsOptions)[] = ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'];

function readTls(http: OptionReader): JwksTlsOptions | undefined {
  if (!http.has('tls')) return undefined;
  const tls = http.section('tls', TLS_NAMES);
  for (const name of ['ca', 'cert', 'key']) {
    if (tls.has(name) && !isPem(tls.get(name)))
      throw tls.invalid(name, 'PEM as text or bytes, or a list of them', true);
  }
  // OpenSSL skips what is not a certificate, and then trusts no CA.
  if (tls.has('ca') && !listOf(tls.get('ca')).every(isCertificate))
    throw tls.fault('ca', 'holds what is no certificate in PEM');
  tls.text('servername', undefined, /^\S+$/, 'a host name');
  tls.boolean('rejectUnauthorized', true);
  // The transport checks that the three belong together.
  const given = TLS_NAMES.filter((name) => tls.has(name)).map((name) => [name, tls.get(name)] as const);
  return Object.assign(Object.create(null) as object, Object.fromEntries(given));
}

function isPem(value: unknown): boolean {
  return listOf(value).every((part) => typeof part === 'string' || ArrayBuffer.isView(part));
}

function isCertificate(pem: string | Buffer): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function listOf(value: unknown): (string | Buffer)[] {
  return (Array.isArray(value) ? value : [value]) as (string | Buffer)[];
}

/** RFC 9110 section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5: no line break, no NUL. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/**
 * What belongs to the connection or to the cache: fetch refuses the first, and the second would
 * answer for keys that are not cached.
 */
const OURS = /^(connection|content-length|expect|host|if-.+|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;

function readHeaders(http: OptionReader): ResolvedHttp['headers'] {
  const headers = http.get('headers');
  if (headers === undefined) return {};
  if (typeof headers !== 'function') return checkHeaders(http, headers);
  return async () => checkHeaders(http, await (headers as () => unknown)());
}

function checkHeaders(http: OptionReader, headers: unknown): Headers {
  if (
    typeof headers !== 'object' ||
    headers === null ||
    Array.isArray(headers) ||
    headers instanceof globalThis.Headers
  ) {
    throw http.invalid('headers', 'an object of header names and values', true);
  }
  const entries = Object.entries(headers);
  for (const [name, value] of entries) {
    const header = `"${safeText(name)}"`;
    if (!HEADER_NAME.test(name)) throw http.fault('headers', `has a name that is none: ${header}`);
    if (OURS.test(name)) throw http.fault('headers', `has ${header}, which is not the application's to send`);
    if (typeof value !== 'string') throw http.fault('headers', `has ${header}, whose value is not text`);
    if (!HEADER_VALUE.test(value))
      throw http.fault('headers', `has ${header}, whose value holds a character that headers can't`);
  }
  return Object.fromEntries(entries) as Headers;
}
