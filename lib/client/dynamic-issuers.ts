import { setMaxListeners } from 'node:events';
import { LRUCache } from 'lru-cache';
import { withDeadline, type Clock } from '../core/clock.js';
import { isJwksError, JwksConfigurationError, JwksConnectionError, UntrustedIssuerError } from '../core/errors.js';
import type { JwksEvents } from '../core/events.js';
import type { MaybePromise } from '../core/maybe-promise.js';
import type { SampledCounters } from '../core/telemetry-source.js';
import type { ResolvedIssuer } from '../options/resolve-issuer.js';
import { namelessIssuer, type IssuerRegistry } from './issuer-registry.js';
import { addCounters } from './module-telemetry.js';
import type { TrustedIssuer } from './trusted-issuer.js';
import { UnverifiedBudget, type Permit } from './unverified-budget.js';

/** Durations in milliseconds. @internal */
export interface DynamicIssuersSettings {
  readonly maxIssuers: number;
  readonly issuersTtl: number;
  /** How long the function of the application may take. */
  readonly deadline: number;
}

/** @internal */
export interface DynamicIssuersParts {
  readonly resolve: (issuer: string) => Promise<ResolvedIssuer | undefined>;
  /** `before`: what takes the place of the issuer that it replaces. */
  readonly make: (issuer: ResolvedIssuer, before?: TrustedIssuer) => TrustedIssuer;
  readonly clock: Clock;
  readonly events: JwksEvents;
}

interface Entry {
  trustedIssuer: TrustedIssuer;
  /** The permit that its look-up took, until the first verified token. */
  permit: Permit | undefined;
  /** When it is looked up again in the background, and when callers wait for that. */
  refreshAt: number;
  expiresAt: number;
}

/** The part of its lifetime after which an answer is renewed in the background. */
const REFRESH_AHEAD = 0.8;
/** How soon a failed renewal is tried again, in milliseconds. */
const RETRY_AFTER = 30_000;
const MAX_RENEWALS = 50;
/** Look-ups without a verified token: 100 in the first minute, 50 in each later one. */
const LOOKUPS = { burst: 50, every: 1_200 };
/** Issuers without a verified token, and names that are not trusted. */
const MAX_UNPROVEN = 1_000;
const MAX_REFUSED = 1_000;
/** How long, in milliseconds: a tenant that has just registered must not wait longer. */
const REFUSED_FOR = 30_000;
/** No issuer has a longer name, and names that clients send are kept for a while. */
const MAX_NAME_LENGTH = 2_048;
/** Bytes that the issuers in use may take, by estimate: a base, and so much for each key. */
const MAX_BYTES = 256 * 1_048_576;
const BYTES = { issuer: 2_000, key: 2_000 };

/**
 * Issuers that a function of the application finds by name. Only a verified token makes an issuer
 * one that is in use; unverified ones cannot evict those, and cause a bounded number of look-ups.
 *
 * @internal
 */
export class DynamicIssuers implements IssuerRegistry {
  readonly isDynamic = true;
  retired: SampledCounters | undefined;
  private readonly inUse: LRUCache<string, Entry>;
  private readonly unproven: LRUCache<string, Entry>;
  private readonly refused: LRUCache<string, true>;
  private readonly running = new Map<string, { readonly promise: Promise<TrustedIssuer> | undefined }>();
  private readonly renewals = new Map<Entry, Promise<void>>();
  private readonly budget: UnverifiedBudget;
  private readonly closing = new AbortController();

  constructor(
    private readonly settings: DynamicIssuersSettings,
    private readonly parts: DynamicIssuersParts,
  ) {
    const { clock } = parts;
    const { maxIssuers } = settings;
    const dispose = (entry: Entry, _: string, reason: LRUCache.DisposeReason) => {
      if (reason === 'evict') this.retire(entry);
    };
    this.inUse = new LRUCache({ max: maxIssuers, maxSize: MAX_BYTES, sizeCalculation: sizeOf, dispose });
    this.unproven = new LRUCache({ max: Math.min(maxIssuers, MAX_UNPROVEN), dispose });
    // lru-cache takes a time of 0 for none.
    const perf = { now: () => clock.monotonic() + 1 };
    this.refused = new LRUCache({ max: MAX_REFUSED, ttl: REFUSED_FOR, ttlResolution: 0, perf });
    this.budget = new UnverifiedBudget(LOOKUPS, clock);
    // Each look-up under way listens: Node would take more than ten for a leak.
    setMaxListeners(0, this.closing.signal);
  }

