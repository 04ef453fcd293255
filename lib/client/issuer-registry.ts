import { JwksConfigurationError, UntrustedIssuerError } from '../core/errors.js';
import type { MaybePromise } from '../core/maybe-promise.js';
import type { SampledCounters } from '../core/telemetry-source.js';
import type { TrustedIssuer } from './trusted-issuer.js';

/**
 * The trusted issuers, found by their exact name: nothing is normalised, and no issuer stands in
 * for another.
 *
 * @internal
 */
export interface IssuerRegistry {
  /**
   * The issuer of a token that names `iss`, which is not verified. Throws or rejects with
   * UntrustedIssuerError; makes no network call.
   */
  trusted(iss: string | undefined): MaybePromise<TrustedIssuer>;
  /** The issuer that an application names; it may omit the name where there is only one. */
  named(issuer: string | undefined): MaybePromise<TrustedIssuer>;
  /** One of {@link IssuerRegistry.all}. */
  known(issuer: string): TrustedIssuer | undefined;
  /** Drops what a function returned for this issuer. Returns whether there was something. */
  forget(issuer: string): boolean;
  /** Whether a function decides which issuers are trusted. */
  readonly isDynamic: boolean;
  /** Counters of issuers that are no longer in use. */
  readonly retired?: SampledCounters | undefined;
  /** Those that are known at the moment. */
  all(): readonly TrustedIssuer[];
  close(): Promise<void>;
}

/** Issuers that the options list: one or several. @internal */
export class ConfiguredIssuers implements IssuerRegistry {
  readonly isDynamic = false;
  private readonly byName: ReadonlyMap<string | undefined, TrustedIssuer>;
  /** The only one, if it has no name: it takes tokens of any issuer. */
  private readonly nameless: TrustedIssuer | undefined;

  constructor(private readonly trustedIssuers: readonly TrustedIssuer[]) {
    this.byName = new Map(trustedIssuers.map((trustedIssuer) => [trustedIssuer.issuer, trustedIssuer]));
    this.nameless = this.byName.get(undefined);
  }

  trusted(iss: string | undefined): TrustedIssuer {
    const trustedIssuer = this.nameless ?? this.byName.get(iss);
    if (!trustedIssuer) throw new UntrustedIssuerError();
    return trustedIssuer;
  }

  named(issuer: string | undefined): TrustedIssuer {
    if (issuer !== undefined) return this.trusted(issuer);
    const [only] = this.trustedIssuers;
    if (only && this.trustedIssuers.length === 1) return only;
    throw namelessIssuer();
  }

  known(issuer: string): TrustedIssuer | undefined {
    return this.nameless ?? this.byName.get(issuer);
  }

  forget(): boolean {
    return false;
  }

  all(): readonly TrustedIssuer[] {
    return this.trustedIssuers;
  }

  async close(): Promise<void> {
    await Promise.all(this.trustedIssuers.map((trustedIssuer) => trustedIssuer.close()));
  }
}

/** @internal */
export function namelessIssuer(): JwksConfigurationError {
  return new JwksConfigurationError('Several issuers are trusted: name one of them, as in client(issuer)', 'issuer');
}
