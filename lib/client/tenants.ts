import { LRUCache } from 'lru-cache';
import { withDeadline, type Clock } from '../core/clock.js';
import {
  isJwksError,
  isSourceError,
  JwksConfigurationError,
  JwksConnectionError,
  UntrustedIssuerError,
} from '../core/errors.js';
import type { SampledCounters } from '../core/telemetry-source.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import type { TrustedIssuer } from './issuer-chain.js';
import { namelessIssuer, type IssuerRegistry } from './issuers.js';
import { addCounters } from './module-telemetry.js';

/** @internal */
export interface DynamicIssuersParts {
  readonly resolve: (issuer: string) => Promise<ResolvedIssuer | undefined>;
  readonly make: (issuer: ResolvedIssuer) => TrustedIssuer;
  readonly clock: Clock;
  /** How many issuers are kept of which a token was verified. */
  readonly maxIssuers: number;
  /** Reports a look-up that failed. Without the name of the issuer: any client can choose it. */
  readonly report: (fault: JwksConnectionError) => void;
  /** How long a look-up of the application may take, in milliseconds. */
  readonly deadline: number;
}

/** How many issuers are kept whose tokens were not verified yet. */
const MAX_UNCONFIRMED = 1_000;
/** How many look-ups of the application run at the same time, and how many more wait for their turn. */
const MAX_LOOKUPS = 100;
const MAX_WAITING = 10_000;
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
  /** Issuers of which a token was verified: tokens that were not cannot evict them. */
  private readonly inUse: LRUCache<string, TrustedIssuer>;
  private readonly unconfirmed: LRUCache<string, TrustedIssuer>;
  private lookups = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly refused: LRUCache<string, true>;
  private readonly running = new Map<string, Promise<TrustedIssuer>>();
  private isClosed = false;

  constructor(private readonly parts: DynamicIssuersParts) {
    const { clock, maxIssuers } = parts;
    this.inUse = new LRUCache({ max: maxIssuers, dispose: (issuer) => this.retire(issuer) });
    this.unconfirmed = new LRUCache({
      max: MAX_UNCONFIRMED,
      dispose: (issuer, name) => this.inUse.peek(name) === issuer || this.retire(issuer),
    });
    // lru-cache takes a time of 0 for none.
    const perf = { now: () => clock.monotonic() + 1 };
    this.refused = new LRUCache({ max: MAX_REFUSED, ttl: REFUSED_FOR, ttlResolution: 0, perf });
  }

  trusted(iss: string | undefined): TrustedIssuer | Promise<TrustedIssuer> {
    if (this.isClosed) throw closed();
    if (iss === undefined || iss.length > MAX_NAME_LENGTH) throw new UntrustedIssuerError();
    const known = this.inUse.peek(iss) ?? this.unconfirmed.get(iss);
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

  /** A token of the issuer was verified. */
  confirmed(trustedIssuer: TrustedIssuer): void {
    const { issuer } = trustedIssuer;
    if (issuer === undefined) return;
    if (this.inUse.get(issuer) === trustedIssuer || this.unconfirmed.peek(issuer) !== trustedIssuer) return;
    this.inUse.set(issuer, trustedIssuer);
    this.unconfirmed.delete(issuer);
  }

  known(issuer: string): TrustedIssuer | undefined {
    return this.inUse.peek(issuer) ?? this.unconfirmed.peek(issuer);
  }

  all(): readonly TrustedIssuer[] {
    return [...this.unconfirmed.values(), ...this.inUse.values()];
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

  private retire(trustedIssuer: TrustedIssuer): void {
    this.retired = addCounters(this.retired, trustedIssuer.retire());
  }

  /** Asks the application, within the deadline and the limit of look-ups at the same time. */
  private async ask(iss: string): Promise<ResolvedIssuer | undefined> {
    await this.turn();
    const { clock, deadline, resolve } = this.parts;
    const reason = () => new JwksConnectionError(`"issuers" did not return within ${deadline} ms`);
    try {
      return await withDeadline({ clock, delay: deadline, reason }, () => resolve(iss));
    } catch (cause) {
      throw isSourceError(cause) || cause instanceof UntrustedIssuerError ? cause : this.unavailable(cause);
    } finally {
      this.lookups -= 1;
      this.waiting.shift()?.();
    }
  }

  private unavailable(cause: unknown): JwksConnectionError {
    const says = isJwksError(cause) ? ` (${cause.message})` : '';
    const fault = new JwksConnectionError(`The options of an issuer are unavailable from "issuers"${says}`, { cause });
    this.parts.report(fault);
    return fault;
  }

  private async turn(): Promise<void> {
    if (this.lookups >= MAX_LOOKUPS) {
      if (this.waiting.length >= MAX_WAITING)
        throw new JwksConnectionError('Too many issuers are looked up at the same time', { retryAfter: 1_000 });
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.lookups += 1;
  }

  private remember(iss: string, found: ResolvedIssuer): TrustedIssuer {
    try {
      const trustedIssuer = this.parts.make(found);
      this.unconfirmed.set(iss, trustedIssuer);
      return trustedIssuer;
    } catch (cause) {
      throw this.unavailable(cause);
    }
  }
}

function closed(): JwksConnectionError {
  return new JwksConnectionError('The module is closed', { retryable: false });
}

function misnamed(): JwksConfigurationError {
  const option = 'issuers().issuer';
  return new JwksConfigurationError(`Option "${option}" is not the issuer that "issuers" was asked for`, option);
}