  trusted(iss: string | undefined): MaybePromise<TrustedIssuer> {
    if (this.closing.signal.aborted) throw closed();
    if (iss === undefined || iss.length > MAX_NAME_LENGTH) throw new UntrustedIssuerError();
    const entry = this.inUse.peek(iss);
    if (entry) return this.renewed(entry);
    const unproven = this.unproven.get(iss);
    if (unproven && this.parts.clock.monotonic() < unproven.expiresAt) return unproven.trustedIssuer;
    if (this.refused.get(iss)) throw new UntrustedIssuerError();
    return this.running.get(iss)?.promise ?? this.lookUp(iss, () => this.budget.take(this.closing.signal));
  }

  /** The application names it, so that it counts as in use. */
  named(issuer: string | undefined): MaybePromise<TrustedIssuer> {
    if (issuer === undefined) throw namelessIssuer();
    if (this.closing.signal.aborted) throw closed();
    const known = this.unproven.peek(issuer);
    if (known) this.prove(issuer, known);
    if (this.inUse.has(issuer) || issuer.length > MAX_NAME_LENGTH || this.refused.get(issuer))
      return this.trusted(issuer);
    const found = this.running.get(issuer)?.promise ?? this.lookUp(issuer, () => undefined);
    return found.then((trustedIssuer) => {
      const entry = this.unproven.peek(issuer);
      if (entry) this.prove(issuer, entry);
      return trustedIssuer;
    });
  }

  known(issuer: string): TrustedIssuer | undefined {
    return (this.inUse.peek(issuer) ?? this.unproven.peek(issuer))?.trustedIssuer;
  }

  all(): readonly TrustedIssuer[] {
    return [...this.inUse.values(), ...this.unproven.values()].map(({ trustedIssuer }) => trustedIssuer);
  }

  forget(issuer: string): boolean {
    const entry = this.inUse.peek(issuer) ?? this.unproven.peek(issuer);
    this.inUse.delete(issuer);
    this.unproven.delete(issuer);
    this.running.delete(issuer);
    if (entry) this.retire(entry);
    return this.refused.delete(issuer) || entry !== undefined;
  }

  async close(): Promise<void> {
    this.closing.abort(closed());
    await Promise.all(this.all().map((trustedIssuer) => trustedIssuer.close()));
  }

  private lookUp(iss: string, take: () => MaybePromise<Permit> | undefined): Promise<TrustedIssuer> {
    const lookUp = { promise: undefined as Promise<TrustedIssuer> | undefined };
    const run = async () => {
      let permit: Permit | undefined;
      let trustedIssuer: TrustedIssuer | undefined;
      try {
        permit = await take();
        const found = await this.ask(iss);
        // What was forgotten meanwhile is asked for again.
        if (this.running.get(iss) !== lookUp) return await this.trusted(iss);
        trustedIssuer = this.add(iss, this.parts.make(found), permit);
        return trustedIssuer;
      } catch (error) {
        throw this.unavailable(error);
      } finally {
        if (!trustedIssuer) permit?.failed();
        if (this.running.get(iss) === lookUp) this.running.delete(iss);
      }
    };
    this.running.set(iss, lookUp);
    return (lookUp.promise = run());
  }

  private add(iss: string, trustedIssuer: TrustedIssuer, permit: Permit | undefined): TrustedIssuer {
    const entry: Entry = { trustedIssuer, permit, refreshAt: 0, expiresAt: 0 };
    this.schedule(entry, this.settings.issuersTtl);
    this.unproven.set(iss, entry);
    this.watch(iss, entry);
    return trustedIssuer;
  }

  private watch(iss: string, entry: Entry): void {
    entry.trustedIssuer.watcher = {
      verified: () => {
        if (this.inUse.get(iss) !== entry) this.prove(iss, entry);
        entry.trustedIssuer.shared.trust();
      },
      idle: () => {
        entry.permit?.failed();
        entry.trustedIssuer.shared.idle();
      },
    };
  }

  /** Moves an issuer to those in use, also where it was pushed out in the meantime. */
  private prove(iss: string, entry: Entry): void {
    const other = this.inUse.peek(iss);
    entry.permit?.succeeded();
    entry.permit = undefined;
    if (other && other !== entry) return;
    entry.trustedIssuer.revive();
    entry.trustedIssuer.shared.trust();
    this.unproven.delete(iss);
    this.inUse.set(iss, entry);
  }

