import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testKey, type TestKey } from './keys.js';

export interface OidcProviderOptions {
  /** A signing key for each, published together. */
  algorithms?: readonly string[];
  audience?: string;
}

export interface TokenExtractorRequest {
  scope?: string;
  /** The key that signs: the newest of this algorithm. By default the newest of all. */
  alg?: string;
}

/**
 * Neither clients nor JWT access tokens are stored: one is configured, the others are
 * self-contained.
 */
class NoStorage {
  async upsert(): Promise<void> {}
  async find(): Promise<undefined> {
    return undefined;
  }
}

const SCOPES = 'orders:read orders:write';
/** Its tokens are bound to the certificate that it sends as `x-client-certificate`, PEM in URL encoding. */
const MTLS_CLIENT = { client_id: 'shop-mtls', client_secret: 'another secret of the shop, as long' };
const CLIENT = { client_id: 'shop', client_secret: 'a secret of the shop, and a long one' };

let made = 0;

/**
 * `oidc-provider`, a certified OpenID Provider, on loopback: JWT access tokens by resource
 * indicators and client credentials.
 */
export class OidcIdentityProvider {
  /** Paths asked for, oldest first. */
  readonly requests: string[] = [];
  private readonly server = createServer((request, response) => {
    this.requests.push(request.url ?? '');
    this.listener(request, response);
  });
  private listener: RequestListener = (_, response) => response.writeHead(503).end();
  private keys: readonly TestKey[] = [];
  private port = 0;

  private constructor(readonly audience: string) {}

  static async start({
    algorithms = ['RS256'],
    audience = 'orders-api',
  }: OidcProviderOptions = {}): Promise<OidcIdentityProvider> {
    const provider = new OidcIdentityProvider(audience);
    await provider.listen();
    await provider.useKeys(await Promise.all(algorithms.map((alg) => newKey(alg))));
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get kids(): string[] {
    return this.keys.map((key) => key.kid);
  }

  get jwksRequests(): number {
    return this.requests.filter((path) => path === '/jwks').length;
  }

  /** A token by a real request for one. */
  async token({ scope = 'orders:read', alg = this.keys[0]!.alg }: TokenExtractorRequest = {}): Promise<string> {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      scope,
      resource: `urn:api:${alg}`,
      ...CLIENT,
    });
    const response = await fetch(`${this.issuer}/token`, { method: 'POST', body });
    const answer = (await response.json()) as { access_token?: string };
    if (!answer.access_token)
      throw new Error(`The token endpoint answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer.access_token;
  }

  /** The client that {@link token} is for, for a client library of OAuth. */
  get client() {
    return { ...CLIENT, resource: `urn:api:${this.keys[0]!.alg}` };
  }

  /** A token that is bound to a client certificate (RFC 8705). */
  async certificateBoundToken(certificate: string): Promise<string> {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'orders:read',
      resource: this.client.resource,
      ...MTLS_CLIENT,
    });
    const headers = { 'x-client-certificate': encodeURIComponent(certificate) };
    const response = await fetch(`${this.issuer}/token`, { method: 'POST', body, headers });
    const answer = (await response.json()) as { access_token?: string };
    if (!answer.access_token) throw new Error(`The token endpoint answered ${response.status}`);
    return answer.access_token;
  }

  /** A new key in place of the old ones, or in front of them. Returns its kid. */
  async rotate({ alg = this.keys[0]!.alg, keep = false } = {}): Promise<string> {
    const key = await newKey(alg);
    await this.useKeys([key, ...(keep ? this.keys : [])]);
    return key.kid;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** Again after `stop()`, on the same port. */
  async listen(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.stop();
  }

  /** A provider takes its keys when it is made, so there is a new one behind the same server. */
  private async useKeys(keys: readonly TestKey[]): Promise<void> {
    const { default: Provider } = await oidcProvider();
    const provider = new Provider(this.issuer, {
      clients: [CLIENT, { ...MTLS_CLIENT, tls_client_certificate_bound_access_tokens: true }].map((client) => ({
        ...client,
        token_endpoint_auth_method: 'client_secret_post',
        // It is unused here, but must be an algorithm with a key.
        id_token_signed_response_alg: keys[0]!.alg,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      jwks: { keys: keys.map((key) => ({ ...key.privateJwk, use: 'sig' })) },
      adapter: NoStorage,
      ttl: { ClientCredentials: 600 },
      enabledJWA: { dPoPSigningAlgValues: ['ES256', 'Ed25519', 'EdDSA', 'RS256', 'PS256'] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        dPoP: { enabled: true },
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          getCertificate: (ctx) => decodeURIComponent(ctx.get('x-client-certificate')),
        },
        resourceIndicators: { enabled: true, getResourceServerInfo: (_, resource) => this.resourceServer(resource) },
      },
    });
    provider.on('server_error', (_, error) => console.error(error));
    this.keys = keys;
    this.listener = provider.callback();
  }

  private resourceServer(resource: string) {
    const key = this.keys.find(({ alg }) => resource === `urn:api:${alg}`);
    if (!key) throw new Error(`No key for ${resource}`);
    return {
      audience: this.audience,
      scope: SCOPES,
      accessTokenFormat: 'jwt' as const,
      jwt: { sign: { alg: key.alg, kid: key.kid } },
    };
  }
}

function newKey(alg: string): Promise<TestKey> {
  made += 1;
  return testKey(alg, `idp-${alg}-${made}`);
}

/** Imported without its warning that Node 20 is old. */
async function oidcProvider() {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}
