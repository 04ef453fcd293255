import type { Authentication } from './client/authentication.js';
import type { AuthenticationRequest } from './client/authenticator.js';
import { JwksAccess, JwksClient } from './client/jwks-client.js';
import type { JwksRuntime } from './client/jwks-runtime.js';
import type { ModuleSettings } from './options/resolve-options.js';
import type { JwksStatus } from './client/trusted-issuer.js';
import { wait } from './core/clock.js';
import type { TokenError } from './core/errors.js';
import type { MaybePromise } from './core/maybe-promise.js';
import type { TelemetrySource } from './core/telemetry-source.js';

/** The protected resource that an application is, as `ProtectedResourceModule` says. @internal */
export interface ProtectedResource {
  /** Its `resource` identifier (RFC 9728). */
  readonly identifier: string;
  /** Where its metadata is, for challenges. */
  readonly metadataUrl: string;
}

/**
 * Verifies tokens and looks up keys for the issuers of its `JwksModule`. Inject it by its class.
 *
 * Look-ups reject with `JwksConnectionError` or `InvalidJwkSetError` if no keys are available, with
 * `UntrustedIssuerError` if the module does not trust the issuer, and with `JwksConfigurationError`
 * if the module has several issuers and none was named.
 *
 * @publicApi
 */
export class JwksService extends JwksAccess {
  /** What the guard and the strategy read. @internal */
  readonly settings: ModuleSettings;
  /** What exporters of metrics read. @internal */
  readonly telemetry: TelemetrySource;

  /** Written by `ProtectedResourceModule`, read for challenges. @internal */
  resource: ProtectedResource | undefined;

  /** Made by the module. @internal */
  constructor(runtime: JwksRuntime) {
    super(runtime, undefined);
    this.settings = runtime.settings;
    this.telemetry = runtime.telemetry;
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

  /**
   * Returns for each issuer its state, kids, times and counters, as they are now. Of the issuers
   * that a resolver function finds, these are the ones in use.
   */
  status(): JwksStatus[] {
    return this.runtime.status();
  }

  /**
   * Forgets what the function `issuers` returned for this issuer: it is asked again for the next
   * token. Call it when an issuer changes, or is no longer trusted, instead of waiting for
   * `issuersTtl`. Returns whether the issuer was known.
   */
  forgetIssuer(issuer: string): boolean {
    return this.runtime.issuers.forget(issuer);
  }

  /** The wall clock, in milliseconds. @internal */
  now(): number {
    return this.runtime.clock.now();
  }

  /** The issuers that the options list; `undefined` where a function finds them. @internal */
  get configuredIssuers(): readonly (string | undefined)[] | undefined {
    const { issuers } = this.runtime;
    return issuers.isDynamic ? undefined : issuers.all().map(({ issuer }) => issuer);
  }

  /** Returns or throws at once where nothing has to be waited for. @internal */
  authenticate(request: AuthenticationRequest): MaybePromise<Authentication> {
    return this.runtime.authenticator.authenticate(request);
  }

  /** Counts and emits a rejection that was made before or after `authenticate`. @internal */
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
    const trustedIssuers = issuer === undefined ? configured : [await issuers.named(issuer)];
    const due = trustedIssuers.filter(({ keys }) => !['fresh', 'refresh-due'].includes(keys.status().state));
    if (due.length > 0) {
      const waiting = new AbortController();
      const refreshed = Promise.allSettled(due.map(({ keys }) => keys.prefetch()));
      await Promise.race([refreshed, wait(clock, patience, waiting.signal).catch(() => undefined)]);
      waiting.abort();
    }
    return trustedIssuers.map((trustedIssuer) => trustedIssuer.status(this.runtime.untrusted));
  }
}
