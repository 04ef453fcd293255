import { createHash } from 'node:crypto';
import { JwkSetCache } from '../cache/jwk-set-cache.js';
import { JwkSetStore, type JwksStore } from '../cache/jwk-set-store.js';
import type { Clock } from '../core/clock.js';
import { isJwksError, JwksConfigurationError } from '../core/errors.js';
import type { JwksEvents } from '../core/events.js';
import { JwkSet } from '../keys/jwk-set.js';
import type { ResolvedIssuer, ResolvedMember } from '../options/resolve-issuer.js';
import type { ResolvedHttp } from '../options/resolve-http.js';
import type { ResolvedKeeping } from '../options/resolve-options.js';
import { DiscoverySource } from '../sources/discovery-source.js';
import { FailoverSource } from '../sources/failover-source.js';
import { createTransport, type HttpTransport } from '../sources/http-dispatcher.js';
import { HttpSource } from '../sources/http-source.js';
import { StaticSource, type JwkSetSource } from '../sources/jwk-set-source.js';
import { RetryingSource } from '../sources/retrying-source.js';
import { TokenVerifier } from '../tokens/token-verifier.js';
import { TrustedIssuer } from './trusted-issuer.js';
import { UnverifiedBudget } from './unverified-budget.js';
import { GatedSource } from './gated-source.js';
import { memoryStore } from './memory-store.js';
import { SharedKeys } from './shared-keys.js';

/**
 * What one call to the store may take, and how long a store that failed is left alone, in
 * milliseconds.
 */
const STORE_LIMITS = { timeout: 250, retryAfter: 5_000 };

/** @internal */
export interface TrustedIssuerFactoryParts {
  readonly transport: HttpTransport;
  readonly events: JwksEvents;
  readonly clock: Clock;
}

/** Loads without a verified token: 10 in the first minute, 5 in each later one. */
const LOADS = { burst: 5, every: 12_000 };

/**
 * Makes trusted issuers from what all of them share: connections, store, clock, events. The one
 * place where sources are put together.
 *
 * @internal
 */
export class TrustedIssuerFactory {
  private memory: JwksStore | undefined;
  private readonly sets = new Map<string, SharedKeys>();
  private readonly budget: UnverifiedBudget;

  constructor(
    private readonly settings: ResolvedKeeping,
    private readonly parts: TrustedIssuerFactoryParts,
  ) {
    this.budget = new UnverifiedBudget(LOADS, parts.clock);
  }

  /**
   * Throws a JwksConfigurationError where a static set is unusable. Issuers whose keys come from the
   * same place share a set. `before`: the issuer that this one replaces.
   */
  make(issuer: ResolvedIssuer, before?: TrustedIssuer): TrustedIssuer {
    const id = JSON.stringify([
      issuer.members.map((member) => placeOf(member, true)),
      issuer.allowInsecure,
      issuer.http && httpIdOf(issuer.http),
    ]);
    const shared = this.sets.get(id) ?? this.keysOf(issuer, () => this.sets.delete(id));
    this.sets.set(id, shared);
    return new TrustedIssuer(issuer, shared.acquire(), before?.tally);
  }

  private keysOf(issuer: ResolvedIssuer, forget: () => void): SharedKeys {
    const { cache, refetchLimit, isDynamic } = this.settings;
    const { events, clock } = this.parts;
    const http = issuer.http ?? this.settings.http;
    const transport = issuer.http ? createTransport(issuer.http.transport) : this.parts.transport;
    const { store, maxKeys, ...lifetime } = cache;
    const isStatic = issuer.members.every(({ kind }) => kind === 'static');
    const inner = this.sourceOf(issuer, http, transport);
    const gate = isDynamic && !isStatic ? new GatedSource(inner, this.budget, maxKeys) : undefined;
    const source = gate ?? inner;
    const label = issuer.issuer || undefined;
    const keys = new JwkSetCache(
      { ...lifetime, deadline: http.deadline, enabled: store !== false, refetchLimit, issuer: label },
      { source, store: this.storeOf(issuer), clock, events },
    );
    const dispose = async () => {
      forget();
      await source.close?.();
      if (issuer.http) await transport.close();
    };
    return new SharedKeys({ keys, verifier: new TokenVerifier(keys, clock), gate, dispose });
  }

