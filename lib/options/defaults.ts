/**
 * The only default values, in the form that users write. Tests compare the `@default` tags and the
 * README with them.
 *
 * @internal
 */
export const DEFAULTS = {
  failover: [],
  algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  clockTolerance: '5s',
  requiredClaims: ['exp'],
  allowInsecure: false,
  prefetch: true,
  maxIssuers: 10_000,
  issuersTtl: '5m',
  cache: {
    ttl: '10m',
    minTtl: '1m',
    maxTtl: '1h',
    respectHeaders: true,
    refreshAhead: 0.8,
    staleIfError: '24h',
    maxKeys: 1_000,
    prefix: 'jwks:',
  },
  refetchLimit: {
    burst: 3,
    every: '5s',
  },
  metrics: {
    dynamicIssuers: false,
  },
  openApi: {
    scheme: 'bearer',
  },
  maxTokenLength: 8_192,
  allowNumericSubject: false,
  tokenCache: {
    max: 10_000,
    maxBytes: 33_554_432,
    maxTokenLength: 4_096,
  },
  boundTokens: 'refuse',
  dpop: {
    required: false,
    proofMaxAge: '60s',
    algorithms: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
    nonce: {
      lifetime: '5m',
    },
  },
  http: {
    timeout: '5s',
    deadline: '10s',
    retries: 2,
    maxResponseSize: 1_048_576,
    allowPrivateAddresses: true,
  },
} as const;

/** What differs beside a resolver function, whose issuers are not all the application's own. @internal */
export const RESOLVER_DEFAULTS = { maxKeys: 100, maxResponseSize: 131_072, allowPrivateAddresses: false } as const;
