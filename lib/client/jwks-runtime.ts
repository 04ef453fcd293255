import type { Observable } from 'rxjs';
import { systemClock, type Clock } from '../core/clock.js';
import type { JwksConnectionError } from '../core/errors.js';
import type { JwksEvent } from '../core/events.js';
import type { TokenExtractorRequest } from '../options/jwks-options.js';
import type { ResolvedMetrics } from '../options/metrics-options.js';
import type { UnguardedKind } from '../options/jwks-options.js';
import { resolveClientOptions, resolveModuleOptions, type ResolvedKeeping } from '../options/resolve-options.js';
import type { ResolvedTrust } from '../options/resolve-trust.js';
import { createTransport, type HttpTransport } from '../sources/http-dispatcher.js';
import { Authenticator, type AuthenticatorParts } from './authenticator.js';
import { TrustedIssuerFactory } from './chain-maker.js';
import { ListedIssuers, SingleIssuer } from './configured-issuers.js';
import { EventChannels } from './event-channels.js';
import { eventStream } from './event-stream.js';
import { TokenCache } from '../tokens/token-cache.js';
import type { JwksStatus } from './issuer-chain.js';
import type { IssuerRegistry } from './issuers.js';
import { ModuleTelemetry } from './module-telemetry.js';
import { TokenTally } from './token-tally.js';
import { DynamicIssuers, type DynamicIssuersParts } from './tenants.js';

/** What is for others to heed. @internal */
export interface RuntimeSettings {
  readonly prefetch: boolean | 'required';
  readonly metrics: ResolvedMetrics;
  readonly allowUnguarded: ReadonlySet<UnguardedKind>;
  readonly tokenFrom: ((request: TokenExtractorRequest) => string | null) | undefined;
  readonly realm: string | undefined;
}

/** @internal */
export interface RuntimeParts {
  readonly issuers: IssuerRegistry;
  readonly channels: EventChannels;
  readonly transport: HttpTransport;
  readonly clock: Clock;
  /** Absent: every token is verified anew. */
  readonly tokenCache?: TokenCache | undefined;
}

/**
 * Everything that one module or one client is made of, without Nest: made from options at once, and
 * closed at once.
 *
 * @internal
 */
export class JwksRuntime {
  readonly issuers: IssuerRegistry;
  readonly channels: EventChannels;
  readonly clock: Clock;
  readonly events$: Observable<JwksEvent>;
  readonly authenticator: Authenticator;
  readonly tokenCache: TokenCache | undefined;
  readonly telemetry: ModuleTelemetry;
  /** Tokens of no trusted issuer. */
  readonly untrusted = new TokenTally();

  constructor(
    private readonly parts: RuntimeParts,
    readonly settings: RuntimeSettings,
  ) {
    const { issuers, channels, clock, tokenCache } = parts;
    this.issuers = issuers;
    this.channels = channels;
    this.clock = clock;
    this.tokenCache = tokenCache;
    this.events$ = eventStream(channels);
    const dynamicIssuers = settings.metrics && settings.metrics.dynamicIssuers;
    this.telemetry = new ModuleTelemetry({ issuers, channels, clock, dynamicIssuers });
    this.authenticator = this.authenticatorFor((iss) => issuers.trusted(iss));
  }

  authenticatorFor(trusted: AuthenticatorParts['trusted']): Authenticator {
    const { issuers, tokenCache: cache, channels, clock, telemetry, untrusted } = this;
    return new Authenticator({ trusted, issuers, cache, channels, clock, telemetry, untrusted });
  }

  /** Throws a JwksConfigurationError. Nothing is fetched yet. */
  static ofModule(options: unknown, clock = systemClock): JwksRuntime {
    const { trust, prefetch, metrics, allowUnguarded, tokenFrom, realm, ...keeping } = resolveModuleOptions(options);
    const settings = { prefetch, metrics, allowUnguarded, tokenFrom, realm };
    return new JwksRuntime(partsOf(trust, keeping, clock), settings);
  }

  /** The same for the options of a client. */
  static ofClient(options: unknown, clock = systemClock): JwksRuntime {
    const { issuer, ...keeping } = resolveClientOptions(options);
    return new JwksRuntime(partsOf({ kind: 'one', issuer }, keeping, clock), {
      prefetch: false,
      metrics: false,
      allowUnguarded: new Set<UnguardedKind>(),
      tokenFrom: undefined,
      realm: undefined,
    });
  }

  /** Loads the sets of all issuers; rejects with the first fault. */
  async prefetch(): Promise<void> {
    await Promise.all(this.issuers.all().map((trustedIssuer) => trustedIssuer.keys.prefetch()));
  }

  /** State, keys, times and counters of each issuer in use. */
  status(): JwksStatus[] {
    return this.issuers.all().map((trustedIssuer) => trustedIssuer.status(this.untrusted));
  }

  async close(): Promise<void> {
    this.telemetry.isClosed = true;
    await this.issuers.close();
    await this.parts.transport.close();
  }
}

function partsOf(trust: ResolvedTrust, keeping: ResolvedKeeping, clock: Clock): RuntimeParts {
  const channels = new EventChannels();
  const transport = createTransport(keeping.http.transport);
  const factory = new TrustedIssuerFactory(keeping, { transport, channels, clock });
  const tokenCache = keeping.tokenCache && new TokenCache(keeping.tokenCache);
  const reportLookup = ({ code, message }: JwksConnectionError) =>
    channels.sets.emit({
      type: 'refresh.failed',
      issuer: undefined,
      trigger: 'missing',
      code,
      reason: message,
      retryIn: 0,
      duration: 0,
    });
  return {
    issuers: issuersOf(trust, factory, { clock, deadline: keeping.http.deadline, report: reportLookup }),
    channels,
    transport,
    clock,
    tokenCache: tokenCache || undefined,
  };
}

/**
 * Chains of configured issuers are made at once: a static set that is none is to be found at
 * start-up.
 */
function issuersOf(
  trust: ResolvedTrust,
  factory: TrustedIssuerFactory,
  parts: Pick<DynamicIssuersParts, 'clock' | 'deadline' | 'report'>,
): IssuerRegistry {
  switch (trust.kind) {
    case 'one':
      return new SingleIssuer(factory.make(trust.issuer));
    case 'list':
      return new ListedIssuers(trust.issuers.map((issuer) => factory.make(issuer)));
    case 'tenants':
      return new DynamicIssuers({
        resolve: trust.resolve,
        make: (issuer) => factory.make(issuer),
        maxIssuers: trust.maxIssuers,
        ...parts,
      });
  }
}
