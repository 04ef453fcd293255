import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Dispatcher, EnvHttpProxyAgent } from 'undici';
import { JwksConfigurationError, JwksConnectionError } from '../core/errors.js';
import { guardConnections, isPublicAddress, type Resolve } from './address-guard.js';

type Undici = typeof import('undici');

/**
 * TLS of the connection to the identity provider, as `tls.connect` takes it. It does not apply to a
 * proxy on the way.
 *
 * @publicApi
 */
export interface JwksTlsOptions {
  /** PEM of the certificate authorities to trust, instead of the public ones. */
  readonly ca?: string | Buffer | (string | Buffer)[];
  /** PEM of the client certificate, with its chain. */
  readonly cert?: string | Buffer | (string | Buffer)[];
  /** PEM of the client certificate's private key. */
  readonly key?: string | Buffer;
  /** The name that the server's certificate must have, where it is not the host of the URL. */
  readonly servername?: string;
  /** `false` accepts any certificate: for a test at most. */
  readonly rejectUnauthorized?: boolean;
}

/** @internal */
export interface HttpTransportSettings {
  /** Used as it is: none of the settings below applies. */
  readonly fetch?: typeof fetch | undefined;
  /** Of undici 7. Used as it is: none of the settings below applies. Never closed here. */
  readonly dispatcher?: Dispatcher | undefined;
  readonly tls?: JwksTlsOptions | undefined;
  /** URL of an HTTP proxy for every request; `false`: none, whatever the environment says. */
  readonly proxy?: string | false | undefined;
  /**
   * `false`: connects to public addresses only, checked after DNS resolution; behind a proxy too,
   * which is given the checked address.
   */
  readonly allowPrivateAddresses: boolean;
}

/** @internal */
export interface HttpTransport {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** The proxy that a request for `url` goes through, where that is known. */
  proxyFor?(url: string): string | undefined;
  /** Cuts the connections that the transport made itself. */
  close(): Promise<void>;
}

/**
 * The global `fetch`, looked up at each call so that msw, nock and OpenTelemetry see it, wherever
 * that is enough. TLS settings, a proxy, a dispatcher and address rules need undici's own `fetch`:
 * the one inside Node is of another version, and a dispatcher must never be handed from one to the
 * other. The package is loaded on the first request that needs it. Proxies of the environment are
 * read now.
 *
 * @internal
 */
export function createTransport(settings: HttpTransportSettings, resolve: Resolve = lookup): HttpTransport {
  const { fetch: own, dispatcher, tls, allowPrivateAddresses } = settings;
  if (own) return { fetch: async (url, init) => own(url, init), close: async () => undefined };
  if (dispatcher) return new UndiciTransport(() => dispatcher, { owned: false });
  if (tls) checkTls(tls);
  const proxies = proxiesOf(settings.proxy);
  if (!tls && !proxies && allowPrivateAddresses)
    return { fetch: async (url, init) => fetch(url, init), close: async () => undefined };
  return new UndiciTransport(
    (undici, through) => {
      const guard = allowPrivateAddresses ? { connect: { ...tls } } : guardConnections(undici, { ...tls }, resolve);
      // Asking for an http URL by CONNECT is refused by most proxies, but it is the only way to
      // name the address.
      const proxyTunnel = !allowPrivateAddresses;
      const { httpProxy, httpsProxy, noProxy } = through;
      return new undici.EnvHttpProxyAgent({
        httpProxy,
        httpsProxy,
        noProxy,
        ...guard,
        ...(tls && { requestTls: { ...tls } }),
        proxyTunnel,
      });
    },
    { owned: true, proxies },
  );
}

interface Proxies extends Required<Pick<EnvHttpProxyAgent.Options, 'httpProxy' | 'httpsProxy' | 'noProxy'>> {
  /** From the environment, where it means the way to the Internet: what is local is asked directly. */
  readonly isEnvironment: boolean;
}

/** Empty text keeps undici from reading the environment itself. */
const NO_PROXIES: Proxies = { httpProxy: '', httpsProxy: '', noProxy: '', isEnvironment: false };

