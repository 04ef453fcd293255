import type { JwkSetCache } from '../cache/jwk-set-cache.js';
import type { JwkSetCounters, KeyLookup, KeyLookupStatus, RefreshRequest } from '../cache/key-lookup.js';
import { isSourceError, SigningKeyNotFoundError, type SourceError } from '../core/errors.js';
import type { JwkSet, KeySelector } from '../keys/jwk-set.js';
import type { SigningKey } from '../keys/signing-key.js';

/**
 * Several members, each with a kept set of its own. The first one serves while it can, fresh or
 * stale; the others are asked only when it has nothing that may serve. Their sets never replace its
 * set: a backup that holds a retired key must not make it trusted again because of one failed fetch.
 * A set that the first member emptied is an answer, which no backup overrules.
 *
 * @internal
 */
export class FailoverKeyLookup implements KeyLookup {
  private readonly first: JwkSetCache;
  private readonly backups: readonly JwkSetCache[];

  constructor(members: readonly [JwkSetCache, ...JwkSetCache[]]) {
    [this.first, ...this.backups] = members;
  }

  current(): JwkSet | undefined {
    return this.serving()?.current();
  }

  peek(): ReturnType<KeyLookup['peek']> {
    return (this.serving() ?? this.first).peek();
  }

  async get(): Promise<JwkSet> {
    return (this.serving() ?? (await this.loaded((member) => member.get()))).get();
  }

  find(selector: KeySelector): SigningKey | Promise<SigningKey> {
    return this.look((member) => member.find(selector));
  }

  findByKid(kid: string): SigningKey | Promise<SigningKey> {
    return this.look((member) => member.findByKid(kid));
  }

  async refresh(request: RefreshRequest): Promise<JwkSet> {
    const serving = this.serving();
    if (request.trigger !== 'requested' && serving) return serving.refresh(request);
    const member = await this.loaded((each) => each.refresh(request));
    return member.get();
  }

  async prefetch(): Promise<void> {
    await this.loaded((member) => member.prefetch());
  }

  async fetchDocument(): Promise<unknown> {
    let document: unknown;
    await this.loaded(async (member) => {
      document = await member.fetchDocument();
    });
    return document;
  }

  /** That of the member that serves, with the counters of all and the last error of the first. */
  status(): KeyLookupStatus {
    const members = [this.first, ...this.backups].map((member) => member.status());
    const { lastFault: _, ...shown } = (this.serving() ?? this.first).status();
    const { lastFault } = members[0] as KeyLookupStatus;
    const counters = members.map((member) => member.counters).reduce(sum);
    return { ...shown, ...(lastFault && { lastFault }), counters };
  }

  close(): void {
    for (const member of [this.first, ...this.backups]) member.close();
  }

  /**
   * The member that serves without waiting for another one. A backup that serves leaves the first
   * one its attempts in the background, so it comes back by itself.
   */
  private serving(): JwkSetCache | undefined {
    if (this.first.canServe || this.first.withdrawn) return this.first;
    const backup = this.backups.find((member) => member.canServe);
    if (backup) void this.first.get().catch(() => undefined);
    return backup;
  }

  private look(find: (member: JwkSetCache) => SigningKey | Promise<SigningKey>): SigningKey | Promise<SigningKey> {
    const serving = this.serving();
    if (serving === this.first) return find(serving);
    return this.lookInBackup(serving, find);
  }

  /**
   * While the first member is unavailable, a key that a backup lacks may exist: then the first one's
   * next attempt decides, and without one it is a 503, not a 401.
   */
  private async lookInBackup(
    serving: JwkSetCache | undefined,
    find: (member: JwkSetCache) => SigningKey | Promise<SigningKey>,
  ): Promise<SigningKey> {
    const member = serving ?? (await this.loaded((each) => each.get()));
    try {
      return await find(member);
    } catch (error) {
      if (member === this.first || !(error instanceof SigningKeyNotFoundError)) throw error;
      return find(this.first);
    }
  }

  /** The first member, in order, with which `load` succeeds. Rejects with the error of the first one. */
  private async loaded(load: (member: JwkSetCache) => Promise<unknown>): Promise<JwkSetCache> {
    let fault: SourceError | undefined;
    for (const member of [this.first, ...this.backups]) {
      try {
        await load(member);
        return member;
      } catch (error) {
        if (!isSourceError(error)) throw error;
        fault ??= error;
        if (!error.failsOver || !error.allowsStale) break;
      }
    }
    throw fault ?? this.first.unavailable();
  }
}

function sum(one: JwkSetCounters, other: JwkSetCounters): JwkSetCounters {
  const names = Object.keys(one) as (keyof JwkSetCounters)[];
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as unknown as JwkSetCounters;
}
