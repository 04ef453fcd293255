import type { IncomingHttpHeaders } from 'node:http';
import type { Duration } from '../core/clock.js';
import type { JwksCacheOptions, JwksRefetchLimitOptions } from './cache-options.js';
import type { JwksHttpOptions } from './http-options.js';
import type { JwksOpenApiOptions } from './open-api-options.js';
import type { JwksMetricsOptions } from './metrics-options.js';
import type { JwksDpopOptions, JwksMtlsOptions } from './sender-options.js';
import type { JwksTokenCacheOptions } from './token-cache-options.js';
import type {
  JwksIssuerConfig,
  JwksIssuerOptions,
  JwksIssuerResolver,
  JwksSourceOptions,
  JwksTokenOptions,
} from './issuer-options.js';

/** How keys are kept and fetched, and tokens kept. @publicApi */
export interface JwksKeepingOptions {
  /** How long sets are kept, and where. */
  cache?: JwksCacheOptions;
  /** How often unknown kids and bad signatures may cause a fetch: a token bucket for each set. */
  refetchLimit?: JwksRefetchLimitOptions;
  /** How JWK Sets and discovery documents are fetched. */
  http?: JwksHttpOptions;
  /**
   * How verified tokens are remembered, by their SHA-256, so that a repeated token costs no
   * signature check. Times are checked again at each use, a token is forgotten with its key, and
   * `validate` runs every time. With `false` no token is remembered.
   *
   * @default { max: 10_000 }
   */
  tokenCache?: JwksTokenCacheOptions | false;
  /**
   * The longest access token that is accepted, in characters. Raise it where a provider puts many
   * roles or groups into tokens; Node accepts 16 kB for all headers of a request together
   * (`--max-http-header-size`). A whole number from 1 to 65,536.
   *
   * @default 8_192
   */
  maxTokenLength?: number;
}

/**
 * The request as a token extractor sees it; an extractor of `passport-jwt` or one that names its
 * framework's request type fits. Of a WebSocket it is the handshake of socket.io or the upgrade
 * request.
 *
 * A message of a microservice has `headers` with the `authorization` that NATS, Kafka, RabbitMQ,
 * MQTT 5 or gRPC carry, if any, and `data` and `context` for what is elsewhere: over TCP and Redis
 * a token can only be in the payload.
 *
 * @publicApi
 */
export interface TokenExtractorRequest {
  readonly headers: IncomingHttpHeaders;
  readonly cookies?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  /** Payload of a message; a microservice alone has it. */
  readonly data?: unknown;
  /**
   * What the transport tells of a message, such as Nest's `KafkaContext`, or gRPC's metadata; a
   * microservice alone has it.
   */
  readonly context?: unknown;
}

/** A kind of method that Nest does not guard. */
export type UnguardedKind = 'gateways' | 'microservices' | 'resolvers' | 'providers';

/** What holds for the module as a whole. @publicApi */
export interface JwksSharedOptions extends JwksKeepingOptions {
  /**
   * Whether sets are loaded at start. `true` loads them in the background. `'required'` makes the
   * start wait for them and fail without them; it cannot be combined with a function for `issuers`.
   * `false` loads them on first use.
   *
   * @default true
   */
  prefetch?: boolean | 'required';
  /**
   * Which methods may carry a rule that Nest never asks for, or stay outside of a guard for the whole
   * application. Otherwise such a method is an error at start-up. `'gateways'` (Nest 11 runs no global
   * guard for them), `'microservices'` (of `connectMicroservice` without `inheritAppConfig: true`),
   * `'resolvers'` (field and reference resolvers without `fieldResolverEnhancers: ['guards']`) or
   * `'providers'` (any other method, such as `@Cron`, `@OnEvent` and CQRS handlers).
   *
   * @default none
   */
  allowUnguarded?: readonly UnguardedKind[];
  /**
   * Whether metrics and the span `jwks.load` go to OpenTelemetry, if `@opentelemetry/api` is
   * installed and an SDK is registered before the application starts. `false` switches both off.
   *
   * @default { dynamicIssuers: false }
   */
  metrics?: JwksMetricsOptions | false;
  /**
   * How routes show in the OpenAPI document of `@nestjs/swagger`: `scheme` is the name of the
   * security scheme, as `addBearerAuth` takes it. `false` leaves the document as it is.
   *
   * @default { scheme: 'bearer' }
   */
  openApi?: JwksOpenApiOptions | false;
  /**
   * Reads the token from a request, like any extractor of `ExtractJwt` of passport-jwt; `null`
   * means that there is none. For a microservice message the request has `data` and `context`. With
   * `dpop`, a token of `Authorization: DPoP` counts where it finds none.
   *
   * @default the Authorization header, as `Bearer`
   */
  tokenFrom?(request: TokenExtractorRequest): string | null;
  /**
   * Accepts tokens that are bound to a key of their client (DPoP, RFC 9449), with a proof for each
   * request. `true` means the defaults. HTTP and GraphQL over HTTP only. Without this option they
   * are rejected.
   *
   * @default none (a bound token is rejected)
   */
  dpop?: JwksDpopOptions | boolean;
  /**
   * Accepts tokens that are bound to a client certificate (mutual TLS, RFC 8705). HTTP and GraphQL
   * over HTTP only. Without this option they are rejected.
   *
   * @default none (a bound token is rejected)
   */
  mtls?: JwksMtlsOptions;
  /**
   * What becomes of bound tokens whose binding is not checked here. `'verified-by-gateway'` accepts
   * them as bearer tokens, for an API that only a gateway can reach which checks the proofs (Kong,
   * APISIX); the log says so at start.
   *
   * @default 'refuse'
   */
  boundTokens?: 'refuse' | 'verified-by-gateway';
  /**
   * The `realm` of the `WWW-Authenticate` header: printable ASCII without quotes and backslashes.
   *
   * @default none
   */
  realm?: string;
  /**
   * What the guard and the strategy put on a request. `auth: 'mcp'` makes `request.auth` the
   * `AuthInfo` of the MCP SDK, which its transports pass to tools: `{ token, clientId, scopes,
   * expiresAt, resource, extra: { claims, user } }`. With Fastify it is also on Node's own request,
   * `request.raw`. `@Claims()` and `authenticationOf` stay as they are.
   *
   * @default none: `request.auth` is the verified token
   */
  attach?: { auth: 'mcp' };
}