  private renewed(entry: Entry): MaybePromise<TrustedIssuer> {
    const now = this.parts.clock.monotonic();
    if (now < entry.refreshAt) return entry.trustedIssuer;
    const running = this.renewals.get(entry);
    if (!running && this.renewals.size >= MAX_RENEWALS) return entry.trustedIssuer;
    const renewal = running ?? this.renew(entry).finally(() => this.renewals.delete(entry));
    this.renewals.set(entry, renewal);
    if (now < entry.expiresAt) return entry.trustedIssuer;
    return renewal.then(() => this.trusted(entry.trustedIssuer.issuer));
  }

  /** Replaces what the function returned before. While it fails, that stays. Never rejects. */
  private async renew(entry: Entry): Promise<void> {
    const before = entry.trustedIssuer;
    const iss = before.issuer as string;
    try {
      const found = await this.ask(iss);
      if (this.inUse.peek(iss) !== entry) return;
      await this.replace(iss, entry, this.parts.make(found, before));
      this.schedule(entry, this.settings.issuersTtl);
    } catch (error) {
      if (error instanceof UntrustedIssuerError) return void this.distrust(iss, entry);
      this.unavailable(error);
      this.schedule(entry, Math.min(RETRY_AFTER, this.settings.issuersTtl));
    }
  }

  /** An issuer that has moved serves from its new place once its set is there. */
  private async replace(iss: string, entry: Entry, next: TrustedIssuer): Promise<void> {
    const before = entry.trustedIssuer;
    next.shared.trust();
    try {
      if (next.keys !== before.keys) await next.keys.prefetch();
    } catch (error) {
      next.retire();
      throw error;
    }
    if (this.inUse.peek(iss) !== entry) return void next.retire();
    before.watcher = undefined;
    entry.trustedIssuer = next;
    this.watch(iss, entry);
    this.addRetired(before);
  }

  private distrust(iss: string, entry: Entry): void {
    if (this.inUse.peek(iss) !== entry) return;
    this.forget(iss);
    this.refused.set(iss, true);
  }

  private schedule(entry: Entry, lifetime: number): void {
    const now = this.parts.clock.monotonic();
    entry.refreshAt = now + lifetime * REFRESH_AHEAD;
    entry.expiresAt = now + lifetime;
  }

  private retire(entry: Entry): void {
    this.addRetired(entry.trustedIssuer);
  }

  private addRetired(trustedIssuer: TrustedIssuer): void {
    const counters = trustedIssuer.retire();
    if (counters) this.retired = addCounters(this.retired, counters);
  }

  /** Rejects with UntrustedIssuerError, which is remembered, or with what the function throws. */
  private async ask(iss: string): Promise<ResolvedIssuer> {
    const { clock, resolve } = this.parts;
    const { deadline: delay } = this.settings;
    const reason = () => new JwksConnectionError(`"issuers" did not return within ${delay} ms`);
    const limit = { clock, delay, parent: this.closing.signal, reason };
    const found = await withDeadline(limit, () => resolve(iss));
    if (found?.issuer === iss) return found;
    if (!this.inUse.has(iss)) this.refused.set(iss, true);
    throw new UntrustedIssuerError(undefined, found && { cause: misnamed() });
  }

  /** What clients see of a function that fails, or whose options are wrong, is an outage. */
  private unavailable(cause: unknown): unknown {
    if (cause instanceof UntrustedIssuerError || this.closing.signal.aborted) return cause;
    const isOurs = isJwksError(cause) && cause.code !== 'configuration_invalid';
    const error = isOurs
      ? cause
      : new JwksConnectionError(
          isJwksError(cause) ? `"issuers" returned unusable options: ${cause.message}` : '"issuers" failed',
          { cause },
        );
    const { code, message } = error;
    const reason = !isJwksError(cause) && cause instanceof Error ? `${message}: ${cause.message}` : message;
    const { events } = this.parts;
    // Without the issuer: it comes from a token that is not verified.
    if (events.wants('refresh.failed'))
      events.emit({ type: 'refresh.failed', trigger: 'missing', duration: 0, code, reason, retryIn: 0 });
    return error;
  }
}

function sizeOf({ trustedIssuer }: Entry): number {
  return BYTES.issuer + (trustedIssuer.keys.peek()?.set.size ?? 1) * BYTES.key;
}

function closed(): JwksConnectionError {
  return new JwksConnectionError('The module is closed', { retryable: false });
}

function misnamed(): JwksConfigurationError {
  const option = 'issuers().issuer';
  return new JwksConfigurationError(`Option "${option}" is not the issuer that "issuers" was asked for`, option);
}
