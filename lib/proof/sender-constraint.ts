import type { Clock } from '../core/clock.js';
import { andThen, type MaybePromise } from '../core/maybe-promise.js';
import { bindingFault, confirmationOf, isBound, type Confirmation } from './confirmation.js';
import { clientThumbprint, missingCertificateHint, type CertificateSource } from './client-certificate.js';
import { DpopChecker, type DpopSettings } from './dpop-checker.js';
import type { SenderConstrained, SenderProof, TokenScheme } from './sender-proof.js';

/** What is asked of the senders of bound tokens. @internal */
export interface SenderSettings {
  readonly dpop: DpopSettings | undefined;
  readonly mtls: CertificateSource | undefined;
  /** Whether a gateway in front has checked what is not checked here. */
  readonly isVerifiedByGateway: boolean;
}

/** A token, and how it came. @internal */
export interface SentToken {
  readonly token: string;
  /** Absent: it came without one, as by `verify()`. */
  readonly scheme?: TokenScheme | undefined;
  /** What its sender proves possession by; absent where it did not come with an HTTP request. */
  readonly proof?: SenderProof | undefined;
}

/**
 * Decides whether the sender of a verified token may use it (RFC 9449 section 7, RFC 8705 section
 * 3). A bound token never passes without its proof.
 *
 * @internal
 */
export class SenderConstraint {
  private readonly dpop: DpopChecker | undefined;

  constructor(
    private readonly settings: SenderSettings,
    private readonly clock: Clock,
  ) {
    this.dpop = settings.dpop && new DpopChecker(settings.dpop, clock);
  }

  /**
   * Returns what the sender has proved; `undefined` for a bearer token. Throws, or rejects, where
   * the token is not the sender's. `clockTolerance` is in milliseconds.
   */
  check(claims: object, sent: SentToken, clockTolerance: number): MaybePromise<SenderConstrained | undefined> {
    if (!isBound(claims) && sent.scheme !== 'DPoP') {
      if (this.settings.dpop?.required) throw bindingFault(NOT_BOUND, REQUIRED);
      return undefined;
    }
    const check = () => this.checkBound(isBound(claims) ? confirmationOf(claims) : UNBOUND, sent, clockTolerance);
    return sent.proof ? sent.proof.once(this, sent.token, check) : check();
  }

  private checkBound(
    cnf: Confirmation,
    sent: SentToken,
    clockTolerance: number,
  ): MaybePromise<SenderConstrained | undefined> {
    return andThen(this.checkKey(cnf, sent, clockTolerance), (key) =>
      andThen(this.checkCertificate(cnf, sent), (certificate) => key ?? certificate),
    );
  }

  private checkKey(
    { jkt }: Confirmation,
    { token: accessToken, scheme, proof }: SentToken,
    clockTolerance: number,
  ): MaybePromise<SenderConstrained | undefined> {
    const { dpop, isVerifiedByGateway } = this.settings;
    if (scheme === 'DPoP' && this.dpop) {
      if (!proof) throw bindingFault(HTTP_ONLY, SEND_OVER_HTTP);
      const checked = this.dpop.check(proof, { accessToken, thumbprint: jkt, clockTolerance });
      return andThen(checked, () => 'dpop' as const);
    }
    if (dpop?.required) throw bindingFault(SENT_AS_BEARER, SEND_AS_DPOP);
    if (jkt === undefined) return undefined;
    if (isVerifiedByGateway) return 'gateway';
    if (!dpop) throw bindingFault(NOT_CHECKED);
    throw proof ? bindingFault(SENT_AS_BEARER, SEND_AS_DPOP) : bindingFault(HTTP_ONLY, SEND_OVER_HTTP);
  }

  private checkCertificate({ x5t }: Confirmation, { proof }: SentToken): MaybePromise<SenderConstrained | undefined> {
    if (x5t === undefined) return undefined;
    const { mtls, isVerifiedByGateway } = this.settings;
    if (!mtls) {
      if (isVerifiedByGateway) return 'gateway';
      throw bindingFault(NOT_CHECKED);
    }
    if (!proof) throw bindingFault(HTTP_ONLY, SEND_OVER_HTTP);
    return andThen(clientThumbprint(mtls, proof, this.clock), (thumbprint) => {
      if (thumbprint === undefined) throw bindingFault(NO_CERTIFICATE, missingCertificateHint(mtls, proof));
      if (thumbprint !== x5t) throw bindingFault(OTHER_CERTIFICATE, SEND_CERTIFICATE);
      return 'mtls' as const;
    });
  }
}

const UNBOUND: Confirmation = { jkt: undefined, x5t: undefined };

const NOT_CHECKED = 'The access token is bound to a key ("cnf"), and the request does not prove possession of it';
const NOT_BOUND = 'The access token is not bound to a key ("cnf")';
const REQUIRED = 'have the client request a bound token and send it as "Authorization: DPoP" with a proof';
const SENT_AS_BEARER = 'The access token is bound to a key ("cnf"), and was sent as a bearer token';
const SEND_AS_DPOP = 'have the client send it as "Authorization: DPoP" with a proof in the header DPoP';
const HTTP_ONLY = 'The access token is bound ("cnf"), which only an HTTP request can prove to hold';
const SEND_OVER_HTTP = 'use a bearer token for WebSockets, messages and calls of verify()';
const NO_CERTIFICATE = 'The access token is bound to a client certificate ("cnf"), and the request came without one';
const OTHER_CERTIFICATE = 'The access token is bound to another certificate ("cnf") than that of the client';
const SEND_CERTIFICATE = 'a client uses one certificate for the token request and for the API';
