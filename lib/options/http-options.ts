import type { Dispatcher } from 'undici';
import type { Duration } from '../core/clock.js';
import type { JwksTlsOptions } from '../sources/http-dispatcher.js';

type JwksHttpHeaders = Readonly<Record<string, string>>;

/**
 * How JWK Sets and discovery documents are fetched. One set of connections serves all issuers of a
 * module.
 *
 * @publicApi
 */
export interface JwksHttpOptions {
  /**
   * The limit of one exchange: connecting, headers and the whole body. Milliseconds or `'5s'`,
   * longer than 0. A value above `deadline` has no effect.
   *
   * @default '5s'
   */
  timeout?: Duration;
  /**
   * The limit of one load, with its retries and failover. No request ever waits longer for keys.
   * Milliseconds or `'10s'`, longer than 0. If `failover` names further places, a place that hangs
   * leaves the others their share of this time.
   *
   * @default '10s'
   */
  deadline?: Duration;
  /**
   * How often a load is retried within `deadline`, after a connection error, a timeout or a status
   * of 408, 429 or 5xx. `0` means never. Pauses are jittered, and `Retry-After` is respected.
   * Independently of this option, failed loads back off.
   *
   * @default 2
   */
  retries?: number;
  /**
   * Headers of each request, such as an API key, or a function that returns them and is called for
   * each request. They are sent to exactly the configured URLs, and to a discovered `jwks_uri` of
   * the same origin as the issuer or `discoveryUri`. Redirects are not followed. Where several
   * issuers are listed, only the `http.headers` of an issuer are sent; beside a function for
   * `issuers` they are an error.
   *
   * @default none
   */
  headers?: JwksHttpHeaders | (() => JwksHttpHeaders | Promise<JwksHttpHeaders>);
  /**
   * A private CA and a client certificate: `ca`, `cert`, `key`, `servername` and
   * `rejectUnauthorized`. Cannot be combined with `fetch` or `dispatcher`, which bring their own.
   * Beside several issuers as `headers`.
   *
   * @default the runtime's CAs, no client certificate
   */
  tls?: JwksTlsOptions;
  /**
   * The URL of an HTTP proxy, with credentials if needed. With `false` no proxy is used, even if
   * the environment names one. Cannot be combined with `fetch` or `dispatcher`.
   *
   * @default what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say when the module is created
   */
  proxy?: string | false;
  /**
   * A dispatcher of undici 7 that makes the requests, for what `tls` and `proxy` cannot express.
   * The application closes it.
   *
   * @default none
   */
  dispatcher?: Dispatcher;
  /**
   * A function that makes the requests in place of the global `fetch`. The global one is looked up
   * at each call. The function must respect `signal` and `redirect: 'manual'`. Cannot be combined
   * with `tls`, `proxy` or `dispatcher`.
   *
   * @default the global `fetch`
   */
  fetch?: typeof fetch;
  /**
   * The largest accepted body in bytes, counted after decompression. A whole number from 1.
   * For issuers that a function returned (`issuers`) the default is 131,072.
   *
   * @default 1_048_576
   */
  maxResponseSize?: number;
  /**
   * Whether names may resolve to loopback, private or link-local addresses. With `false` such
   * addresses are rejected when connecting. For issuers that a function returned (`issuers`) the
   * default is `false`, because a tenant could otherwise reach services inside your network.
   *
   * @default true
   */
  allowPrivateAddresses?: boolean;
}
