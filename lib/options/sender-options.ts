import type { Duration } from '../core/clock.js';
import type { CertificateFormat } from '../proof/certificate-headers.js';
import type { ReplayStore } from '../proof/replay-store.js';

/** Nonces of this server in DPoP proofs. @publicApi */
export interface JwksDpopNonceOptions {
  /**
   * What nonces are made with: text of at least 32 characters, the same in every process. Of a list
   * the first one makes nonces, and those of all are accepted, so that it can be replaced.
   */
  secret: string | readonly string[];
  /**
   * How long a nonce is accepted. A new one is made after half of this time. Milliseconds or `'5m'`,
   * from 10 seconds to 24 hours.
   *
   * @default '5m'
   */
  lifetime?: Duration;
}

/** How tokens that are bound to a key of their client are accepted (DPoP, RFC 9449). @publicApi */
export interface JwksDpopOptions {
  /**
   * Whether every token must be bound by DPoP and be sent with a proof. With `false` bearer tokens
   * are accepted too; a bound token still needs its proof. For single routes there is
   * `@Authenticated({ senderConstrained: true })`.
   *
   * @default false
   */
  required?: boolean;
  /**
   * The URL of the application as clients see it, which proofs name: https, or http, with a path if a
   * proxy takes one away; without a query. Set it behind a proxy.
   *
   * @default protocol and host as Express or Fastify see them
   */
  publicUrl?: string;
  /**
   * How old a proof may be. `clockTolerance`, but at most 5 seconds, comes on top, and is what a proof
   * may be from the future. Has no say where `nonce` is given. Milliseconds or `'60s'`, from 5 seconds
   * to 10 minutes.
   *
   * @default '60s'
   */
  proofMaxAge?: Duration;
  /**
   * The accepted signature algorithms of proofs, the preferred one first: the `algs` of challenges.
   *
   * @default ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']
   */
  algorithms?: readonly string[];
  /**
   * Where used proofs are remembered, so that none is accepted twice. An application of several
   * processes needs `redisReplayStore(client)`. With `false` a captured request can be repeated while
   * its proof is recent; the log says so at start.
   *
   * @default memoryReplayStore()
   */
  replay?: ReplayStore | false;
  /**
   * Makes proofs name a nonce of this server. It shows when they were made, so that the clock of a
   * client has no say, and proofs cannot be made in advance. Clients get it with their first request,
   * which is rejected with 401 `use_dpop_nonce`.
   *
   * @default none
   */
  nonce?: JwksDpopNonceOptions;
}

/** How tokens that are bound to a client certificate are accepted (mutual TLS, RFC 8705). @publicApi */
export interface JwksMtlsOptions {
  /**
   * Where the certificate of the client is. `'socket'`: this process ends TLS, with `requestCert:
   * true`. A header that the proxy in front sets: `'client-cert'` (RFC 9440), `'xfcc'` (Envoy),
   * `'nginx'` (`ssl-client-cert`), `'alb'` (AWS), or `{ header, format }` for another name of it. Or
   * a function of the request that returns PEM, DER or `undefined`.
   */
  certificate:
    | 'socket'
    | CertificateFormat
    | { readonly header: string; readonly format: CertificateFormat }
    | ((request: never) => unknown);
  /**
   * The addresses and networks of the proxies whose header counts, such as `['10.0.0.0/8']`: compared
   * with the peer of the connection, never with `X-Forwarded-For`. Required with a header, unused
   * otherwise, of which the log warns at start.
   *
   * @default none
   */
  trustedProxies?: readonly string[];
}
