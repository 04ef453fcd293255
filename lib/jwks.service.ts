import type { JSONWebKeySet, JWTPayload } from 'jose';
import type { Observable } from 'rxjs';
import type { Authentication } from './client/token-judge.js';
import type { JwksStatus } from './client/issuer-chain.js';
import { JwksClient, type RefreshOptions } from './client/jwks-client.js';
import type { JwksRuntime, RuntimeSettings } from './client/jwks-runtime.js';
import { secretOrKeyProvider, type SecretOrKeyProvider } from './client/secret-or-key-provider.js';
import type { TokenError } from './core/errors.js';
import type { JwksEvent } from './core/events.js';
import type { MaybePromise } from './core/maybe-promise.js';
import type { JwkSet } from './keys/jwk-set.js';
import type { SigningKey } from './keys/signing-key.js';
import type { VerifyOptions } from './options/verify-options.js';
import type { VerifiedToken } from './tokens/verified-token.js';

/** Whose keys are meant. @publicApi */
export interface IssuerSelection {
  /** Which issuer is meant; needed where the module trusts several. */
  issuer?: string;
}

/**
 * Verifies tokens and looks keys up, for the issuers of its `JwksModule`. Inject it by its class.
 *
 * Look-ups reject with `JwksConnectionError` or `InvalidJwkSetError` where no keys can be had, with `UntrustedIssuerError` where the issuer
 * that was named is none of the module's, and with `JwksConfigurationError` where none was named among several.
 *
 * @publicApi
 */
export class JwksService {
  /** What happens, while somebody listens. A subscriber that throws harms nobody. */
  readonly events$: Observable<JwksEvent>;
  /** What the guard and the strategy heed. @internal */
  readonly settings: RuntimeSettings;

  /** Made by the module. @internal */
  constructor(private readonly runtime: JwksRuntime) {
    this.events$ = runtime.events$;
    this.settings = runtime.settings;
  }

  /**
   * Verifies a token: signature, issuer, audience, times, the rules of the options, and `validate`. Accepts and refuses what
   * `@Authenticated()` does. Rejects with a `TokenError` that says why not.
   */
  async verify<C = JWTPayload>(token: string, options?: VerifyOptions): Promise<VerifiedToken<C>> {
    const authentication = await this.authenticate(token, options);
    return authentication.auth as unknown as VerifiedToken<C>;
  }

  /** The key of this kid; the set is fetched again, once, if it has none. Rejects with `SigningKeyNotFoundError`. */
  async getSigningKey(kid: string, options?: IssuerSelection): Promise<SigningKey> {
    return this.client(options?.issuer).getSigningKey(kid);
  }

  /** The key that a token was signed with, by its `iss` and its header. Nothing else of the token is verified. */
  async getSigningKeyFromJwt(token: string): Promise<SigningKey> {
    return this.runtime.authenticator.keyOf(token);
  }

  /** All keys that can verify signatures: `use` is `sig` or absent. At least one, or it rejects. */
  async getSigningKeys(options?: IssuerSelection & RefreshOptions): Promise<SigningKey[]> {
    return this.client(options?.issuer).getSigningKeys(options);
  }

  /** The set, as it is held. */
  async getJwkSet(options?: IssuerSelection & RefreshOptions): Promise<JwkSet> {
    return this.client(options?.issuer).getJwkSet(options);
  }

  /** The document straight from the source, unusable keys included, private members left out. What is held stays as it is. */
  async fetchJwkSet(options?: IssuerSelection): Promise<JSONWebKeySet> {
    return this.client(options?.issuer).fetchJwkSet();
  }

  /** The same for one issuer. `issuer` may be left out where the module has one. Closed with the module. */
  client(issuer?: string): JwksClient {
    // Throws at once where a name is needed; whether it is a trusted one shows when the client is used.
    if (issuer === undefined) this.runtime.issuers.named(undefined);
    return new JwksClient(this.runtime, issuer);
  }

  /** For the options of a `passport-jwt` strategy, in place of jwks-rsa's `passportJwtSecret`. */
  secretOrKeyProvider(): SecretOrKeyProvider {
    return secretOrKeyProvider((token) => this.getSigningKeyFromJwt(token));
  }

  /** For each issuer its state, kids, times and counters, as they are now; of those that a resolver function finds, the ones in use. */
  status(): JwksStatus[] {
    return this.runtime.issuers.all().map((chain) => chain.status());
  }

  /** `verify` and `validate` with the user that they make; at once, throwing too, where nothing has to be waited for. @internal */
  authenticate(token: string, options?: VerifyOptions, connection?: object): MaybePromise<Authentication> {
    return this.runtime.authenticator.authenticate(token, options, connection);
  }

  /** Tells of a refusal that never reached `authenticate`, or that came after it. @internal */
  report(error: TokenError): void {
    this.runtime.authenticator.report(error);
  }
}
