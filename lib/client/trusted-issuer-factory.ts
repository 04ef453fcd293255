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
import { createTransport, type HttpTransport } from '../sources/http-dispatcher.js';
import { HttpSource } from '../sources/http-source.js';
import { StaticSource, type JwkSetSource } from '../sources/jwk-set-source.js';
import { RetryingSource } from '../sources/retrying-source.js';
import { TokenVerifier } from '../tokens/token-verifier.js';
import { TrustedIssuer } from './trusted-issuer.js';
import { UnverifiedBudget } from './unverified-budget.js';
import { FailoverKeyLookup } from './failover-key-lookup.js';
import { GatedSource } from './gated-source.js';
import { memoryStore } from './memory-store.js';
import { SharedKeys } from './shared-keys.js';

/**
 * What one call to the store may take, and how long a store that failed is left alone, in
 * milliseconds; how much longer an entry may be than the document that a source may send.
 */
const STORE_LIMITS = { timeout: 250, retryAfter: 5_000, lengthPerByte: 2 };

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
      issuer.members.map(placeOf),
      issuer.allowInsecure,
      issuer.http && httpIdOf(issuer.http),
    ]);
    const shared = this.sets.get(id) ?? this.keysOf(issuer, () => this.sets.delete(id));
    this.sets.set(id, shared);
    return new TrustedIssuer(issuer, shared.acquire(), before?.tally);
  }

  private keysOf(issuer: ResolvedIssuer, forget: () => void): SharedKeys {
    const transport = issuer.http ? createTransport(issuer.http.transport) : this.parts.transport;
    const kept = issuer.members.map((member) => this.keptSetOf(member, issuer, transport));
    const [first, ...backups] = kept.map(({ keys }) => keys);
    const keys = backups.length === 0 ? first! : new FailoverKeyLookup([first!, ...backups]);
    const dispose = async () => {
      forget();
      await Promise.allSettled(kept.map(async ({ source }) => source.close?.()));
      if (issuer.http) await transport.close();
    };
    const gates = kept.flatMap(({ source }) => (source instanceof GatedSource ? source : []));
    return new SharedKeys({ keys, verifier: new TokenVerifier(keys, this.parts.clock), gates, dispose });
  }

  /** The kept set of one member. With several members each gets its share of the deadline. */
  private keptSetOf(
    member: ResolvedMember,
    issuer: ResolvedIssuer,
    transport: HttpTransport,
  ): { keys: JwkSetCache; source: JwkSetSource } {
    const { cache, refetchLimit, isDynamic, http: shared } = this.settings;
    const { events, clock } = this.parts;
    const http = issuer.http ?? shared;
    const { store, maxKeys, ...lifetime } = cache;
    const inner = new RetryingSource(this.sourceOf(member, issuer, http, transport), { retries: http.retries }, clock);
    const source = isDynamic && member.kind !== 'static' ? new GatedSource(inner, this.budget, maxKeys) : inner;
    const deadline = Math.max(1, Math.floor(http.deadline / issuer.members.length));
    const waitsForNextAttempt = issuer.members.length === 1;
    const limits = { deadline, refetchLimit, waitsForNextAttempt };
    const keys = new JwkSetCache(
      { ...lifetime, ...limits, enabled: store !== false, issuer: issuer.issuer || undefined },
      { source, store: this.storeOf(member, issuer), clock, events },
    );
    return { keys, source };
  }

  private sourceOf(
    member: ResolvedMember,
    { allowInsecure }: ResolvedIssuer,
    { timeout, headers, maxResponseSize }: ResolvedHttp,
    transport: HttpTransport,
  ): JwkSetSource {
    const { clock } = this.parts;
    const exchange = { timeout, headers, maxResponseSize };
    switch (member.kind) {
      case 'discovery': {
        const settings = {
          ...exchange,
          issuer: member.issuer,
          uri: member.uri,
          allowInsecure,
          ttl: this.settings.cache.maxTtl,
        };
        return new DiscoverySource(settings, transport, clock);
      }
      case 'http':
        return new HttpSource({ ...exchange, uri: member.uri }, transport, clock);
      case 'static':
        return new StaticSource(parseStatic(member), member.document);
      case 'custom':
        return member.source;
    }
  }

  /**
   * A set that is not fetched has no use for a store, and one that can't be distinguished from
   * another's must not be shared.
   */
  private storeOf(member: ResolvedMember, { issuer, http }: ResolvedIssuer): JwkSetStore | undefined {
    const { store, prefix, integrityKeys } = this.settings.cache;
    const uri = storedAs(member);
    if (store === false || uri === undefined) return undefined;
    const owner = { issuer: issuer ?? false, uri, integrityKeys, isShared: store !== undefined } as const;
    const maxLength = STORE_LIMITS.lengthPerByte * (http ?? this.settings.http).maxResponseSize;
    const { events, clock } = this.parts;
    return new JwkSetStore(this.cacheOf(store), { ...STORE_LIMITS, maxLength, prefix, ...owner }, clock, events);
  }

  private cacheOf(store: JwksStore | undefined): JwksStore {
    return store ?? (this.memory ??= memoryStore(this.settings.isDynamic ? this.settings.maxIssuers : undefined));
  }
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
 * The name of a member in the store: sets of different places never share an entry. `undefined`: it
 * has none.
 */
function storedAs(member: ResolvedMember): string | undefined {
  switch (member.kind) {
    case 'http':
      return member.uri;
    case 'discovery':
      return member.uri === undefined ? 'discovered' : `discovered:${member.uri}`;
    case 'static':
      return undefined;
    case 'custom':
      return member.source.name === undefined ? undefined : `custom:${member.source.name}`;
  }
}

/** Tells places apart within this process. */
function placeOf(member: ResolvedMember): string {
  switch (member.kind) {
    case 'http':
      return member.uri;
    case 'discovery':
      return `discovered:${JSON.stringify([member.issuer, member.uri])}`;
    case 'static':
      return `static:${createHash('sha256').update(JSON.stringify(member.document)).digest('base64url')}`;
    case 'custom':
      return `custom:${idOf(member.source)}`;
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
