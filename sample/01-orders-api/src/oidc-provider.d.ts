/** oidc-provider ships no types: what is used of it here. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  export interface ResourceServer {
    audience: string;
    scope: string;
    accessTokenFormat: 'jwt' | 'opaque';
    accessTokenTTL?: number;
    jwt?: { sign: { alg: string; kid?: string } };
  }

  export interface Configuration {
    clients: readonly Record<string, unknown>[];
    jwks: { keys: readonly object[] };
    adapter: new (name: string) => object;
    ttl: Readonly<Record<string, number>>;
    enabledJWA?: Readonly<Record<string, readonly string[]>>;
    features: {
      dPoP?: { enabled: boolean };
      mTLS?: {
        enabled: boolean;
        certificateBoundAccessTokens: boolean;
        /** PEM. */
        getCertificate(context: { get(header: string): string }): string;
      };
      devInteractions: { enabled: boolean };
      clientCredentials: { enabled: boolean };
      resourceIndicators: {
        enabled: boolean;
        getResourceServerInfo(
          context: unknown,
          resource: string,
          client: { readonly clientId: string },
        ): ResourceServer;
      };
    };
  }

  export default class Provider {
    constructor(issuer: string, configuration: Configuration);
    callback(): RequestListener;
    on(event: 'server_error', listener: (context: unknown, error: Error) => void): this;
  }
}
