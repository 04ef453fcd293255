import { JwksConfigurationError } from '../core/errors.js';
import type { SampledCounters } from '../core/telemetry-source.js';
import type { TrustedIssuer } from './issuer-chain.js';

/**
 * The issuers that are trusted, found by their exact name: nothing is normalised, and no issuer
 * stands in for another.
 *
 * @internal
 */
export interface IssuerRegistry {
  /**
   * The chain for a token that names `iss`, which is not verified. Throws or rejects with
   * UntrustedIssuerError; makes no network call.
   */
  trusted(iss: string | undefined): TrustedIssuer | Promise<TrustedIssuer>;
  /** The chain that an application names; it may leave the name out where there is only one. */
  named(issuer: string | undefined): TrustedIssuer | Promise<TrustedIssuer>;
  /** One of {@link Issuers.all}. */
  known(issuer: string): TrustedIssuer | undefined;
  /** Whether a function decides which issuers are trusted. */
  readonly isDynamic: boolean;
  /** Counters of issuers that are no longer in use. */
  readonly retired?: SampledCounters | undefined;
  /** A token of the issuer was verified. */
  confirmed?(trustedIssuer: TrustedIssuer): void;
  /** Those that are known at the moment. */
  all(): readonly TrustedIssuer[];
  close(): Promise<void>;
}

/** @internal */
export function namelessIssuer(): JwksConfigurationError {
  return new JwksConfigurationError(
    'Several issuers are trusted: say which one is meant by the option "issuer"',
    'issuer',
  );
}
