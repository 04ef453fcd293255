import type { JSONWebKeySet, JWTPayload } from 'jose';
import { filter, type Observable } from 'rxjs';
import { SigningKeyNotFoundError, UntrustedIssuerError } from '../core/errors.js';
import type { JwksEvent } from '../core/events.js';
import type { MaybePromise } from '../core/maybe-promise.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwksClientOptions } from '../options/jwks-options.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { Authenticator } from './authenticator.js';
import { namelessIssuer } from './issuer-registry.js';
import { JwksRuntime } from './jwks-runtime.js';
import { secretOrKeyProvider, type SecretOrKeyProvider } from './secret-or-key-provider.js';
import { idleStatus, type JwksStatus, type TrustedIssuer } from './trusted-issuer.js';

/** No key has a longer one. */
const MAX_KID_LENGTH = 256;

/** Options of `getSigningKeys` and `getJwkSet`. @publicApi */
export interface RefreshOptions {
  /** With `true` the source is asked now, whatever is cached; rejects if it fails. @default false */
  refresh?: boolean;
}

/** Durations in milliseconds; `freshFor` is 0 or less for a set that is stale. @internal */
export interface ServedJwkSet {
  readonly set: JwkSet;
  readonly freshFor: number;
  readonly servesFor: number;
}

/**
 * What the service of a module and a client have in common: tokens and keys of one issuer, or of
 * the only one.
 */
export abstract class JwksAccess {
  /** What happens, as plain data. Nothing is observed without a subscriber. */
  readonly events$: Observable<JwksEvent>;
  private readonly authenticator: Authenticator;

  /** @internal */
  constructor(
    /** @internal */
    protected readonly runtime: JwksRuntime,
    /** @internal */
    protected readonly issuer: string | undefined,
  ) {
    const { events$ } = runtime;
    this.events$ = issuer === undefined ? events$ : events$.pipe(filter((event) => event.issuer === issuer));
    this.authenticator = authenticatorOf(runtime, issuer);
  }

  /**
   * Verifies a token: signature, issuer, audience, times, the rules of the options, and `validate`.
   * Accepts and rejects what `@Authenticated()` does. Rejects with a `TokenError` that says why, and
   * with a `JwksConfigurationError` if neither `options` nor the configuration says which issuer and
   * audience to require.
   */
  async verify<C = JWTPayload>(token: string, options?: JwksVerifyOptions): Promise<VerifiedToken<C>> {
    this.assertVerifies(options);
    const authentication = await this.authenticator.authenticate({ token, options });
    return authentication.token as unknown as VerifiedToken<C>;
  }

  /**
   * Returns the key with this kid. If the set lacks it, the set is fetched again, once. Where there
   * are several issuers, name one by `JwksService.client`.
   *
   * @throws SigningKeyNotFoundError (as a rejection) if the set lacks the kid after that.
   */
  getSigningKey(kid: string): Promise<SigningKey> {
    return this.use(({ keys }) => {
      if (typeof kid === 'string' && kid.length <= MAX_KID_LENGTH) return keys.findByKid(kid);
      throw new SigningKeyNotFoundError('What was looked up is not a kid');
    });
  }

  /**
   * Returns the key that a token was signed with, by its `iss` and its header. Nothing else of the
   * token is verified.
   */
  getSigningKeyFromJwt(token: string): Promise<SigningKey> {
    return this.authenticator.keyOf(token);
  }

  /**
   * Returns the keys that may verify signatures (`use` is `sig` or absent): at least one, or it
   * rejects.
   */
  async getSigningKeys(options?: RefreshOptions): Promise<SigningKey[]> {
    return [...(await this.getJwkSet(options))];
  }

  /** Returns the cached JWK Set, loaded if necessary. */
  getJwkSet(options?: RefreshOptions): Promise<JwkSet> {
    return this.use(({ keys, shared }) => {
      if (!options?.refresh) return keys.get();
      shared.request();
      return keys.refresh({ seen: keys.current(), trigger: 'requested' });
    });
  }

  /**
   * Returns the document straight from the source, with the keys that this package cannot use and
   * without private members. The cached set stays as it is.
   */
  fetchJwkSet(): Promise<JSONWebKeySet> {
    // Callers at the same time share a request, and each may change what it gets.
    return this.use(async ({ keys }) => structuredClone((await keys.fetchDocument()) as JSONWebKeySet));
  }

