import { generateKeyPair } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

export interface Client {
  readonly id: string;
  readonly secret: string;
  /** Algorithm of the client's tokens. */
  readonly alg: 'RS256' | 'ES256';
}

export const shop: Client = { id: 'shop', secret: 'the secret of the shop, long enough', alg: 'RS256' };
export const warehouse: Client = { id: 'warehouse', secret: 'the secret of the warehouse, as long', alg: 'ES256' };

/** The orders API, as clients name it when they ask for a token (RFC 8707). */
export const ORDERS_API = 'https://orders.example';

/** Not generateKeyPairSync: in Node 20 the export of such a key may wait for itself. */
const generate = promisify(generateKeyPair);

/** Clients are configured and JWT access tokens are self-contained: there is nothing to store. */
class NoStorage {
  async upsert(): Promise<void> {}
  async find(): Promise<undefined> {
    return undefined;
  }
}

/** `oidc-provider`, a certified OpenID Provider, on a free port of loopback. */
export class IdentityProvider {
  private readonly server = createServer((request, response) => this.listener(request, response));
  private listener: RequestListener = (_, response) => response.writeHead(503).end();
  private generation = 0;

  /** The `iss` of its tokens. */
  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    await this.rotateKeys();
  }

  /** A token by the client credentials grant. */
  async token(client: Client, scope: string): Promise<string> {
    const response = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.id,
        client_secret: client.secret,
        resource: ORDERS_API,
        scope,
      }),
    });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (!token) throw new Error(`The identity provider answered ${response.status}`);
    return token;
  }

  /** From now on it signs with new keys, and no longer publishes the old ones. */
  async rotateKeys(): Promise<void> {
    this.generation += 1;
    const [rsa, ec] = [
      await generate('rsa', { modulusLength: 2048 }),
      await generate('ec', { namedCurve: 'P-256' }),
    ].map(({ privateKey }) => privateKey.export({ format: 'jwk' }));
    await this.serve([
      { ...rsa, kid: `rsa-${this.generation}`, alg: 'RS256', use: 'sig' },
      { ...ec, kid: `ec-${this.generation}`, alg: 'ES256', use: 'sig' },
    ]);
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /**
   * A provider takes its keys when it is made: new keys are a new provider behind the same server.
   */
  private async serve(keys: readonly object[]): Promise<void> {
    const Provider = await loadProvider();
    const provider = new Provider(this.issuer, {
      clients: [shop, warehouse].map(({ id, secret }) => ({
        client_id: id,
        client_secret: secret,
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      jwks: { keys },
      adapter: NoStorage,
      ttl: { ClientCredentials: 3600 },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, resource, client) => ({
            audience: resource === ORDERS_API ? 'orders-api' : resource,
            scope: 'orders:read orders:write',
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: client.clientId === warehouse.id ? warehouse.alg : shop.alg } },
          }),
        },
      },
    });
    this.listener = provider.callback();
  }
}

/** Loaded without its warning that Node 20 is old: it works there. */
async function loadProvider() {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return (await import('oidc-provider')).default;
  } finally {
    console.warn = warn;
  }
}
