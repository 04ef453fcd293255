import { createHash } from 'node:crypto';
import { JwkSetCache } from '../cache/jwk-set-cache.js';
import { JwkSetStore, type JwksStore } from '../cache/jwk-set-store.js';
import type { Clock } from '../core/clock.js';
import { isJwksError, JwksConfigurationError } from '../core/errors.js';
import type { JwksEvents } from '../core/events.js';
import { JwkSet } from '../keys/jwk-set.js';
import type { ResolvedIssuer, ResolvedMember } from '../options/resolve-issuer.js';
import type { ResolvedKeeping } from '../options/resolve-options.js';
import { DiscoverySource } from '../sources/discovery-source.js';
import { FailoverSource } from '../sources/failover-source.js';
import type { HttpTransport } from '../sources/http-dispatcher.js';
import { HttpSource } from '../sources/http-source.js';
import { StaticSource, type JwkSetSource } from '../sources/jwk-set-source.js';
import { RetryingSource } from '../sources/retrying-source.js';
import { TokenVerifier } from '../tokens/token-verifier.js';
import { TrustedIssuer } from './trusted-issuer.js';
import { memoryStore } from './memory-store.js';

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

  /** Throws a JwksConfigurationError where a static set is none. */
  make(issuer: ResolvedIssuer): TrustedIssuer {
    const { http, cache, refetchLimit } = this.settings;
    const { events, clock } = this.parts;
    const { store, ...lifetime } = cache;
    const source = this.sourceOf(issuer);
    const label = issuer.issuer || undefined;
    const keys = new JwkSetCache(
      { ...lifetime, deadline: http.deadline, enabled: store !== false, refetchLimit, issuer: label },
      { source, store: this.storeOf(issuer), clock, events },
    );
    return new TrustedIssuer(issuer, { keys, verifier: new TokenVerifier(keys, clock), source });
  }

  private sourceOf(issuer: ResolvedIssuer): JwkSetSource {
    const { timeout, deadline, retries } = this.settings.http;
    const members = issuer.members.map((member) => this.memberOf(member, issuer));
    const turn = Math.min(timeout, Math.floor(deadline / members.length));
    const [only] = members;
    const source = only && members.length === 1 ? only : new FailoverSource(members, { turn }, this.parts.clock);
    return new RetryingSource(source, { retries }, this.parts.clock);
  }

  private memberOf(member: ResolvedMember, { allowInsecure, members }: ResolvedIssuer): JwkSetSource {
    const { transport, clock } = this.parts;
    const { timeout, headers, maxResponseSize } = this.settings.http;
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
    const owner = { issuer: issuer.issuer ?? false, uri: placeOf(members), ...(integrityKey && { integrityKey }) };
    const { events, clock } = this.parts;
    return new JwkSetStore(this.cacheOf(store), { ...STORE_LIMITS, prefix, ...owner }, clock, events);
  }

  private cacheOf(store: JwksStore | undefined): JwksStore {
    return store ?? (this.memory ??= memoryStore());
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
 * The whole way: an application with another failover member must not take what it has from there.
 */
function placeOf(members: readonly ResolvedMember[]): string {
  const places = members.map((member) => {
    switch (member.kind) {
      case 'discovery':
        return 'discovered';
      case 'http':
        return member.uri;
      case 'static':
        return `static:${createHash('sha256').update(JSON.stringify(member.document)).digest('base64url')}`;
      case 'custom':
        return 'custom';
    }
  });
  return places.length === 1 ? (places[0] as string) : JSON.stringify(places);
}
