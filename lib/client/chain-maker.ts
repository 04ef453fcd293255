import { JwkSetCache } from '../cache/jwk-set-cache.js';
import { JwkSetStore, type JwksStore } from '../cache/jwk-set-store.js';
import type { Clock } from '../core/clock.js';
import { isJwksError, JwksConfigurationError } from '../core/errors.js';
import { JwkSet } from '../keys/jwk-set.js';
import type { ResolvedIssuer, ResolvedMember } from '../options/resolve-issuer.js';
import type { ResolvedKeeping } from '../options/resolve-options.js';
import { DiscoverySource } from '../sources/discovery-source.js';
import { createTransport, type HttpTransport } from '../sources/http-dispatcher.js';
import { HttpSource } from '../sources/http-source.js';
import { StaticSource, type JwkSetSource } from '../sources/jwk-set-source.js';
import { RetryingSource } from '../sources/retrying-source.js';
import { TokenVerifier } from '../tokens/token-verifier.js';
import type { EventChannels } from './event-channels.js';
import { FailoverKeyLookup } from './failover-key-lookup.js';
import { TrustedIssuer } from './issuer-chain.js';
import { memoryStore } from './memory-store.js';

/**
 * What one call to the store may take, and how long a store that failed is left alone, in
 * milliseconds.
 */
const STORE_LIMITS = { timeout: 250, retryAfter: 5_000 };

/** @internal */
export interface TrustedIssuerFactoryParts {
  readonly transport: HttpTransport;
  readonly channels: EventChannels;
  readonly clock: Clock;
}

/**
 * Makes the chain of each issuer from what all of them share: connections, store, clock, events.
 * The one place where sources are put together.
 *
 * @internal
 */
export class TrustedIssuerFactory {
  private memory: JwksStore | undefined;

  constructor(
    private readonly settings: ResolvedKeeping,
    private readonly parts: TrustedIssuerFactoryParts,
  ) {}

  /** @throws JwksConfigurationError if a static set is not usable. */
  make(issuer: ResolvedIssuer): TrustedIssuer {
    const own = issuer.http?.tls && createTransport({ ...this.settings.http.transport, tls: issuer.http.tls });
    const transport = own ?? this.parts.transport;
    const kept = issuer.members.map((member) => this.keptSetOf(member, issuer, transport));
    const [first, ...backups] = kept.map(({ keys }) => keys);
    const keys = backups.length === 0 ? first! : new FailoverKeyLookup([first!, ...backups]);
    const sources = [...kept.map(({ source }) => source), ...(own ? [own] : [])];
    return new TrustedIssuer(issuer, { keys, verifier: new TokenVerifier(keys, this.parts.clock), sources });
  }

  /** The kept set of one member. With several members each gets its share of the deadline. */
  private keptSetOf(
    member: ResolvedMember,
    issuer: ResolvedIssuer,
    transport: HttpTransport,
  ): { keys: JwkSetCache; source: JwkSetSource } {
    const { http, cache, refetchLimit } = this.settings;
    const { channels, clock } = this.parts;
    const { store, ...lifetime } = cache;
    const source = new RetryingSource(this.sourceOf(member, issuer, transport), { retries: http.retries }, clock);
    const deadline = Math.max(1, Math.floor(http.deadline / issuer.members.length));
    const keys = new JwkSetCache(
      { ...lifetime, deadline, enabled: store !== false, refetchLimit, issuer: issuer.issuer || undefined },
      { source, store: this.storeOf(member, issuer), clock, events: channels.sets },
    );
    return { keys, source };
  }

  private sourceOf(
    member: ResolvedMember,
    { allowInsecure, http }: ResolvedIssuer,
    transport: HttpTransport,
  ): JwkSetSource {
    const { clock } = this.parts;
    const { timeout, maxResponseSize } = this.settings.http;
    const headers = http?.headers ?? this.settings.http.headers;
    const exchange = { timeout, headers, maxResponseSize };
    switch (member.kind) {
      case 'discovery': {
        const settings = { ...exchange, issuer: member.issuer, allowInsecure, ttl: this.settings.cache.maxTtl };
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
   * A set that is not fetched has no use for a store, and one that can't be told from another's
   * must not be shared.
   */
  private storeOf(member: ResolvedMember, { issuer }: ResolvedIssuer): JwkSetStore | undefined {
    const { store, prefix, integrityKey } = this.settings.cache;
    const isNameless = !issuer && member.kind === 'custom';
    if (store === false || member.kind === 'static' || isNameless) return undefined;
    const owner = { issuer: issuer ?? false, uri: placeOf(member), ...(integrityKey && { integrityKey }) } as const;
    const { channels, clock } = this.parts;
    return new JwkSetStore(this.cacheOf(store), { ...STORE_LIMITS, prefix, ...owner }, clock, channels.sets);
  }

  private cacheOf(store: JwksStore | undefined): JwksStore {
    return store ?? (this.memory ??= memoryStore());
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

/** The name of a member in the shared store: sets of different places never share an entry. */
function placeOf(member: ResolvedMember): string {
  switch (member.kind) {
    case 'http':
      return member.uri;
    case 'discovery':
      return 'discovered';
    default:
      return member.kind;
  }
}
