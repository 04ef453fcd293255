import type { JSONWebKeySet, JWTPayload } from 'jose';
import { filter, type Observable } from 'rxjs';
import { SigningKeyNotFoundError, UntrustedIssuerError } from '../core/errors.js';
import type { JwksEvent } from '../core/events.js';
import { isPromise } from '../core/maybe-promise.js';
import type { JwkSet } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwksClientOptions } from '../options/jwks-options.js';
import type { JwksVerifyOptions } from '../options/verify-options.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import type { Authenticator } from './authenticator.js';
import { idleStatus, type TrustedIssuer, type JwksStatus } from './issuer-chain.js';
import { JwksRuntime } from './jwks-runtime.js';
import { secretOrKeyProvider, type SecretOrKeyProvider } from './secret-or-key-provider.js';

/** No key has a longer one. */
const MAX_KID_LENGTH = 256;

/** How `getSigningKeys` and `getJwkSet` answer. @publicApi */
export interface RefreshOptions {
  /** `true`: the source is asked now, whatever is held; rejects when it fails. @default false */
  refresh?: boolean;
}

/** Durations in milliseconds; `freshFor` is 0 or less for a set that is stale. @internal */
export interface ServedJwkSet {
  readonly set: JwkSet;
  readonly freshFor: number;
  readonly servesFor: number;
}

/**
 * The keys of one issuer, without Nest.
 *
 * ```ts
 * const client = new JwksClient({ jwksUri: 'https://id.example.com/jwks' });
 * const key = await client.getSigningKey(kid);
 * await client.close();
 * ```
 *
 * Look-ups reject with `JwksConnectionError` or `InvalidJwkSetError` where no keys can be had.
 *
 * @publicApi
 */
export class JwksClient {
  /** What happens, while somebody listens. A subscriber that throws harms nobody. */
  readonly events$: Observable<JwksEvent>;
  private readonly runtime: JwksRuntime;
  private readonly issuer: string | undefined;
  private readonly isOwner: boolean;
  private readonly authenticator: Authenticator;

  /** Fetches nothing yet. Throws a `JwksConfigurationError` that names the option that can't be. */
  constructor(options: JwksClientOptions);
  /**
   * Lent by a module: closed with it. `issuer` may be left out where the module has one.
   *
   * @internal
   */
  constructor(runtime: JwksRuntime, issuer: string | undefined);
  constructor(given: JwksClientOptions | JwksRuntime, issuer?: string) {
    this.isOwner = !(given instanceof JwksRuntime);
    this.runtime = given instanceof JwksRuntime ? given : JwksRuntime.ofClient(given);
    this.issuer = issuer;
    this.authenticator = authenticatorOf(this.runtime, issuer);
    const { events$ } = this.runtime;
    this.events$ = issuer === undefined ? events$ : events$.pipe(filter((event) => event.issuer === issuer));
  }

  /** The first of some keys that has this kid, compared exactly. */
  static matchKid(keys: Iterable<SigningKey>, kid: string): SigningKey | undefined {
    for (const key of keys) if (key.kid === kid) return key;
    return undefined;
  }

  /**
   * Verifies a token: signature, issuer, audience, times, the rules of the options, and `validate`.
   * Rejects with a `TokenError` that says why not, and with a `JwksConfigurationError` where
   * neither `options` nor the client's say which issuer and audience to ask for.
   */
  async verify<C = JWTPayload>(token: string, options?: JwksVerifyOptions): Promise<VerifiedToken<C>> {
    // What a module lends has decided already.
    const trustedIssuer = this.isOwner ? this.runtime.issuers.named(undefined) : undefined;
    if (trustedIssuer && !isPromise(trustedIssuer)) trustedIssuer.requireIssuerAndAudience(options);
    const authentication = await this.authenticator.authenticate(token, options);
    return authentication.token as unknown as VerifiedToken<C>;
  }

  /**
   * The key of this kid; the set is fetched again, once, if it has none. Rejects with
   * `SigningKeyNotFoundError`.
   */
  getSigningKey(kid: string): Promise<SigningKey> {
    return this.use(({ keys }) => {
      if (typeof kid === 'string' && kid.length <= MAX_KID_LENGTH) return keys.findByKid(kid);
      throw new SigningKeyNotFoundError('No key has what was looked up as its kid');
    });
  }

  /** The key that a token was signed with, by its header. Nothing else of the token is verified. */
  getSigningKeyFromJwt(token: string): Promise<SigningKey> {
    return this.authenticator.keyOf(token);
  }

  /** All keys that can verify signatures: `use` is `sig` or absent. At least one, or it rejects. */
  async getSigningKeys(options?: RefreshOptions): Promise<SigningKey[]> {
    return [...(await this.getJwkSet(options))];
  }

  /** The set, as it is held. */
  getJwkSet(options?: RefreshOptions): Promise<JwkSet> {
    return this.use(({ keys }) => {
      return options?.refresh ? keys.refresh({ seen: keys.current(), trigger: 'requested' }) : keys.get();
    });
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
   * The document straight from the source, unusable keys included, private members left out. What
   * is held stays as it is.
   */
  fetchJwkSet(): Promise<JSONWebKeySet> {
    return this.use(({ keys }) => keys.fetchDocument() as Promise<JSONWebKeySet>);
  }

  /** For the options of a `passport-jwt` strategy, in place of jwks-rsa's `passportJwtSecret`. */
  secretOrKeyProvider(): SecretOrKeyProvider {
    return secretOrKeyProvider((token) => this.getSigningKeyFromJwt(token));
  }

  /** State, kids, times and counters, as they are now. */
  status(): JwksStatus {
    const { issuers, untrusted } = this.runtime;
    const trustedIssuer = this.issuer === undefined ? issuers.all()[0] : issuers.known(this.issuer);
    return trustedIssuer?.status(untrusted) ?? idleStatus(this.issuer);
  }

  /**
   * Ends what is under way; later look-ups reject. One that `JwksService` handed out is closed with
   * its module instead.
   */
  async close(): Promise<void> {
    if (this.isOwner) await this.runtime.close();
  }

  private async use<T>(work: (trustedIssuer: TrustedIssuer) => T | Promise<T>): Promise<T> {
    const trustedIssuer = await this.runtime.issuers.named(this.issuer);
    trustedIssuer.enter();
    try {
      return await work(trustedIssuer);
    } finally {
      trustedIssuer.leave();
    }
  }
}

/** Of the issuers that a module trusts, a client takes tokens of its own alone. */
function authenticatorOf(runtime: JwksRuntime, issuer?: string): Authenticator {
  if (issuer === undefined) return runtime.authenticator;
  return runtime.authenticatorFor((iss) => {
    if (iss !== issuer) throw new UntrustedIssuerError();
    return runtime.issuers.trusted(iss);
  });
}