class UndiciTransport implements HttpTransport {
  private loading: Promise<{ fetch: Undici['fetch']; proxied: Dispatcher; direct: Dispatcher }> | undefined;
  private closed = false;

  constructor(
    private readonly dispatcherOf: (undici: Undici, through: Proxies) => Dispatcher,
    private readonly settings: { readonly owned: boolean; readonly proxies?: Proxies | undefined },
  ) {}

  proxyFor(url: string): string | undefined {
    return this.settings.proxies && proxyFor(url, this.settings.proxies);
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const { fetch, proxied, direct } = await this.load();
    const dispatcher = this.settings.proxies && !this.proxyFor(url) ? direct : proxied;
    if (this.closed) throw new JwksConnectionError('The connections of this client are closed', { retryable: false });
    // Same interfaces, declared twice: by undici and by Node's copy of it.
    return fetch(url, { ...init, dispatcher } as Parameters<typeof fetch>[1]) as unknown as Promise<Response>;
  }

  async close(): Promise<void> {
    this.closed = true;
    if (!this.settings.owned || !this.loading) return;
    const loaded = await this.loading.catch(() => undefined);
    await Promise.all([loaded?.proxied.destroy(), loaded?.direct.destroy()]);
  }

  private load(): NonNullable<typeof this.loading> {
    return (this.loading ??= import('undici').then((undici) => {
      const proxied = this.dispatcherOf(undici, this.settings.proxies ?? NO_PROXIES);
      const direct = this.settings.proxies ? this.dispatcherOf(undici, NO_PROXIES) : proxied;
      return { fetch: undici.fetch, proxied, direct };
    }));
  }
}

function proxiesOf(proxy: string | false | undefined): Proxies | undefined {
  if (proxy === false) return undefined;
  if (proxy !== undefined) {
    const url = proxyUrl(proxy, 'http.proxy');
    return { httpProxy: url, httpsProxy: url, noProxy: '', isEnvironment: false };
  }
  const { env } = process;
  const httpProxy = proxyUrl(env['http_proxy'] ?? env['HTTP_PROXY'], 'HTTP_PROXY');
  const httpsProxy = proxyUrl(env['https_proxy'] ?? env['HTTPS_PROXY'], 'HTTPS_PROXY');
  return httpProxy || httpsProxy
    ? { httpProxy, httpsProxy, noProxy: env['no_proxy'] ?? env['NO_PROXY'] ?? '', isEnvironment: true }
    : undefined;
}

/**
 * As undici chooses it, by scheme, but for hosts of NO_PROXY and what is below them; and none of the
 * environment's for hosts that are local.
 */
function proxyFor(url: string, { httpProxy, httpsProxy, noProxy, isEnvironment }: Proxies): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  if (isEnvironment && isLocalHost(hostname)) return undefined;
  const proxy = protocol === 'https:' ? httpsProxy : httpProxy;
  const actual = port || (protocol === 'https:' ? '443' : '80');
  const isExcluded = noProxy.split(/[,\s]/).some((entry) => {
    const [, host = '', only] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (entry === '*') return true;
    return host !== '' && (!only || only === actual) && (hostname === host || hostname.endsWith(`.${host}`));
  });
  return isExcluded ? undefined : proxy || undefined;
}

/** Names without a dot, as in Docker and Kubernetes, and names and addresses of private networks. */
function isLocalHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(host)) return !isPublicAddress(host);
  return !host.includes('.') || /\.(?:localhost|local|internal|svc|lan|home\.arpa)$/.test(host);
}

/**
 * `proxy.example:3128` is what many environments say. The value is not in the message: it may hold
 * a password.
 */
function proxyUrl(value: string | undefined, name: string): string {
  if (!value) return '';
  const url = value.includes('://') ? value : `http://${value}`;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new JwksConfigurationError(
    `${name} must be the URL of an HTTP proxy, such as http://proxy.example:3128`,
    'http.proxy',
  );
}

function checkTls({ ca, cert, key }: JwksTlsOptions): void {
  try {
    createSecureContext({ ca, cert, key });
  } catch (cause) {
    throw new JwksConfigurationError(
      'http.tls: ca, cert and key must be PEM, and the key that of the certificate',
      'http.tls',
      { cause },
    );
  }
}
