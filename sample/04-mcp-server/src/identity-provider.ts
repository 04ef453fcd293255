import { generateKeyPair } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

export const assistant = { id: 'assistant', secret: 'the-secret-of-the-assistant-long-enough' };

/** Clients are configured and JWT access tokens are self-contained: there is nothing to store. */
class NoStorage {
  async upsert(): Promise<void> {}
  async find(): Promise<undefined> {
    return undefined;
  }
}

/**
 * `oidc-provider`, a certified OpenID Provider, on a free port of loopback. It makes tokens for one
 * resource (RFC 8707), with the scopes that a client asks for.
 */
export async function startIdentityProvider(resource: string): Promise<{ issuer: string; close: () => void }> {
  let listener: RequestListener = (_, response) => response.writeHead(503).end();
  const server = createServer((request, response) => listener(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  // Not generateKeyPairSync: in Node 20 the export of such a key may wait for itself.
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: 'rsa-1', alg: 'RS256', use: 'sig' };
  const Provider = await loadProvider();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: assistant.id,
        client_secret: assistant.secret,
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    jwks: { keys: [key] },
    adapter: NoStorage,
    ttl: { ClientCredentials: 3600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, asked) => {
          if (asked !== resource) throw new Error(`There is no resource ${asked}`);
          return { audience: resource, scope: 'notes:read notes:write', accessTokenFormat: 'jwt' };
        },
      },
    },
  });
  listener = provider.callback();
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { issuer, close };
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
