import { X509Certificate } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { parseDuration } from '../core/clock.js';
import { safeText } from '../core/events.js';
import type { HttpTransportSettings, JwksTlsOptions } from '../sources/http-dispatcher.js';
import { DEFAULTS } from './defaults.js';
import type { JwksHttpOptions } from './http-options.js';
import { OptionReader } from './option-reader.js';

/** Durations in milliseconds. @internal */
export interface ResolvedHttp {
  readonly timeout: number;
  readonly deadline: number;
  readonly retries: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxResponseSize: number;
  readonly transport: HttpTransportSettings;
}

/** Issuers that a function returns are strangers: their sets are small, or they are no sets. */
const MAX_SIZE_OF_RESOLVED = 131_072;

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

/**
 * @param tenants - whether a resolver function finds the issuers: the network is then closed to
 * them unless the options open it
 * @internal
 */
export function resolveHttp(parent: OptionReader, tenants: boolean): ResolvedHttp {
  const http = parent.section('http', NAMES);
  return {
    timeout: http.duration('timeout', parseDuration(DEFAULTS.http.timeout), { timer: true }),
    deadline: http.duration('deadline', parseDuration(DEFAULTS.http.deadline), { timer: true }),
    retries: http.integer('retries', DEFAULTS.http.retries, 0),
    headers: readHeaders(http),
    maxResponseSize: http.integer('maxResponseSize', tenants ? MAX_SIZE_OF_RESOLVED : DEFAULTS.http.maxResponseSize, 1),
    transport: readTransport(http, tenants),
  };
}

/** What goes to one issuer alone. @internal */
export interface ResolvedIssuerHttp {
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly tls: JwksTlsOptions | undefined;
}

/** @internal */
export function resolveIssuerHttp(parent: OptionReader): ResolvedIssuerHttp {
  const http = parent.section('http', ['headers', 'tls']);
  return { headers: http.has('headers') ? readHeaders(http) : undefined, tls: readTls(http) };
}

/**
 * Credentials beside several issuers would go to the hosts of all of them, of a tenant too.
 *
 * @internal
 */
export function assertNoSharedCredentials(parent: OptionReader): void {
  const http = parent.section('http', NAMES);
  const tls = http.has('tls') ? http.section('tls', TLS_NAMES) : undefined;
  const shared = http.has('headers') ? 'headers' : ['cert', 'key'].some((name) => tls?.has(name)) ? 'tls' : undefined;
  if (shared === undefined) return;
  throw http.fault(shared, 'would be sent to every issuer: put it into "http" of the issuer that needs it');
}

function readTransport(http: OptionReader, tenants: boolean): HttpTransportSettings {
  http.excludes('fetch', ['tls', 'proxy', 'dispatcher'], 'a fetch function brings its own');
  http.excludes('dispatcher', ['tls', 'proxy'], 'a dispatcher brings its own');
  const allowed = http.boolean('allowPrivateAddresses', tenants ? false : DEFAULTS.http.allowPrivateAddresses);
  const connector = ['fetch', 'dispatcher'].find((name) => http.has(name));
  if (!allowed && connector) {
    const why = tenants ? 'for the issuers of a resolver function ' : '';
    throw http.fault(
      'allowPrivateAddresses',
      `can't be false ${why}beside "http.${connector}", which connects on its own: set it to true`,
    );
  }
  const fetch = http.get('fetch');
  if (fetch !== undefined && typeof fetch !== 'function')
    throw http.invalid('fetch', 'a function like the global fetch');
  const tls = readTls(http);
  const proxy = readProxy(http);
  const dispatcher = readDispatcher(http);
  // Without a prototype: an absent member must not be found on a polluted one.
  return Object.assign(Object.create(null) as object, {
    allowPrivateAddresses: allowed,
    ...(fetch !== undefined && { fetch: fetch as typeof globalThis.fetch }),
    ...(tls && { tls }),
    ...(proxy !== undefined && { proxy }),
    ...(dispatcher && { dispatcher }),
  });
}

function readDispatcher(http: OptionReader): Dispatcher | undefined {
  const dispatcher = http.get('dispatcher');
  if (dispatcher === undefined) return undefined;
  if (typeof (dispatcher as Dispatcher | null)?.dispatch !== 'function') {
    throw http.invalid('dispatcher', "undici's Dispatcher, such as an Agent");
  }
  return dispatcher as Dispatcher;
}

/** May hold credentials: it is never repeated. What URL it is, the transport judges. */
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
  // OpenSSL passes over what is no certificate, and then trusts nobody.
  if (tls.has('ca') && !listOf(tls.get('ca')).every(isCertificate))
    throw tls.fault('ca', 'holds what is no certificate in PEM');
  tls.text('servername', undefined, /^\S+$/, 'a host name');
  tls.boolean('rejectUnauthorized', true);
  // That the three belong together, the transport judges.
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
 * answer for keys that nobody holds.
 */
const OURS = /^(connection|content-length|expect|host|if-.+|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;

function readHeaders(http: OptionReader): Record<string, string> {
  const headers = http.get('headers');
  if (headers === undefined) return {};
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers) || headers instanceof Headers) {
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
  return Object.fromEntries(entries) as Record<string, string>;
}
