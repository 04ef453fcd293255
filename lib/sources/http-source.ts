import CachePolicy from 'http-cache-semantics';
import type { Clock } from '../core/clock.js';
import { InvalidJwkSetError } from '../core/errors.js';
import { JwkSet } from '../keys/jwk-set.js';
import type { HttpTransport } from './http-dispatcher.js';
import { HttpExchange, parseJson, type ExchangeSettings, type HttpAnswer } from './http-exchange.js';
import type {
  FreshnessHints,
  JwkSetSource,
  LoadRequest,
  PreviousAnswer,
  SourceAnswer,
  Validators,
} from './jwk-set-source.js';
import { publicDocument } from './public-document.js';
import { describeUrl, statusFault, throughProxy } from './source-faults.js';

/** @internal */
export interface HttpSourceSettings extends ExchangeSettings {
  readonly uri: string;
}

/** The headers about freshness that a 304 need not repeat (RFC 9111 section 4.3.4). */
const KEPT_HEADERS = ['cache-control', 'expires', 'pragma', 'vary'];
/**
 * What may be sent back: a validator can come from a shared store, and no server needs a longer
 * one.
 */
const SENDABLE = /^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/;
const NO_CACHE = { 'cache-control': 'no-cache', pragma: 'no-cache' };

/**
 * A JWK Set at a URL (RFC 7517 section 5). The content type is not checked: many providers send
 * `text/plain`.
 *
 * @internal
 */
export class HttpSource implements JwkSetSource {
  private readonly exchange: HttpExchange;
  private kept: (Validators & { readonly headers: Record<string, string> }) | undefined;

  constructor(
    private readonly settings: HttpSourceSettings,
    private readonly transport: HttpTransport,
    private readonly clock: Clock,
  ) {
    this.exchange = new HttpExchange(settings, transport, clock);
  }

  get uri(): string {
    return this.settings.uri;
  }

  get name(): string {
    return describeUrl(this.uri) + throughProxy(this.transport.proxyFor?.(this.uri));
  }

  async load(request: LoadRequest): Promise<SourceAnswer> {
    const conditions = this.conditions(request.previous);
    const answer = await this.ask(request, conditions);
    if (answer.status === 304 && request.previous && Object.keys(conditions).length > 0)
      return this.renew(answer, request.previous);
    const set = this.parse(this.document(answer));
    const validators = validatorsOf(answer);
    this.kept = { ...validators, headers: keep(answer.headers) };
    const clockOffset = clockOffsetOf(answer);
    return { set, origin: this.uri, hints: hintsOf(answer.headers, answer), ...validators, clockOffset };
  }

  async fetchDocument(request: LoadRequest): Promise<unknown> {
    const document = this.document(await this.ask(request, {}));
    this.parse(document);
    return publicDocument(document);
  }

  /** A set that is none has to be found: with discovery its URL is in no option. */
  private parse(document: unknown): JwkSet {
    try {
      return JwkSet.parse(document);
    } catch (error) {
      if (!(error instanceof InvalidJwkSetError)) throw error;
      const { message, cause, ...traits } = error;
      throw new InvalidJwkSetError(`${message} (${describeUrl(this.uri)})`, { ...traits, cause });
    }
  }

  private ask({ signal, reload, previous }: LoadRequest, conditions: Record<string, string>): Promise<HttpAnswer> {
    const headers = reload ? { ...conditions, ...NO_CACHE } : conditions;
    return this.exchange.get({ url: this.uri, headers, signal, isNeeded: !previous && !reload });
  }

  private document(answer: HttpAnswer): unknown {
    if (answer.status !== 200) throw statusFault(this.uri, answer, this.clock.now());
    return parseJson(answer.body, this.uri);
  }

  /** An entity tag belongs to one URI: another source's is of no use here. */
  private conditions(previous: PreviousAnswer | undefined): Record<string, string> {
    if (!previous || previous.origin !== this.uri) return {};
    const headers: Record<string, string> = {};
    if (previous.etag && SENDABLE.test(previous.etag)) headers['if-none-match'] = previous.etag;
    if (previous.lastModified && SENDABLE.test(previous.lastModified))
      headers['if-modified-since'] = previous.lastModified;
    return headers;
  }

  private renew(answer: HttpAnswer, previous: PreviousAnswer): SourceAnswer {
    const { etag, lastModified } = previous;
    const known = this.kept?.etag === etag && this.kept?.lastModified === lastModified ? this.kept?.headers : undefined;
    const headers = { ...known, ...answer.headers };
    const validators = { ...(etag && { etag }), ...(lastModified && { lastModified }), ...validatorsOf(answer) };
    this.kept = { ...validators, headers: keep(headers) };
    return {
      set: previous.set,
      origin: this.uri,
      hints: hintsOf(headers, answer),
      ...validators,
      notModified: true,
      clockOffset: clockOffsetOf(answer),
    };
  }
}

function validatorsOf({ headers }: HttpAnswer): Validators {
  const { etag, 'last-modified': lastModified } = headers;
  return {
    ...(etag && SENDABLE.test(etag) && { etag }),
    ...(lastModified && SENDABLE.test(lastModified) && { lastModified }),
  };
}

function keep(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => KEPT_HEADERS.includes(name)));
}

/**
 * What the headers say about freshness (RFC 9111 section 4.2, RFC 5861), as of now. No guess is
 * made from `Last-Modified`: without a word from the server `cache.ttl` holds. The time from
 * sending the request counts as age (RFC 9111 section 4.2.3).
 */
function hintsOf(headers: Record<string, string>, { elapsed, sentAt }: HttpAnswer): FreshnessHints {
  const policy = new (policyAt(sentAt))(
    { method: 'GET', headers: {} },
    { status: 200, headers: normalized(headers) },
    PRIVATE_CACHE,
  );
  const directives = policy.toObject().rescc;
  const says =
    ['max-age', 'no-cache', 'no-store'].some((name) => name in directives) ||
    'expires' in headers ||
    headers['vary'] === '*';
  const left = policy.maxAge() * 1000 - Math.max(0, policy.age()) * 1000 - elapsed;
  const staleIfError = secondsOf(directives['stale-if-error']);
  return {
    ...(says && { maxAge: Math.max(0, Math.floor(left)) }),
    ...(staleIfError !== undefined && { staleIfError: staleIfError * 1000 }),
  };
}

/**
 * By the `Date` header (RFC 9110 section 6.6.1) of a response that took `elapsed`; one from a cache
 * on the way is as old as its `Age` says.
 */
function clockOffsetOf({ headers, sentAt, elapsed }: HttpAnswer): number | undefined {
  const date = Date.parse(headers['date'] ?? '');
  const age = secondsOf(headers['age']) ?? 0;
  return Number.isNaN(date) ? undefined : date + age * 1000 - (sentAt + elapsed / 2);
}

const PRIVATE_CACHE = { shared: false, immutableMinTimeToLive: 0 };

/** `http-cache-semantics` asks its own method for the time, already in its constructor. */
function policyAt(moment: number): typeof CachePolicy {
  return class extends CachePolicy {
    now(): number {
      return moment;
    }
  };
}

/**
 * Names of directives are case-insensitive (RFC 9111 section 5.2), which `http-cache-semantics`
 * leaves to its caller.
 */
function normalized(headers: Record<string, string>): Record<string, string> {
  const control = headers['cache-control'];
  return control === undefined ? headers : { ...headers, 'cache-control': control.toLowerCase() };
}

function secondsOf(value: string | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}
