import { parseDuration } from '../core/clock.js';
import { JwksConfigurationError } from '../core/errors.js';
import { MAX_TOKEN_LENGTH } from '../tokens/compact-jwt.js';
import type { SenderSettings } from '../proof/sender-constraint.js';
import { DEFAULTS } from './defaults.js';
import type { TokenExtractorRequest, UnguardedKind } from './jwks-options.js';
import { resolveMetrics, type ResolvedMetrics } from './metrics-options.js';
import { resolveOpenApi, type ResolvedOpenApi } from './open-api-options.js';
import { OptionReader } from './option-reader.js';
import { resolveCache, resolveRefetchLimit, type ResolvedCache, type ResolvedRefetchLimit } from './resolve-cache.js';
import { resolveHttp, type ResolvedHttp } from './resolve-http.js';
import { ISSUER_NAMES, resolveIssuer } from './resolve-issuer.js';
import { resolveSender, SENDER_NAMES } from './resolve-sender.js';
import { resolveTrust, type ResolvedTrust } from './resolve-trust.js';
import { resolveTokenCache, type ResolvedTokenCache } from './token-cache-options.js';

/** How sets are kept and fetched and tokens kept, with every default in place. @internal */
export interface ResolvedKeeping {
  readonly cache: ResolvedCache;
  readonly refetchLimit: ResolvedRefetchLimit;
  readonly http: ResolvedHttp;
  readonly tokenCache: ResolvedTokenCache;
  readonly maxTokenLength: number;
  /** Whether a resolver function finds the issuers. */
  readonly isDynamic: boolean;
  readonly maxIssuers: number;
  readonly issuersTtl: number;
}

/** Options that the guard, the strategy and the module read. @internal */
export interface ModuleSettings {
  readonly prefetch: boolean | 'required';
  readonly metrics: ResolvedMetrics;
  readonly openApi: ResolvedOpenApi;
  readonly allowUnguarded: ReadonlySet<UnguardedKind>;
  readonly tokenFrom: ((request: TokenExtractorRequest) => string | null) | undefined;
  readonly realm: string | undefined;
  readonly sender: SenderSettings;
  /** Whether `request.auth` is the `AuthInfo` of the MCP SDK. */
  readonly attachMcp: boolean;
  /** What the log says at start of options that have less effect than they seem to. */
  readonly warnings: readonly string[];
}

/** @internal */
export interface ResolvedModule extends ResolvedKeeping {
  readonly trust: ResolvedTrust;
  readonly settings: ModuleSettings;
}

/** @internal */
export interface ResolvedClient extends ResolvedKeeping {
  readonly trust: ResolvedTrust;
}

const KEEPING_NAMES = ['cache', 'refetchLimit', 'http', 'tokenCache', 'maxTokenLength'];
const SEVERAL_NAMES = ['issuers', 'maxIssuers', 'issuersTtl'];
/** Routes ask for scopes, a client has none. */
const CLIENT_NAMES = [...ISSUER_NAMES.filter((name) => name !== 'scopesFrom'), ...SEVERAL_NAMES, ...KEEPING_NAMES];
const MODULE_NAMES = [
  ...ISSUER_NAMES,
  ...SEVERAL_NAMES,
  ...KEEPING_NAMES,
  'prefetch',
  'metrics',
  'openApi',
  'allowUnguarded',
  'tokenFrom',
  'realm',
  ...SENDER_NAMES,
  'attach',
];

const UNGUARDED_KINDS: readonly string[] = [
  'gateways',
  'microservices',
  'resolvers',
  'providers',
] satisfies UnguardedKind[];

function isUnguardedKind(value: unknown): value is UnguardedKind {
  return typeof value === 'string' && UNGUARDED_KINDS.includes(value);
}

/**
 * Checks the options of a module and completes them. Throws a JwksConfigurationError that names the
 * option.
 *
 * @internal
 */
