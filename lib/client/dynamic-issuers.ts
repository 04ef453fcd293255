import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';
import { isJwksError, JwksConfigurationError, JwksConnectionError, UntrustedIssuerError } from '../core/errors.js';
import type { SampledCounters } from '../core/telemetry-source.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import type { TrustedIssuer } from './trusted-issuer.js';
import { namelessIssuer, type IssuerRegistry } from './issuer-registry.js';
import { addCounters } from './module-telemetry.js';

/** @internal */
export interface DynamicIssuersParts {
  readonly resolve: (issuer: string) => Promise<ResolvedIssuer | undefined>;
  readonly make: (issuer: ResolvedIssuer) => TrustedIssuer;
  readonly clock: Clock;
}

const MAX_TENANTS = 1_000;
/**
 * Names that the application does not trust are remembered too, or a flood of tokens would become a
 * flood of its look-ups.
 */
const MAX_REFUSED = 1_000;
/** How long, in milliseconds: a tenant that has just registered must not wait longer. */
const REFUSED_FOR = 30_000;
/** Nobody's issuer is longer, and what anybody can send is kept for a while. */
const MAX_NAME_LENGTH = 2_048;

/**
 * Issuers that a function of the application finds by name.
 *
 * @internal
 */
export class DynamicIssuers implements IssuerRegistry {
  readonly isDynamic = true;
  retired: SampledCounters | undefined;
  private readonly inUse = new LRUCache<string, TrustedIssuer>({
    max: MAX_TENANTS,
    dispose: (trustedIssuer) => {
      this.retired = addCounters(this.retired, trustedIssuer.retire());
    },
  });
  private readonly refused: LRUCache<string, true>;
  private readonly running = new Map<string, Promise<TrustedIssuer>>();
  private isClosed = false;

  constructor(private readonly parts: DynamicIssuersParts) {
    const { clock } = parts;
    // lru-cache takes a time of 0 for none.
    const perf = { now: () => clock.monotonic() + 1 };
    this.refused = new LRUCache({ max: MAX_REFUSED, ttl: REFUSED_FOR, ttlResolution: 0, perf });
  }

  trusted(iss: string | undefined): TrustedIssuer | Promise<TrustedIssuer> {
    if (this.isClosed) throw closed();
    if (iss === undefined || iss.length > MAX_NAME_LENGTH) throw new UntrustedIssuerError();
    const known = this.inUse.get(iss);
    if (known) return known;
    if (this.refused.get(iss)) throw new UntrustedIssuerError();
    const running = this.running.get(iss) ?? this.find(iss).finally(() => this.running.delete(iss));
    this.running.set(iss, running);
    return running;
  }

  named(issuer: string | undefined): TrustedIssuer | Promise<TrustedIssuer> {
    if (issuer === undefined) throw namelessIssuer();
    return this.trusted(issuer);
  }

  known(issuer: string): TrustedIssuer | undefined {
    return this.inUse.peek(issuer);
  }

  all(): readonly TrustedIssuer[] {
    return [...this.inUse.values()];
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.all().map((trustedIssuer) => trustedIssuer.close()));
  }

  private async find(iss: string): Promise<TrustedIssuer> {
    const found = await this.ask(iss);
    if (this.isClosed) throw closed();
    if (found?.issuer === iss) return this.remember(iss, found);
    this.refused.set(iss, true);
    throw new UntrustedIssuerError(undefined, found && { cause: misnamed() });
  }

  private async ask(iss: string): Promise<ResolvedIssuer | undefined> {
    try {
      return await this.parts.resolve(iss);
    } catch (cause) {
      if (isJwksError(cause)) throw cause;
      throw new JwksConnectionError('The options of the issuer could not be had from "issuers"', { cause });
    }
  }

  private remember(iss: string, found: ResolvedIssuer): TrustedIssuer {
    const trustedIssuer = this.parts.make(found);
    this.inUse.set(iss, trustedIssuer);
    return trustedIssuer;
  }
}

function closed(): JwksConnectionError {
  return new JwksConnectionError('The module is closed', { retryable: false });
}

function misnamed(): JwksConfigurationError {
  const option = 'issuers().issuer';
  return new JwksConfigurationError(`Option "${option}" is not the issuer that "issuers" was asked for`, option);
}
