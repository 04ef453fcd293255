import type { Observable } from 'rxjs';
import { systemClock, type Clock } from '../core/clock.js';
import { JwksEvents, type JwksEvent } from '../core/events.js';
import type { UnguardedKind } from '../options/jwks-options.js';
import {
  resolveClientOptions,
  resolveModuleOptions,
  type ModuleSettings,
  type ResolvedKeeping,
} from '../options/resolve-options.js';
import type { ResolvedTrust } from '../options/resolve-trust.js';
import { SenderConstraint } from '../proof/sender-constraint.js';
import { createTransport, type HttpTransport } from '../sources/http-dispatcher.js';
import { Authenticator, type AuthenticatorParts } from './authenticator.js';
import { DynamicIssuers } from './dynamic-issuers.js';
import { eventStream } from './event-stream.js';
import { TokenCache } from '../tokens/token-cache.js';
import { ConfiguredIssuers, type IssuerRegistry } from './issuer-registry.js';
import { ModuleTelemetry } from './module-telemetry.js';
import { TokenTally } from './token-tally.js';
import type { JwksStatus, TrustedIssuer } from './trusted-issuer.js';
import { TrustedIssuerFactory } from './trusted-issuer-factory.js';

/** Of what has no module around it. @internal */
export const NO_MODULE: ModuleSettings = {
  prefetch: false,
  metrics: false,
  openApi: false,
  allowUnguarded: new Set<UnguardedKind>(),
  tokenFrom: undefined,
  realm: undefined,
  sender: { dpop: undefined, mtls: undefined, isVerifiedByGateway: false },
  attachMcp: false,
  warnings: [],
};

/** @internal */
export interface RuntimeParts {
  readonly issuers: IssuerRegistry;
  readonly events: JwksEvents;
  readonly transport: HttpTransport;
  readonly clock: Clock;
  /** Absent: every token is verified anew. */
  readonly tokenCache?: TokenCache | undefined;
  /** In characters. */
  readonly maxTokenLength: number;
}

/**
 * Everything that one module or one client consists of, without Nest. Made from options and closed
 * as a whole.
 *
 * @internal
 */
export class JwksRuntime {
  readonly issuers: IssuerRegistry;
  readonly events: JwksEvents;
  readonly clock: Clock;
  readonly events$: Observable<JwksEvent>;
  readonly authenticator: Authenticator;
  readonly tokenCache: TokenCache | undefined;
  readonly telemetry: ModuleTelemetry;
  /** Tokens of no trusted issuer. */
  readonly untrusted = new TokenTally();
  private readonly sender: SenderConstraint;

  constructor(
    private readonly parts: RuntimeParts,
    readonly settings: ModuleSettings,
  ) {
    const { issuers, events, clock, tokenCache } = parts;
    this.issuers = issuers;
    this.events = events;
    this.clock = clock;
    this.tokenCache = tokenCache;
    this.events$ = eventStream(events);
    const dynamicIssuers = settings.metrics && settings.metrics.dynamicIssuers;
    this.telemetry = new ModuleTelemetry({ issuers, events, clock, dynamicIssuers });
    this.sender = new SenderConstraint(settings.sender, clock);
    this.authenticator = this.authenticatorFor((iss) => issuers.trusted(iss));
  }

  authenticatorFor(trusted: AuthenticatorParts['trusted']): Authenticator {
    const { issuers, tokenCache: cache, events, clock, telemetry, untrusted, sender } = this;
    const { maxTokenLength } = this.parts;
    return new Authenticator({ trusted, issuers, cache, maxTokenLength, events, clock, telemetry, untrusted, sender });
  }

  /** Throws a JwksConfigurationError. Nothing is fetched yet. */
  static ofModule(options: unknown, clock = systemClock): JwksRuntime {
    const resolved = resolveModuleOptions(options);
    return new JwksRuntime(partsOf(resolved.trust, resolved, clock), resolved.settings);
  }

  /** The same for the options of a client. */
  static ofClient(options: unknown, clock = systemClock): JwksRuntime {
    const resolved = resolveClientOptions(options);
    return new JwksRuntime(partsOf(resolved.trust, resolved, clock), NO_MODULE);
  }

  /** Loads the sets of all issuers; rejects with the first error. */
  async prefetch(): Promise<void> {
    await Promise.all(this.issuers.all().map((trustedIssuer) => trustedIssuer.keys.prefetch()));
  }

  /** State, keys, times and counters of each issuer in use. */
  status(): JwksStatus[] {
    return this.issuers.all().map((trustedIssuer) => this.statusOf(trustedIssuer));
  }

  statusOf(trustedIssuer: TrustedIssuer): JwksStatus {
    const boundTokens = this.settings.sender.isVerifiedByGateway && { boundTokens: 'verified-by-gateway' as const };
    return { ...trustedIssuer.status(this.untrusted), ...boundTokens };
  }

  async close(): Promise<void> {
    this.telemetry.isClosed = true;
    await this.issuers.close();
    await this.parts.transport.close();
  }
}

function partsOf(trust: ResolvedTrust, keeping: ResolvedKeeping, clock: Clock): RuntimeParts {
  const events = new JwksEvents();
  const transport = createTransport(keeping.http.transport);
  const factory = new TrustedIssuerFactory(keeping, { transport, events, clock });
  const severalIssuers = trust.kind === 'tenants' || (trust.kind === 'list' && trust.issuers.length > 1);
  const tokenCache = keeping.tokenCache && new TokenCache({ ...keeping.tokenCache, severalIssuers });
  return {
    issuers: issuersOf(trust, factory, { keeping, clock, events }),
    events,
    transport,
    clock,
    tokenCache: tokenCache || undefined,
    maxTokenLength: keeping.maxTokenLength,
  };
}

/** Configured issuers are made at once, so that an unusable static set fails the start. */
function issuersOf(
  trust: ResolvedTrust,
  factory: TrustedIssuerFactory,
  { keeping, clock, events }: { keeping: ResolvedKeeping; clock: Clock; events: JwksEvents },
): IssuerRegistry {
  switch (trust.kind) {
    case 'one':
      return new ConfiguredIssuers([factory.make(trust.issuer)]);
    case 'list':
      return new ConfiguredIssuers(trust.issuers.map((issuer) => factory.make(issuer)));
    case 'tenants':
      return new DynamicIssuers(
        { maxIssuers: keeping.maxIssuers, issuersTtl: keeping.issuersTtl, deadline: keeping.http.deadline },
        { resolve: trust.resolve, make: (issuer, before) => factory.make(issuer, before), clock, events },
      );
  }
}