/** Options of a module that trusts one issuer. @publicApi */
export interface JwksSingleIssuerOptions extends JwksSharedOptions, JwksIssuerOptions {
  issuers?: never;
}

/** Options of a module that trusts several issuers. @publicApi */
export interface JwksMultiIssuerOptions extends JwksSharedOptions, JwksTokenOptions {
  /**
   * The trusted issuers: a list, or a function that finds them. The `iss` of a token selects one of
   * them before any network call.
   *
   * @default none (one `issuer`)
   */
  issuers: readonly JwksIssuerConfig[] | JwksIssuerResolver;
  /**
   * The largest number of issuers that are kept, if `issuers` is a function. Beyond it, the one
   * whose token was verified the longest time ago is dropped; an issuer without a verified token is
   * dropped first. They also share 256 MiB, at about 2 kB for each issuer and key. A whole number
   * from 1 to 1,000,000.
   *
   * @default 10_000
   */
  maxIssuers?: number;
  /**
   * How long what a function for `issuers` returned is used. It is called again in the background
   * before that; while it fails, its last result stays in use. `JwksService.forgetIssuer` drops a
   * result at once. Milliseconds or `'5m'`, longer than 0; a number under 1,000 is an error, since
   * seconds are meant.
   *
   * @default '5m'
   */
  issuersTtl?: Duration;
  /** For each issuer that names none itself; see {@link JwksIssuerOptions.audience}. */
  audience?: string | readonly string[] | false;
  issuer?: never;
  jwksUri?: never;
  discoveryUri?: never;
  jwks?: never;
  source?: never;
  failover?: never;
}

/**
 * Options of `JwksModule.forRoot`: one issuer, or several. Each is checked at start-up; a bad one
 * is a `JwksConfigurationError` that names it.
 *
 * @publicApi
 */
export type JwksModuleOptions = JwksSingleIssuerOptions | JwksMultiIssuerOptions;

/**
 * Options of a `JwksClient`. Without `issuer` or `audience` it looks keys up and does not verify;
 * without `issuer` it needs a `jwksUri`, `jwks` or `source`. With `issuers` it verifies the tokens of
 * several issuers.
 *
 * @publicApi
 */
export interface JwksClientOptions
  extends
    JwksKeepingOptions,
    JwksSourceOptions,
    Omit<JwksTokenOptions, 'scopesFrom'>,
    Partial<Pick<JwksMultiIssuerOptions, 'issuers' | 'maxIssuers' | 'issuersTtl'>> {
  /**
   * See {@link JwksIssuerOptions.issuer}. @default none: keys are looked up for tokens of any
   * issuer, `verify` refuses to work
   */
  issuer?: string | false | undefined;
  /** See {@link JwksIssuerOptions.audience}. @default none: `verify` refuses to work */
  audience?: string | readonly string[] | false | undefined;
}

/**
 * Makes the options, for `forRootAsync` with `useClass` and `useExisting`.
 *
 * @publicApi
 */
export interface JwksOptionsFactory {
  createJwksOptions(): JwksModuleOptions | Promise<JwksModuleOptions>;
}
