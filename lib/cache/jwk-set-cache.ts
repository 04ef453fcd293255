import type { Clock } from '../core/clock.js';
import { JwksConnectionError, SigningKeyNotFoundError, type SourceError } from '../core/errors.js';
import type { JwksEvents } from '../core/events.js';
import type { JwkSet, KeySelector } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwkSetSource } from '../sources/jwk-set-source.js';
import { describeSet } from './describe-set.js';
import { FailureBackoff } from './failure-backoff.js';
import { StoreCoordinator } from './store-coordinator.js';
import { CurrentJwkSet, type CachedJwkSet } from './current-jwk-set.js';
import type { JwkSetStore } from './jwk-set-store.js';
import { StaleWhileRevalidate, type StaleWhileRevalidateSettings } from './stale-while-revalidate.js';
import type { KeyLookup, KeyLookupStatus, RefreshRequest } from './key-lookup.js';
import type { LifetimePolicy } from './lifetime.js';
import { RefetchBudget, type RefetchBudgetSettings } from './refetch-budget.js';
import { MissingKeyRefresh } from './missing-key-refresh.js';
import { Refresher } from './refresher.js';
import { SetReporter } from './set-events.js';

export type { KeyLookupStatus, RefreshRequest } from './key-lookup.js';

/** @internal */
export interface JwkSetCacheSettings extends LifetimePolicy, StaleWhileRevalidateSettings {
  /** How long one attempt may take, and the most that a caller waits, in milliseconds. */
  readonly deadline: number;
  readonly refetchLimit: RefetchBudgetSettings;
  /** Names the set in events. */
  readonly issuer?: string | undefined;
}

/** @internal */
export interface JwkSetCacheParts {
  readonly source: JwkSetSource;
  readonly store?: JwkSetStore | undefined;
  readonly clock: Clock;
  readonly events: JwksEvents;
  readonly random?: (() => number) | undefined;
}

/** For how long a bad signature causes no refetch after one that brought the same keys, in milliseconds. */
const CONFIRMED_FOR = 30_000;

interface Query {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly pick: (set: JwkSet) => SigningKey | undefined;
}

/**
 * Keeps one issuer's set and finds keys in it. The source belongs to who made it; the store is
 * closed with the cache.
 *
 * @internal
 */
export class JwkSetCache implements KeyLookup {
  private readonly reporter: SetReporter;
  private readonly backoff: FailureBackoff;
  private readonly budget: RefetchBudget;
  private readonly currentSet: CurrentJwkSet;
  private readonly refresher: Refresher;
  private readonly refetcher: MissingKeyRefresh;
  private readonly served: StaleWhileRevalidate;
  /** The keys that a bad signature made the source confirm. */
  private confirmed: { readonly set: JwkSet; readonly until: number } | undefined;

  constructor(
    private readonly settings: JwkSetCacheSettings,
    private readonly parts: JwkSetCacheParts,
  ) {
    const { clock, events, source, store, random = Math.random } = parts;
    const reporter = new SetReporter(events, settings.issuer);
    const backoff = new FailureBackoff(clock, random);
    const budget = new RefetchBudget(settings.refetchLimit, clock);
    const currentSet = new CurrentJwkSet(settings.enabled, clock, reporter);
    const coordinator =
      store && settings.enabled ? new StoreCoordinator(settings, { store, currentSet, clock, random }) : undefined;
    const refresher = new Refresher(settings, { source, currentSet, coordinator, backoff, reporter, clock, random });
    this.reporter = reporter;
    this.backoff = backoff;
    this.budget = budget;
    this.currentSet = currentSet;
    this.refresher = refresher;
    this.refetcher = new MissingKeyRefresh(settings, { refresher, currentSet, budget, backoff, reporter, clock });
    this.served = new StaleWhileRevalidate(settings, { currentSet, refresher, backoff, reporter, clock });
  }

  /** Whether there is a set that may serve: fresh, refresh-due or stale. */
  get canServe(): boolean {
    return this.served.servable !== undefined;
  }

  /** Whether the source has withdrawn all keys: an answer, not an outage. */
  get withdrawn(): boolean {
    return this.backoff.isFailing && this.backoff.lastFault?.error.allowsStale === false;
  }

  /** The error for a caller while nothing is available. */
  unavailable(): SourceError {
    return this.backoff.toError();
  }

  current(): JwkSet | undefined {
    return this.served.current();
  }

  peek(): CachedJwkSet | undefined {
    return this.currentSet.value;
  }

  async get(): Promise<JwkSet> {
    const held = this.served.current();
    this.count(held !== undefined);
    return held ?? this.served.getOrLoad('missing');
  }

