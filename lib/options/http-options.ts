import type { Dispatcher } from 'undici';
import type { Duration } from '../core/clock.js';
import type { JwksTlsOptions } from '../sources/http-dispatcher.js';

/**
 * How JWK Sets and discovery documents are fetched. One set of connections serves all issuers of a
 * module.
 *
 * @publicApi
 */
export interface JwksHttpOptions {
  /**
   * Limit of one exchange: connect, headers and the whole body. Milliseconds or `'5s'`, longer than
   * 0; what exceeds `deadline` has no effect.
   *
   * @default '5s'
   */
  timeout?: Duration;
  /**
   * Limit of one load with its retries and its failover members; no request ever waits longer for
   * keys. Milliseconds or `'10s'`, longer than 0. Where `failover` names further members, one that
   * hangs leaves the others their share of it.
   *
   * @default '10s'
   */
  deadline?: Duration;
  /**
   * How often a load is tried again, within `deadline`, after a connection fault, a timeout or a
   * status of 408, 429 or 5xx; `0`: never. The pauses are jittered, and `Retry-After` is honoured.
   * Failed loads back off on their own, whatever this says.
   *
   * @default 2
   */
  retries?: number;
  /**
   * Headers of each request, such as an API key. Sent to exactly the configured URLs, and to a
   * discovered `jwks_uri` of the issuer's own origin; redirects are not followed.
   *
   * @default none
   */
  headers?: Readonly<Record<string, string>>;
  /**
   * A private CA, a client certificate. Not together with `fetch` or `dispatcher`, which bring
   * their own.
   *
   * @default the runtime's CAs, no client certificate
   */
  tls?: JwksTlsOptions;
  /**
   * URL of an HTTP proxy; may hold credentials. `false`: none, also where the environment names
   * one. Not together with `fetch` or `dispatcher`.
   *
   * @default what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say when the module is made
   */
  proxy?: string | false;
  /**
   * A dispatcher of undici 7 that makes the requests, for whatever `tls` and `proxy` can't say. It
   * stays yours to close.
   *
   * @default none
   */
  dispatcher?: Dispatcher;
  /**
   * Makes the requests in place of the global `fetch`, which otherwise is looked up at each call.
   * Must heed `signal` and `redirect: 'manual'`. Not together with `tls`, `proxy` or `dispatcher`.
   *
   * @default the global `fetch`
   */
  fetch?: typeof fetch;
  /**
   * The most bytes of a body, counted after decompression; a longer one is a fault. A whole number
   * from 1.
   *
   * @default 1_048_576
   */
  maxResponseSize?: number;
  /**
   * `false`: names that resolve to loopback, private or link-local addresses are refused, at
   * connect time. For tenants that a resolver function returned (`issuers`) the default is `false`:
   * whoever may register a tenant could otherwise reach what your network hides.
   *
   * @default true
   */
  allowPrivateAddresses?: boolean;
}
