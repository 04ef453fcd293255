import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import { SenderConstraintUnavailableError } from '../core/sender-errors.js';
import type { MaybePromise } from '../core/maybe-promise.js';
import { thumbprintFromHeaders, thumbprintOf, type CertificateFormat } from './certificate-headers.js';
import type { SenderProof } from './sender-proof.js';
import { answerWithin } from './answer-within.js';
import type { TrustedPeers } from './trusted-peers.js';

/** Where the client certificate of a request is. @internal */
export type CertificateSource =
  | { readonly kind: 'socket' }
  | {
      readonly kind: 'header';
      readonly format: CertificateFormat;
      /** In place of the usual one. */
      readonly name: string | undefined;
      readonly proxies: TrustedPeers;
    }
  | { readonly kind: 'function'; readonly find: (request: never) => unknown };

/**
 * The `x5t#S256` of the certificate that the client of a request has proved to hold; `undefined`:
 * none. A header counts only where a trusted proxy is the peer of the connection.
 *
 * @internal
 */
export function clientThumbprint(
  source: CertificateSource,
  proof: SenderProof,
  clock: Clock,
): MaybePromise<string | undefined> {
  switch (source.kind) {
    case 'socket':
      return socketThumbprint(proof.socket);
    case 'header':
      if (!isFromProxy(source, proof)) return undefined;
      return thumbprintFromHeaders(source.format, (name) => proof.header(name), source.name);
    default:
      return foundThumbprint(source.find, proof, clock);
  }
}

function isFromProxy({ proxies }: Extract<CertificateSource, { kind: 'header' }>, { socket }: SenderProof): boolean {
  return proxies.has((socket as { readonly remoteAddress?: unknown } | undefined)?.remoteAddress);
}

/** What to do about a request that came without a certificate. @internal */
export function missingCertificateHint(source: CertificateSource, proof: SenderProof): string {
  switch (source.kind) {
    case 'socket':
      return (proof.socket as TlsSocketLike | undefined)?.getPeerX509Certificate
        ? 'have the client use its certificate; TLS asks for it with requestCert: true alone'
        : 'the connection is no TLS: where a proxy ends TLS, "mtls.certificate" names its header';
    case 'header':
      return isFromProxy(source, proof)
        ? 'the proxy has set no header that can be read: have the client use its certificate, and the proxy ask for it'
        : 'the peer of the connection is not in "mtls.trustedProxies", so that its header does not count';
    default:
      return 'the function for the certificate has found none';
  }
}

interface TlsSocketLike {
  getPeerX509Certificate?(): X509Certificate | undefined;
}

/** The handshake has proved possession of the key; who has signed the certificate has no say. */
function socketThumbprint(socket: unknown): string | undefined {
  const certificate = (socket as TlsSocketLike | undefined)?.getPeerX509Certificate?.();
  return certificate && thumbprintOf(certificate.raw);
}

async function foundThumbprint(
  find: (request: never) => unknown,
  { request }: SenderProof,
  clock: Clock,
): Promise<string | undefined> {
  const message = 'The function for the client certificate failed';
  const found = await answerWithin(clock, message, async () => find(request as never));
  if (found === undefined || found === null) return undefined;
  if (typeof found === 'string' || found instanceof Uint8Array) return thumbprintOf(found);
  throw new SenderConstraintUnavailableError(message, {
    cause: new TypeError('It returned neither PEM as text, nor DER as bytes, nor undefined'),
  });
}