  private sourceOf(issuer: ResolvedIssuer, http: ResolvedHttp, transport: HttpTransport): JwkSetSource {
    const { timeout, deadline, retries } = http;
    const members = issuer.members.map((member) => this.memberOf(member, issuer, http, transport));
    const turn = Math.min(timeout, Math.floor(deadline / members.length));
    const [only] = members;
    const source = only && members.length === 1 ? only : new FailoverSource(members, { turn }, this.parts.clock);
    return new RetryingSource(source, { retries }, this.parts.clock);
  }

  private memberOf(
    member: ResolvedMember,
    { allowInsecure, members }: ResolvedIssuer,
    { timeout, headers, maxResponseSize }: ResolvedHttp,
    transport: HttpTransport,
  ): JwkSetSource {
    const { clock } = this.parts;
    const exchange = { timeout, headers, maxResponseSize };
    switch (member.kind) {
      case 'discovery': {
        const settings = { ...exchange, issuer: member.issuer, allowInsecure, ttl: this.settings.cache.maxTtl };
        return new DiscoverySource(settings, transport, clock);
      }
      case 'http':
        return new HttpSource({ ...exchange, uri: member.uri }, transport, clock);
      case 'static': {
        const source = new StaticSource(parseStatic(member), member.document);
        return members.length === 1 ? source : shortLived(source);
      }
      case 'custom':
        return member.source;
    }
  }

  /**
   * A set that is not fetched has no use for a store, and one that can't be told from another's
   * must not be shared.
   */
  private storeOf(issuer: ResolvedIssuer): JwkSetStore | undefined {
    const { store, prefix, integrityKey } = this.settings.cache;
    const { members } = issuer;
    const needsNone = members.every(({ kind }) => kind === 'static');
    const isNameless = !issuer.issuer && members.some(({ kind }) => kind === 'custom');
    if (store === false || needsNone || isNameless) return undefined;
    const owner = { issuer: issuer.issuer ?? false, uri: placesOf(members), ...(integrityKey && { integrityKey }) };
    const { events, clock } = this.parts;
    return new JwkSetStore(this.cacheOf(store), { ...STORE_LIMITS, prefix, ...owner }, clock, events);
  }

  private cacheOf(store: JwksStore | undefined): JwksStore {
    return store ?? (this.memory ??= memoryStore(this.settings.isDynamic ? this.settings.maxIssuers : undefined));
  }
}

/**
 * A backup never ages by itself, and must not keep the members before it from being asked again: it
 * is good for `cache.minTtl`.
 */
function shortLived(source: StaticSource): JwkSetSource {
  return {
    load: async () => ({ ...(await source.load()), hints: { maxAge: 0 } }),
    fetchDocument: () => source.fetchDocument(),
  };
}

function parseStatic({ document, option }: ResolvedMember & { kind: 'static' }): JwkSet {
  try {
    return JwkSet.parse(document);
  } catch (cause) {
    const reason = isJwksError(cause) ? cause.message : 'it cannot be read';
    throw new JwksConfigurationError(`Option "${option}" takes a JWK Set with a usable key: ${reason}`, option, {
      cause,
    });
  }
}

/**
 * All places in their order: an application with other failover members must not take its set from
 * this entry.
 */
function placesOf(members: readonly ResolvedMember[]): string {
  const places = members.map((member) => placeOf(member, false));
  return places.length === 1 ? (places[0] as string) : JSON.stringify(places);
}

/** `isExact`: also what stands in the name of a store entry anyway, and what another process has not. */
function placeOf(member: ResolvedMember, isExact: boolean): string {
  switch (member.kind) {
    case 'discovery':
      return isExact ? `discovered:${member.issuer}` : 'discovered';
    case 'http':
      return member.uri;
    case 'static':
      return `static:${createHash('sha256').update(JSON.stringify(member.document)).digest('base64url')}`;
    case 'custom':
      return isExact ? `custom:${idOf(member.source)}` : 'custom';
  }
}

const ids = new WeakMap<object, number>();
let lastId = 0;

/** Tells objects apart that have no content to compare. */
function idOf(object: object): number {
  const id = ids.get(object) ?? (lastId += 1);
  ids.set(object, id);
  return id;
}

/** The same for settings with the same effect. Secrets in it do not leave the process. */
function httpIdOf(http: ResolvedHttp): string {
  return JSON.stringify(http, (_, value: unknown) =>
    typeof value === 'function' || (value !== null && typeof value === 'object' && isOpaque(value))
      ? idOf(value as object)
      : value,
  );
}

/** A dispatcher. */
function isOpaque(value: object): boolean {
  return typeof (value as { dispatch?: unknown }).dispatch === 'function';
}
