import type { Clock } from '../core/clock.js';
import { SigningKeyNotFoundError } from '../core/errors.js';
import type { JwksEvents } from '../core/events.js';
import type { JwkSet, KeySelector } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';
import type { JwkSetSource } from '../sources/jwk-set-source.js';
import { describeSet } from './describe-set.js';
import { FailureBackoff } from './failure-backoff.js';
import { Fleet } from './fleet.js';
import { SetHolder } from './held-set.js';
import type { JwkSetStore } from './jwk-set-store.js';
import { KeptSet } from './kept-set.js';
import type { KeyLookup, KeyLookupStatus, RefreshRequest } from './key-lookup.js';
import type { LifetimePolicy } from './lifetime.js';
import { RefetchBudget, type RefetchBudgetSettings } from './refetch-budget.js';
import { Refetcher } from './refetcher.js';
import { Refresher } from './refresher.js';
import { SetEvents } from './set-events.js';

export type { KeyLookupStatus, RefreshRequest } from './key-lookup.js';

/** @internal */
export interface JwkSetCacheSettings extends LifetimePolicy {
  /** How long one attempt may take, and the most that a caller waits, in milliseconds. */
  readonly deadline: number;
  /** False: nothing is held, every look-up fetches. */
  readonly keep: boolean;
  readonly unknownKid: RefetchBudgetSettings;
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

interface Query {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly pick: (set: JwkSet) => SigningKey | undefined;
}

/**
 * Keeps one issuer's set and finds keys in it. The source belongs to who made it; the store is closed with the cache.
 *
 * @internal
 */
export class JwkSetCache implements KeyLookup {
  private readonly told: SetEvents;
  private readonly backoff: FailureBackoff;
  private readonly budget: RefetchBudget;
  private readonly holder: SetHolder;
  private readonly refresher: Refresher;
  private readonly refetcher: Refetcher;
  private readonly kept: KeptSet;

  constructor(
    private readonly settings: JwkSetCacheSettings,
    private readonly parts: JwkSetCacheParts,
  ) {
    const { clock, events, source, store, random = Math.random } = parts;
    const told = new SetEvents(events, settings.issuer);
    const backoff = new FailureBackoff(clock, random);
    const budget = new RefetchBudget(settings.unknownKid, clock);
    const holder = new SetHolder(settings.keep, clock, told);
    const fleet = store && settings.keep ? new Fleet(settings, { store, holder, clock, random }) : undefined;
    const refresher = new Refresher(settings, { source, holder, fleet, backoff, told, clock, random });
    this.told = told;
    this.backoff = backoff;
    this.budget = budget;
    this.holder = holder;
    this.refresher = refresher;
    this.refetcher = new Refetcher(settings, { refresher, holder, budget, backoff, told, clock });
    this.kept = new KeptSet(settings.keep, { holder, refresher, backoff, told, clock });
  }

  held(): JwkSet | undefined {
    return this.kept.held();
  }

  async get(): Promise<JwkSet> {
    const held = this.kept.held();
    this.count(held !== undefined);
    return held ?? this.kept.obtain('missing');
  }

  find(selector: KeySelector): SigningKey | Promise<SigningKey> {
    const held = this.kept.held();
    const key = held?.select(selector);
    this.count(key !== undefined);
    return key ?? this.seek({ kid: selector.kid, alg: selector.alg, pick: (set) => set.select(selector) }, held);
  }

  findByKid(kid: string): SigningKey | Promise<SigningKey> {
    const held = this.kept.held();
    const key = held?.get(kid);
    this.count(key !== undefined);
    return key ?? this.seek({ kid, alg: undefined, pick: (set) => set.get(kid) }, held);
  }

  async refresh({ seen, because }: RefreshRequest): Promise<JwkSet> {
    if (because === 'requested') return this.kept.reload();
    const current = this.kept.serving;
    if (current && current === seen) {
      await this.refetcher.refetch({ because, ...this.question(), satisfies: (set) => hasOtherKeys(set, seen) });
    }
    return this.kept.obtain('missing');
  }

  async prefetch(): Promise<void> {
    await this.kept.obtain('prefetch');
  }

  async fetchDocument(): Promise<unknown> {
    return this.refresher.fetchDocument();
  }

  status(): KeyLookupStatus {
    const { clock, store } = this.parts;
    const counters = { ...this.told.counters, ...store?.counters };
    return describeSet(this.kept.state, {
      held: this.holder.current,
      fault: this.backoff.lastFault,
      counters,
      clock,
    });
  }

  close(): void {
    this.refresher.close(this.kept.close());
    this.parts.store?.close();
  }

  private count(isHit: boolean): void {
    if (isHit) this.told.counters.hits += 1;
    else this.told.counters.misses += 1;
  }

  private question(): { since: number; asked: number } {
    return { since: this.parts.clock.monotonic(), asked: this.refresher.launched };
  }

  /**
   * Looks for a key that is not held, with one refetch where that may help. While the source fails nobody can know whether there is such a
   * key: that is an outage, for a key that was rotated in meanwhile too, and an outage refuses no token. A token that comes over budget while
   * the source answers is refused.
   */
  private async seek(query: Query, held: JwkSet | undefined): Promise<SigningKey> {
    const { kid, alg, pick } = query;
    const question = this.question();
    const lacking = held ?? (await this.kept.obtain('missing'));
    const key = pick(lacking);
    if (key) return key;
    this.told.counters.unknownKids += 1;
    if (!this.settings.keep) return this.loadAgainFor(query, question.asked);
    if (this.budget.isAbsent(lacking, kid, alg)) throw notFound(kid);
    const satisfies = (set: JwkSet) => pick(set) !== undefined;
    const isAnswered = await this.refetcher.refetch({ because: 'unknown-kid', ...question, satisfies });
    const set = this.kept.serving ?? (await this.kept.obtain('missing'));
    const found = pick(set);
    if (found) return found;
    if (isAnswered) this.budget.rememberAbsent(set, kid, alg);
    else if (this.backoff.isFailing) throw this.backoff.refusal();
    throw notFound(kid);
  }

  /** Nothing is held: the answer that came may be of a load that began before this look-up. */
  private async loadAgainFor({ kid, pick }: Query, asked: number): Promise<SigningKey> {
    const set = this.refresher.answered > asked ? undefined : await this.kept.obtain('missing');
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
