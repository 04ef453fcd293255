/** What a `TestIssuer` is started with; everything has a default. @publicApi */
export interface TestIssuerOptions {
  /**
   * `aud` of the tokens, and what {@link TestIssuer.options} tells the module to ask for. @default
   * none: tokens have no `aud`
   */
  audience?: string;
  /**
   * One signature algorithm or several (RS, PS and ES 256/384/512, EdDSA, Ed25519, and what else
   * jose can sign with here): the issuer starts with a key for each, and signs with the first.
   * ES256 by default, although most identity providers sign with RS256: an EC key is made in a
   * millisecond, an RSA key in about a hundred.
   *
   * @default 'ES256'
   */
  alg?: string | readonly string[];
  /** TCP port on 127.0.0.1. @default 0: a free one */
  port?: number;
  /**
   * Path of the issuer's URL, such as `/tenants/a`, or `/` for an issuer that ends in a slash.
   * @default ''
   */
  issuerPath?: string;
  /**
   * `Cache-Control` of the JWK Set; {@link TestIssuer.cacheControl} changes it later. @default none
   */
  cacheControl?: string;
  /**
   * Where `iat`, `exp` and the times of `requests` come from: milliseconds since the epoch.
   * @default Date.now
   */
  now?: () => number;
}
