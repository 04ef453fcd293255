import type { IncomingHttpHeaders } from 'node:http';
import type { JwksCacheOptions, JwksRefetchLimitOptions } from './cache-options.js';
import type { JwksHttpOptions } from './http-options.js';
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
  /** How often unknown kids and bad signatures may cause a fetch. */
  refetchLimit?: JwksRefetchLimitOptions;
  /** How sets are fetched. */
  http?: JwksHttpOptions;
  /**
   * Verified tokens are remembered by their SHA-256, so that one that comes again costs no
   * signature check. It can't be noticed otherwise: times are checked again at each use, a token
   * goes with its key, and `validate` runs every time. `false`: nothing is remembered.
   *
   * @default { max: 10_000 }
   */
  tokenCache?: JwksTokenCacheOptions | false;
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

/** What holds for the module as a whole. @publicApi */
export interface JwksSharedOptions extends JwksKeepingOptions {
  /**
   * `true`: sets are loaded in the background at start. `'required'`: start-up waits for them and
   * fails without them; not with a resolver function, whose issuers nobody knows yet. `false`: on
   * first use.
   *
   * @default true
   */
  prefetch?: boolean | 'required';
  /**
   * Where the token is in a request, such as any extractor of `ExtractJwt`; `null`: there is none.
   *
   * @default the Authorization header, as `Bearer`
   */
  tokenFrom?(request: TokenExtractorRequest): string | null;
  /**
   * `realm` of the `WWW-Authenticate` header: printable ASCII without quotes and backslashes.
   *
   * @default none
   */
  realm?: string;
}

/** Options of a module that trusts one issuer. @publicApi */
export interface JwksSingleIssuerOptions extends JwksSharedOptions, JwksIssuerOptions {
  issuers?: never;
}

/** Options of a module that trusts several issuers. @publicApi */
export interface JwksMultiIssuerOptions extends JwksSharedOptions, JwksTokenOptions {
  /**
   * Trusted issuers, or a function that finds them. The `iss` of a token chooses among them before
   * any network call.
   */
  issuers: readonly JwksIssuerConfig[] | JwksIssuerResolver;
  /** For each issuer that names none itself; see {@link JwksIssuerOptions.audience}. */
  audience?: string | readonly string[] | false;
  issuer?: never;
  jwksUri?: never;
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
 * without `issuer` it needs a `jwksUri`, `jwks` or `source`.
 *
 * @publicApi
 */
export interface JwksClientOptions extends JwksKeepingOptions, JwksSourceOptions, Omit<JwksTokenOptions, 'scopesFrom'> {
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