  find(selector: KeySelector): SigningKey | Promise<SigningKey> {
    const held = this.served.current();
    const key = held?.firstCandidate(selector);
    this.count(key !== undefined);
    if (key) return key;
    const pick = (set: JwkSet) => set.firstCandidate(selector);
    return this.findMissing({ kid: selector.kid, alg: selector.alg, pick }, held);
  }

  findByKid(kid: string): SigningKey | Promise<SigningKey> {
    const held = this.served.current();
    const key = held?.get(kid);
    this.count(key !== undefined);
    return key ?? this.findMissing({ kid, alg: undefined, pick: (set) => set.get(kid) }, held);
  }

  async refresh({ seen, trigger }: RefreshRequest): Promise<JwkSet> {
    if (trigger === 'requested') return this.served.reload();
    const current = this.served.servable;
    if (current && current === seen && !this.isConfirmed(seen)) {
      const question = { trigger, ...this.question(), satisfies: (set: JwkSet) => hasOtherKeys(set, seen) };
      const isAnswered = await this.refetcher.refetch(question);
      const set = this.served.servable;
      if (isAnswered && set && !hasOtherKeys(set, seen))
        this.confirmed = { set, until: this.parts.clock.monotonic() + CONFIRMED_FOR };
    }
    return this.served.getOrLoad('missing');
  }

  /**
   * Whether the source has said lately that it has these keys still. Forged tokens name a known kid as
   * often as they like: they must not use up the refetches that a new key needs.
   */
  private isConfirmed(set: JwkSet): boolean {
    const { confirmed } = this;
    return (
      confirmed !== undefined && this.parts.clock.monotonic() < confirmed.until && !hasOtherKeys(set, confirmed.set)
    );
  }

  async prefetch(): Promise<void> {
    // No token needs it: a health check is to hear at once that there are no keys.
    await this.served.getOrLoad('prefetch', false);
  }

  async fetchDocument(): Promise<unknown> {
    return this.refresher.fetchDocument();
  }

  status(): KeyLookupStatus {
    const { clock, store } = this.parts;
    const counters = { ...this.reporter.counters, ...store?.counters };
    return describeSet(this.served.state, {
      held: this.currentSet.value,
      fault: this.backoff.lastFault,
      counters,
      clock,
    });
  }

  close(): void {
    this.refresher.close(this.served.close());
    this.parts.store?.close();
  }

  private count(isHit: boolean): void {
    if (isHit) this.reporter.counters.hits += 1;
    else this.reporter.counters.misses += 1;
  }

  private question(): { since: number; asked: number } {
    return { since: this.parts.clock.monotonic(), asked: this.refresher.started };
  }

  /**
   * Looks for a key that the cached set lacks, with one refetch if that may help. Only the source's
   * own answer makes a key unknown (401). While the source fails, or was not asked because the
   * refetch limit is reached, the key may exist: that is a 503.
   */
  private async findMissing(query: Query, held: JwkSet | undefined): Promise<SigningKey> {
    const { kid, alg, pick } = query;
    const question = this.question();
    const lacking = held ?? (await this.served.getOrLoad('missing'));
    const key = pick(lacking);
    if (key) return key;
    this.reporter.counters.unknownKids += 1;
    if (!this.settings.enabled) return this.loadAgainFor(query, question.asked);
    if (this.budget.isAbsent(lacking, kid, alg)) throw notFound(kid);
    const satisfies = (set: JwkSet) => pick(set) !== undefined;
    const isAnswered = await this.refetcher.refetch({ trigger: 'unknown-kid', ...question, satisfies });
    const set = this.served.servable ?? (await this.served.getOrLoad('missing'));
    const found = pick(set);
    if (found) return found;
    if (!isAnswered && this.settings.refetchLimit.burst > 0) {
      if (this.backoff.isFailing) throw this.backoff.toError();
      throw this.budget.wasAbsent(set, kid, alg) ? notFound(kid) : this.notAsked();
    }
    this.budget.rememberAbsent(set, kid, alg);
    throw notFound(kid);
  }

  private notAsked(): JwksConnectionError {
    return new JwksConnectionError('The key was not asked for: refetchLimit is reached', {
      retryable: false,
      retryAfter: this.budget.timeLeft,
    });
  }

  /** Nothing is held: the answer that came may be of a load that began before this look-up. */
  private async loadAgainFor({ kid, pick }: Query, asked: number): Promise<SigningKey> {
    const set = this.refresher.answered > asked ? undefined : await this.served.getOrLoad('missing');
    const key = set && pick(set);
    if (key) return key;
    throw notFound(kid);
  }
}

/** Two sets may differ in their unusable entries alone. */
function hasOtherKeys(set: JwkSet, seen: JwkSet): boolean {
  const { added, removed } = set.changesSince(seen);
  return added.length + removed.length > 0;
}

function notFound(kid: string | undefined): SigningKeyNotFoundError {
  return new SigningKeyNotFoundError(undefined, undefined, kid);
}