export function resolveModuleOptions(given: unknown): ResolvedModule {
  if (given === undefined || given === null) {
    throw new JwksConfigurationError(
      'JwksModule needs options, at least { issuer, audience }: the exact "iss" and the "aud" that tokens must have',
    );
  }
  const options = OptionReader.read(given, '', MODULE_NAMES);
  const kind = kindOf(options);
  const keeping = resolveKeeping(options, kind);
  const trust = resolveTrust(options, keeping.http);
  const { sender, warnings } = resolveSender(options);
  const settings: ModuleSettings = {
    sender,
    warnings: [...(kind === 'list' ? unsentSecrets(options) : []), ...warnings],
    prefetch: readPrefetch(options, trust),
    metrics: resolveMetrics(options),
    openApi: resolveOpenApi(options),
    allowUnguarded: new Set(options.list('allowUnguarded', isUnguardedKind, `a list of ${UNGUARDED_KINDS.join(', ')}`)),
    tokenFrom: options.method('tokenFrom', 'a function of the request that returns the token or null'),
    // RFC 9110 section 11.5: a quoted-string, which need not be escaped this way.
    realm: options.text('realm', undefined, /^[ !#-[\]-~]+$/, 'printable ASCII without quotes and backslashes'),
    attachMcp: readAttach(options),
  };
  return { trust, ...keeping, settings };
}

/** The same for a client, which may leave out issuer and audience. @internal */
export function resolveClientOptions(given: unknown): ResolvedClient {
  const options = OptionReader.read(given, '', CLIENT_NAMES);
  const kind = kindOf(options);
  const keeping = resolveKeeping(options, kind);
  if (kind !== 'one') return { trust: resolveTrust(options, keeping.http), ...keeping };
  return { trust: { kind, issuer: resolveIssuer(options) }, ...keeping };
}

function kindOf(options: OptionReader): IssuersKind {
  if (typeof options.get('issuers') === 'function') return 'function';
  return options.has('issuers') ? 'list' : 'one';
}

/** Beside several issuers, headers and TLS settings are of no use for the module as a whole. */
function unsentSecrets(options: OptionReader): string[] {
  const http = options.get('http') as Record<string, unknown> | undefined;
  return ['headers', 'tls']
    .filter((name) => http !== undefined && Object.hasOwn(http, name) && http[name] !== undefined)
    .map((name) => `Option "http.${name}" is used for no issuer: name it in the "http" of each issuer that it is for`);
}

/** How issuers are given. */
type IssuersKind = 'one' | 'list' | 'function';

function resolveKeeping(options: OptionReader, kind: IssuersKind): ResolvedKeeping {
  const isDynamic = kind === 'function';
  for (const name of ['maxIssuers', 'issuersTtl'])
    if (!isDynamic && options.has(name)) throw options.fault(name, 'needs a function for "issuers"');
  return {
    isDynamic,
    maxIssuers: options.integer('maxIssuers', DEFAULTS.maxIssuers, 1, 1_000_000),
    issuersTtl: options.duration('issuersTtl', parseDuration(DEFAULTS.issuersTtl), { secondsBelow: 1_000 }),
    cache: resolveCache(options, isDynamic),
    refetchLimit: resolveRefetchLimit(options),
    http: resolveHttp(options, kind),
    tokenCache: resolveTokenCache(options),
    maxTokenLength: options.integer('maxTokenLength', DEFAULTS.maxTokenLength, 1, MAX_TOKEN_LENGTH),
  };
}

function readAttach(options: OptionReader): boolean {
  if (!options.has('attach')) return false;
  const attach = options.section('attach', ['auth']);
  if (attach.get('auth') === 'mcp') return true;
  throw attach.invalid('auth', "'mcp'");
}

function readPrefetch(options: OptionReader, trust: ResolvedTrust): boolean | 'required' {
  const value = options.get('prefetch');
  if (value === undefined) return DEFAULTS.prefetch;
  if (value === 'required' && trust.kind === 'tenants') {
    throw options.fault(
      'prefetch',
      `can't be 'required' beside a resolver function: its issuers are not known at start`,
    );
  }
  if (typeof value === 'boolean' || value === 'required') return value;
  throw options.invalid('prefetch', `true, false or 'required'`);
}
