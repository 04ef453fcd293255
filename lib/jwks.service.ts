import type { JSONWebKeySet, JWTPayload } from 'jose';
import type { Observable } from 'rxjs';
import type { Authentication } from './client/authentication.js';
import type { JwksStatus } from './client/issuer-chain.js';
import { JwksClient, type RefreshOptions } from './client/jwks-client.js';
import type { JwksRuntime, RuntimeSettings } from './client/jwks-runtime.js';
import { secretOrKeyProvider, type SecretOrKeyProvider } from './client/secret-or-key-provider.js';
import { wait } from './core/clock.js';
import type { TokenError } from './core/errors.js';
import type { JwksEvent } from './core/events.js';
import type { MaybePromise } from './core/maybe-promise.js';
import type { TelemetrySource } from './core/telemetry-source.js';
import type { JwkSet } from './keys/jwk-set.js';
import type { SigningKey } from './keys/signing-key.js';
import type { JwksVerifyOptions } from './options/verify-options.js';
import type { VerifiedToken } from './tokens/verified-token.js';

/**
 * Verifies tokens and looks up keys for the issuers of its `JwksModule`. Inject it by its class.
 *
 * Look-ups reject with `JwksConnectionError` or `InvalidJwkSetError` if no keys are available, with
 * `UntrustedIssuerError` if the module does not trust the issuer, and with `JwksConfigurationError`
 * if the module has several issuers and none was named.
 *
 * @publicApi
 */
export class JwksService {
  /** What happens, while somebody listens. A subscriber that throws harms nobody. */
  readonly events$: Observable<JwksEvent>;
  /** What the guard and the strategy heed. @internal */
  readonly settings: RuntimeSettings;
  /** What exporters of metrics read. @internal */
  readonly telemetry: TelemetrySource;

  /** Made by the module. @internal */
  constructor(private readonly runtime: JwksRuntime) {
    this.events$ = runtime.events$;
    this.settings = runtime.settings;
    this.telemetry = runtime.telemetry;
  }

  /**
   * Verifies a token: signature, issuer, audience, times, the rules of the options, and `validate`.
   * Accepts and refuses what `@Authenticated()` does. Rejects with a `TokenError` that says why
   * not.
   */
  async verify<C = JWTPayload>(token: string, options?: JwksVerifyOptions): Promise<VerifiedToken<C>> {
    const authentication = await this.authenticate(token, options);
    return authentication.token as unknown as VerifiedToken<C>;
  }

  /**
   * Returns the key with this kid. If the set lacks it, the set is fetched again, once. Needs a
   * module with one issuer; use {@link client} otherwise.
   *
   * @throws SigningKeyNotFoundError (as a rejection) if the set lacks the kid after that.
   */
  async getSigningKey(kid: string): Promise<SigningKey> {
    return this.client().getSigningKey(kid);
  }

  /**
   * The key that a token was signed with, by its `iss` and its header. Nothing else of the token is
   * verified.
   */
  async getSigningKeyFromJwt(token: string): Promise<SigningKey> {
    return this.runtime.authenticator.keyOf(token);
  }

  /**
   * Returns the keys that may verify signatures (`use` is `sig` or absent): at least one, or it
   * rejects.
   */
  async getSigningKeys(options?: RefreshOptions): Promise<SigningKey[]> {
    return this.client().getSigningKeys(options);
  }

  /** Returns the cached JWK Set, loaded if necessary. */
  async getJwkSet(options?: RefreshOptions): Promise<JwkSet> {
    return this.client().getJwkSet(options);
  }

  /**
   * Returns the document straight from the source, with the keys that this package cannot use and
   * without private members. The cached set stays as it is.
   */
  async fetchJwkSet(): Promise<JSONWebKeySet> {
    return this.client().fetchJwkSet();
  }

  /**
   * Returns a client for the keys of one issuer; this is how to name one where the module has
   * several. It closes with the module.
   *
   * @throws JwksConfigurationError if `issuer` is missing and the module has several.
   */
  client(issuer?: string): JwksClient {
    // Throws at once if a name is needed. Whether the issuer is trusted shows when the client is
    // used.
    if (issuer === undefined) this.runtime.issuers.named(undefined);
    return new JwksClient(this.runtime, issuer);
  }

  /** For the options of a `passport-jwt` strategy, in place of jwks-rsa's `passportJwtSecret`. */
  secretOrKeyProvider(): SecretOrKeyProvider {
    return secretOrKeyProvider((token) => this.getSigningKeyFromJwt(token));
  }

  /**
   * For each issuer its state, kids, times and counters, as they are now; of those that a resolver
   * function finds, the ones in use.
   */
  status(): JwksStatus[] {
    return this.runtime.status();
  }

  /**
   * `verify` and `validate` with the user that they make; at once, throwing too, where nothing has
   * to be waited for.
   *
   * @internal
   */
  authenticate(token: string, options?: JwksVerifyOptions): MaybePromise<Authentication> {
    return this.runtime.authenticator.authenticate(token, options);
  }

  /** Tells of a refusal that never reached `authenticate`, or that came after it. @internal */
  report(error: TokenError, issuer?: string): void {
    this.runtime.authenticator.report(error, issuer);
  }

  /**
   * Starts a refresh of each set that is stale or missing, within its backoff, and waits for it,
   * but no longer than `patience` milliseconds. Issuers that a function returned take part only by
   * name: idle ones need no keys. Returns what `status` says then. @internal
   */
  async refreshUnlessFresh(issuer: string | undefined, patience: number): Promise<JwksStatus[]> {
    const { issuers, clock } = this.runtime;
    const configured = issuers.isDynamic ? [] : issuers.all();
    const chains = issuer === undefined ? configured : [await issuers.named(issuer)];
    const due = chains.filter(({ keys }) => !['fresh', 'refresh-due'].includes(keys.status().state));
    if (due.length > 0) {
      const waiting = new AbortController();
      const refreshed = Promise.allSettled(due.map(({ keys }) => keys.prefetch()));
      await Promise.race([refreshed, wait(clock, patience, waiting.signal).catch(() => undefined)]);
      waiting.abort();
    }
    return chains.map((chain) => chain.status(this.runtime.untrusted));
  }
}
