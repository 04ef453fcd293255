// The smoke test of the package sees to it that each marked line is an error for a consumer's
// compiler, and no other line is.
import { Authenticated, JwksClient, JwksModule, type AnyJwksError, type JwksErrorCode } from 'nestjs-jwks';

const issuer = 'https://id.example.com/';
const audience = 'orders-api';

JwksModule.forRoot({ issuer, audience });
JwksModule.forRoot({ audience }); // refused: an issuer must be named, or `false`
JwksModule.forRoot({ issuer }); // refused: an audience must be named, or `false`
JwksModule.forRoot({ issuer, audience: undefined }); // refused: what is missing in the environment is not "any"
JwksModule.forRoot({ issuer, audience, attach: { auth: 'token' } }); // refused: no such form
JwksModule.forRoot({ issuer, audience, tokenCahce: false }); // refused: no such option
JwksModule.forRoot({ issuer, audience, cache: { ttl: new Date() } }); // refused: no duration
JwksModule.forRoot({ issuer, audience, issuers: [] }); // refused: one issuer or several
Authenticated({ scopes: 'orders:read' }); // refused: a list
new JwksClient({ jwksURL: 'https://id.example.com/jwks' }); // refused: no such option

export const code: JwksErrorCode = 'token_is_odd'; // refused: no such code

export function claimOf(error: AnyJwksError): string | undefined {
  if (error.code === 'claim_invalid') return error.claim;
  return error.claim; // refused: only that error has a claim
}