  /** For the options of a `passport-jwt` strategy, in place of jwks-rsa's `passportJwtSecret`. */
  secretOrKeyProvider(): SecretOrKeyProvider {
    return secretOrKeyProvider((token) => this.getSigningKeyFromJwt(token));
  }

  /** Throws where issuer and audience are not decided on. @internal */
  protected assertVerifies(_options: JwksVerifyOptions | undefined): void {}

  /** @internal */
  protected async use<T>(work: (trustedIssuer: TrustedIssuer) => MaybePromise<T>): Promise<T> {
    const trustedIssuer = await this.runtime.issuers.named(this.issuer);
    return trustedIssuer.use(() => work(trustedIssuer));
  }
}

/**
 * The keys of one issuer, or of several (`issuers`), without Nest.
 *
 * ```ts
 * const client = new JwksClient({ jwksUri: 'https://id.example.com/jwks' });
 * const key = await client.getSigningKey(kid);
 * await client.close();
 * ```
 *
 * Look-ups reject with `JwksConnectionError` or `InvalidJwkSetError` if no keys are available.
 *
 * @publicApi
 */
export class JwksClient extends JwksAccess {
  private readonly isOwner: boolean;
  private readonly hasSeveral: boolean;

  /** Fetches nothing yet. Throws a `JwksConfigurationError` that names the option that is wrong. */
  constructor(options: JwksClientOptions);
  /**
   * Lent by a module and closed with it. `issuer` may be omitted if the module has only one.
   *
   * @internal
   */
  constructor(runtime: JwksRuntime, issuer: string | undefined);
  constructor(given: JwksClientOptions | JwksRuntime, issuer?: string) {
    const isLent = given instanceof JwksRuntime;
    super(isLent ? given : JwksRuntime.ofClient(given), issuer);
    this.isOwner = !isLent;
    this.hasSeveral = this.runtime.issuers.isDynamic || this.runtime.issuers.all().length > 1;
  }

  /** Returns the first key with this kid, compared exactly. */
  static matchKid(keys: Iterable<SigningKey>, kid: string): SigningKey | undefined {
    for (const key of keys) if (key.kid === kid) return key;
    return undefined;
  }

  /** @internal */
  protected override assertVerifies(options: JwksVerifyOptions | undefined): void {
    // The options of a module, and those of several issuers, have been checked for this.
    if (!this.isOwner || this.hasSeveral) return;
    this.runtime.issuers.all()[0]?.requireIssuerAndAudience(options);
  }

  /**
   * The set that `getJwkSet()` returns, with how long it stays fresh and how long it may serve, for
   * publishing it. Infinite for a static set; 0 if nothing is cached.
   *
   * @internal
   */
  getServedSet(): Promise<ServedJwkSet> {
    return this.use(async ({ keys }) => {
      const set = await keys.get();
      const { state, freshUntil = Number.POSITIVE_INFINITY, staleUntil = freshUntil } = keys.status();
      const now = this.runtime.clock.now();
      return state === 'empty'
        ? { set, freshFor: 0, servesFor: 0 }
        : { set, freshFor: freshUntil - now, servesFor: staleUntil - now };
    });
  }

  /**
   * Returns a client for the keys of one issuer, where the options have `issuers`. It is closed with
   * this one.
   */
  client(issuer: string): JwksClient {
    return new JwksClient(this.runtime, issuer);
  }

  /**
   * Returns state, kids, times and counters, as they are now.
   *
   * @throws JwksConfigurationError if the options have `issuers` and none was named.
   */
  status(): JwksStatus {
    if (this.issuer === undefined && this.hasSeveral) throw namelessIssuer();
    const { issuers } = this.runtime;
    const trustedIssuer = this.issuer === undefined ? issuers.all()[0] : issuers.known(this.issuer);
    return trustedIssuer ? this.runtime.statusOf(trustedIssuer) : idleStatus(this.issuer);
  }

  /**
   * Ends the requests under way; later look-ups reject. A client that `JwksService` returned is
   * closed with its module instead.
   */
  async close(): Promise<void> {
    if (this.isOwner) await this.runtime.close();
  }
}

/** Of the issuers that a module trusts, a client takes tokens of its own alone. */
function authenticatorOf(runtime: JwksRuntime, issuer: string | undefined): Authenticator {
  if (issuer === undefined) return runtime.authenticator;
  return runtime.authenticatorFor((iss) => {
    if (iss !== issuer) throw new UntrustedIssuerError();
    // The application has named it.
    return runtime.issuers.named(iss);
  });
}
