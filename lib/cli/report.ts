/**
 * What `inspect` found out: plain data for JSON. Never holds the token or its signature.
 *
 * @publicApi
 */
export interface InspectReport {
  /** What was inspected: an issuer or the URL of a JWK Set. */
  readonly target: string;
  /**
   * `passed`: nothing is wrong; `failed`: a check failed; `unreachable`: no response from the
   * provider.
   */
  readonly outcome: 'passed' | 'failed' | 'unreachable';
  /** How the JWK Set was found: by discovery from the issuer, or at the URL itself. */
  readonly foundBy?: 'discovery' | 'url';
  readonly issuer?: string;
  readonly jwksUri?: string;
  readonly requests: readonly InspectedRequest[];
  readonly keys: readonly InspectedKey[];
  readonly freshness?: InspectedFreshness;
  /** Seconds by which the provider's clock is ahead of this machine's, by its `Date` header. */
  readonly clockOffset?: number;
  /**
   * In the order in which they were made; those of the token last, in the order of a verification.
   */
  readonly checks: readonly InspectCheck[];
  readonly token?: InspectedToken;
}

/** One request to the provider. @publicApi */
export interface InspectedRequest {
  /** Without query and credentials. */
  readonly url: string;
  /** Absent where there was no response. */
  readonly status?: number;
  /** Milliseconds until the response began. */
  readonly duration: number;
  /** Those that matter for keys: caching, date, content type. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One entry of the JWK Set. @publicApi */
export interface InspectedKey {
  readonly kid?: string;
  readonly kty?: string;
  /** Bits of an RSA modulus. */
  readonly size?: number;
  readonly crv?: string;
  readonly alg?: string;
  readonly use?: string;
  readonly usable: boolean;
  /** Why it is not usable. */
  readonly reason?: string;
}

/**
 * What follows from the headers of the JWK Set under the default options, in seconds.
 *
 * @publicApi
 */
export interface InspectedFreshness {
  /** How long the set is fresh. */
  readonly freshFor: number;
  /** When it is refreshed in the background, if it is used. */
  readonly refreshAfter: number;
  /** How much longer it serves while the provider is down. */
  readonly staleFor: number;
}

/** One check and its result. @publicApi */
export interface InspectCheck {
  readonly name: string;
  /** `skipped`: it could not be made, or nothing was given to compare with. */
  readonly result: 'passed' | 'failed' | 'skipped';
  readonly detail?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** What a token says of itself: the header and the claims that matter. @publicApi */
export interface InspectedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}
