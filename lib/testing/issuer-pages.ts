import type { JWK } from 'jose';
import type { Reply } from './issuer-server.js';

/** @internal */
export interface IssuerPages {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly cacheControl: string | undefined;
}

/** The page of a path: the JWK Set or one of the two discovery documents. @internal */
export function issuerPage(path: string, pages: IssuerPages): Reply | undefined {
  // OpenID Connect Discovery section 4 appends to the issuer's path, RFC 8414 section 3 puts the
  // name before it.
  const base = new URL(pages.issuer).pathname.replace(/\/$/, '');
  switch (path) {
    case new URL(pages.jwksUri).pathname:
      return json(pages.jwks, 'application/jwk-set+json', pages.cacheControl);
    case `${base}/.well-known/openid-configuration`:
    case `/.well-known/oauth-authorization-server${base}`:
      return json(metadata(pages), 'application/json');
    default:
      return undefined;
  }
}

function metadata({ issuer, jwksUri, jwks }: IssuerPages): Record<string, unknown> {
  const origin = new URL(issuer).origin;
  return {
    issuer,
    jwks_uri: jwksUri,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(jwks.keys.map((key) => key.alg))],
  };
}

function json(document: unknown, contentType: string, cacheControl?: string): Reply {
  const headers = { 'content-type': contentType, ...(cacheControl !== undefined && { 'cache-control': cacheControl }) };
  return { status: 200, headers, body: JSON.stringify(document) };
}
