import { DpopProofError, type DpopFault } from '../core/sender-errors.js';

/** Every way in which a proof can be wrong. Sentences are fixed: nothing of a proof is in them. */
const FAULTS = {
  missing: wrongClient('The request has the scheme DPoP and no DPoP header', 'have the client send a proof'),
  several: wrongClient('The request has more than one DPoP header', 'one proof belongs to one request'),
  tooLong: wrongClient('The DPoP proof is too long', 'a proof holds a public key and six claims'),
  malformed: wrongClient('The DPoP proof is not a JWT in compact form', 'have the client send a signed JWT'),
  typ: wrongClient('The type ("typ") of the DPoP proof is not "dpop+jwt"', 'an access token is no proof'),
  crit: wrongClient('The DPoP proof has critical header parameters', 'leave "crit" out'),
  algorithm: wrongClient(
    'The signature algorithm of the DPoP proof is not allowed',
    'use one of the challenge, or name it in "dpop.algorithms"',
  ),
  key: wrongClient(
    'The public key ("jwk") of the DPoP proof is missing or not usable',
    'send the members of the public key alone, as RFC 7518 spells them',
  ),
  signature: badProof('The signature of the DPoP proof is not valid', 'forged, damaged, or signed with another key'),
  claims: wrongClient(
    'The DPoP proof lacks "jti", "htm", "htu", "iat" or "ath", or has one of the wrong type',
    'RFC 9449 section 4.2 lists the claims of a proof; with an access token "ath" is one of them',
  ),
  method: badProof('The DPoP proof is for another HTTP method', 'a proof belongs to one request'),
  url: wrongClient(
    'The DPoP proof is for another URL than that of the request',
    'behind a proxy, set "dpop.publicUrl" to the URL that clients use',
  ),
  urlProtocol: wrongClient(
    'The DPoP proof is for another URL than that of the request: one is http, the other https',
    'set "dpop.publicUrl" to the URL that clients use, with the http or https that they use',
  ),
  urlHost: wrongClient(
    'The DPoP proof is for another URL than that of the request: host or port differ',
    'set "dpop.publicUrl" to the URL that clients use',
  ),
  urlPath: wrongClient(
    'The DPoP proof is for another URL than that of the request: the paths differ',
    'the part of the path that a proxy takes away belongs to "dpop.publicUrl", and what the application gets does not; a slash at the end counts, and upper and lower case',
  ),
  host: wrongClient(
    'The URL of the request is not known: its host is missing, ambiguous or not valid',
    'set "dpop.publicUrl" to the URL that clients use',
  ),
  accessToken: badProof('The DPoP proof is for another access token', 'a proof belongs to one access token'),
  tooOld: wrongClient(
    'The DPoP proof is too old',
    'make a proof for each request; if the clock of the client is wrong, let it use nonces (option "dpop.nonce")',
  ),
  tooNew: wrongClient(
    'The DPoP proof was made in the future',
    'the clock of the client or of this machine is wrong; nonces (option "dpop.nonce") cure the former',
  ),
  replayed: badProof('The DPoP proof was used before', 'make a proof for each request, repetitions included'),
} as const;

/** @internal */
export function dpopFault(name: keyof typeof FAULTS): DpopProofError {
  return new DpopProofError(FAULTS[name]);
}

function wrongClient(reason: string, hint: string): DpopFault {
  return { reason, hint, misconfiguration: true };
}

function badProof(reason: string, hint: string): DpopFault {
  return { reason, hint, misconfiguration: false };
}
