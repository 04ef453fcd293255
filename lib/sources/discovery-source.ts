import type { Clock } from '../core/clock.js';
import { JwksConnectionError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { isLoopbackHost } from './address-guard.js';
import type { HttpTransport } from './http-dispatcher.js';
import { HttpExchange, parseJson, type ExchangeSettings, type HttpAnswer } from './http-exchange.js';
import { HttpSource } from './http-source.js';
import type { JwkSetSource, LoadRequest, SourceAnswer } from './jwk-set-source.js';
import { describeUrl, statusFault, throughProxy } from './source-faults.js';

/** @internal */
export interface DiscoverySourceSettings extends ExchangeSettings {
  readonly issuer: string;
  /** Where the metadata is; absent: at the well-known places of the issuer. */
  readonly uri?: string | undefined;
  /** Take http URLs that are not on loopback, too. */
  readonly allowInsecure: boolean;
  /** Milliseconds that a discovered `jwks_uri` is trusted. */
  readonly ttl: number;
}

/** How soon discovery is tried again, in milliseconds, while a known `jwks_uri` does without it. */
const RETRY_AFTER = 60_000;

/**
 * The JWK Set of an issuer: OpenID Connect Discovery 1.0, then RFC 8414. What the issuer says about
 * its `jwks_uri` is kept apart from the set: while one is known, discovery that fails holds up
 * nothing, and an unavailable set leads back to discovery.
 *
 * `headers` go to the issuer, and to a `jwks_uri` of the same origin: a document must not have a
 * secret sent elsewhere.
 *
 * @internal
 */
export class DiscoverySource implements JwkSetSource {
  private endpoint: HttpSource | undefined;
  private trustedUntil = 0;

  constructor(
    private readonly settings: DiscoverySourceSettings,
    private readonly transport: HttpTransport,
    private readonly clock: Clock,
  ) {}

  get name(): string {
    const { address } = this;
    return this.endpoint?.name ?? describeUrl(address) + throughProxy(this.transport.proxyFor?.(address));
  }

  private get address(): string {
    return this.settings.uri ?? this.settings.issuer;
  }

  load(request: LoadRequest): Promise<SourceAnswer> {
    return this.through(request, (endpoint) => endpoint.load(request));
  }

  fetchDocument(request: LoadRequest): Promise<unknown> {
    return this.through(request, (endpoint) => endpoint.fetchDocument(request));
  }

  private async through<T>({ signal }: LoadRequest, work: (endpoint: HttpSource) => Promise<T>): Promise<T> {
    const trusted = this.clock.monotonic() < this.trustedUntil ? this.endpoint : undefined;
    const endpoint = trusted ?? (await this.renew(signal));
    try {
      return await work(endpoint);
    } catch (fault) {
      if (!trusted) throw fault;
      const current = await this.discover(signal, this.settings.timeout).catch(() => endpoint);
      if (current === endpoint) throw fault;
      return work(current);
    }
  }

  /**
   * With a `jwks_uri` in hand discovery gets half the time, so that the rest of the load's deadline
   * is left for the set.
   */
  private async renew(signal: AbortSignal): Promise<HttpSource> {
    const { endpoint } = this;
    const { timeout, ttl } = this.settings;
    if (!endpoint) return this.discover(signal, timeout);
    return this.discover(signal, timeout / 2).catch((fault: unknown) => {
      if (signal.aborted) throw fault;
      this.trustedUntil = this.clock.monotonic() + Math.min(ttl, RETRY_AFTER);
      return endpoint;
    });
  }

  private async discover(signal: AbortSignal, timeout: number): Promise<HttpSource> {
    const uri = await this.readJwksUri(
      signal,
      new HttpExchange({ ...this.settings, timeout }, this.transport, this.clock),
    );
    this.trustedUntil = this.clock.monotonic() + this.settings.ttl;
    if (this.endpoint?.uri === uri) return this.endpoint;
    const { headers } = this.settings;
    const sameOrigin = new URL(uri).origin === new URL(this.address).origin;
    this.endpoint = new HttpSource(
      { ...this.settings, uri, headers: sameOrigin ? headers : {} },
      this.transport,
      this.clock,
    );
    return this.endpoint;
  }

  private async readJwksUri(signal: AbortSignal, exchange: HttpExchange): Promise<string> {
    const { issuer, uri, allowInsecure } = this.settings;
    if (!usableUrl(this.address, allowInsecure))
      throw unusable(`${uri ? '' : 'The issuer '}${describeUrl(this.address)} is not an https URL without credentials`);
    const refusals: string[] = [];
    for (const url of uri ? [uri] : discoveryUrls(issuer)) {
      const answer = await exchange.get({ url, headers: {}, signal, isNeeded: !this.endpoint });
      if (answer.status === 200) return this.parseJwksUri(url, answer);
      const fault = statusFault(url, answer, this.clock.now());
      if (answer.status < 400 || fault.retryable) throw fault;
      refusals.push(fault.message);
    }
    throw unusable(refusals.join('; '));
  }

  private parseJwksUri(url: string, answer: HttpAnswer): string {
    const { issuer, allowInsecure } = this.settings;
    const metadata = (parseJson(answer.body, url) ?? {}) as Record<string, unknown>;
    const { issuer: named, jwks_uri: jwksUri } = metadata;
    if (typeof named !== 'string') throw unusable(`${describeUrl(url)} is not the discovery document of an issuer`);
    // Character by character (OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3).
    if (named !== issuer && !this.isTokenIssuer(metadata))
      throw unusable(`${describeUrl(url)} is of the issuer "${safeText(named)}", not of "${issuer}"`);
    const uri = usableUrl(jwksUri, allowInsecure);
    if (!uri)
      throw unusable(`${describeUrl(url)} has no jwks_uri with https (or http on loopback) and without credentials`);
    return uri;
  }

  /** AD FS names the issuer of its access tokens besides, at an address that an operator wrote down. */
  private isTokenIssuer(metadata: Record<string, unknown>): boolean {
    return this.settings.uri !== undefined && metadata['access_token_issuer'] === this.settings.issuer;
  }
}

/** OpenID Connect Discovery 1.0 section 4, then RFC 8414 section 3.1. @internal */
export function discoveryUrls(issuer: string): string[] {
  const [oidc, oauth] = [new URL(issuer), new URL(issuer)];
  oidc.pathname = `${oidc.pathname}/.well-known/openid-configuration`.replace(/\/\//, '/');
  oauth.pathname = `/.well-known/oauth-authorization-server${oauth.pathname.replace(/\/$/, '')}`.replace(/\/\//, '/');
  return [oidc.href, oauth.href];
}

function usableUrl(value: unknown, allowInsecure: boolean): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const url = new URL(value);
  if (url.username || url.password) return undefined;
  url.hash = '';
  const secure =
    url.protocol === 'https:' || (url.protocol === 'http:' && (allowInsecure || isLoopbackHost(url.hostname)));
  return secure ? url.href : undefined;
}

function unusable(message: string): JwksConnectionError {
  return new JwksConnectionError(message, { retryable: false });
}
