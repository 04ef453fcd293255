/**
 * What the protected resource metadata (RFC 9728) says of the API. Issuers and ways to send a token
 * follow from `JwksModule`.
 *
 * @publicApi
 */
export interface ProtectedResourceOptions {
  /**
   * The identifier of the API, which is the URL that clients call, such as
   * `https://api.example.com/mcp`: https, or http on loopback, without a fragment. Usually also the
   * `audience` of `JwksModule`. No part of a request, such as its Host header, changes it.
   */
  resource: string;
  /**
   * The issuers that clients get tokens from: https URLs, or http on loopback.
   *
   * @default the issuers of `JwksModule`; needed if those are found by a function, or are no URLs
   */
  authorizationServers?: readonly string[];
  /** The scopes that clients may ask for. @default none */
  scopesSupported?: readonly string[];
  /** A name to show to users. @default none */
  resourceName?: string;
  /** URL of a page for developers: `resource_documentation`. @default none */
  documentation?: string;
}

/** For `ProtectedResourceModule.forRootAsync({ useClass })`. @publicApi */
export interface ProtectedResourceOptionsFactory {
  createProtectedResourceOptions(): ProtectedResourceOptions | Promise<ProtectedResourceOptions>;
}
