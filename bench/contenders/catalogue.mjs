// Who takes part. The modules beside this file say how; here stands what they are called and what
// they can do.

/**
 * @typedef {object} Contender
 * @property {string} name of its module, and in the results
 * @property {string} title as people read it
 * @property {'ours' | 'rival' | 'floor'} kind a floor is work that no contender can avoid; it is not
 * asked to reject what it does not look at
 */

const everything = ['RS256', 'ES256', 'EdDSA'];

/** Verify tokens; `algorithms` that they can, `rejects` what they look at. */
export const verifiers = [
  ours('nestjs-jwks', 'nestjs-jwks', { algorithms: everything }),
  ours('nestjs-jwks-uncached', 'nestjs-jwks, tokenCache: false', { algorithms: everything }),
  rival('jose', 'jose: jwtVerify + createRemoteJWKSet', { algorithms: everything }),
  rival('jsonwebtoken', 'jsonwebtoken + jwks-rsa', { algorithms: ['RS256', 'ES256'] }),
  rival('aws-jwt-verify', 'aws-jwt-verify', { algorithms: everything }),
  rival('aws-jwt-verify-sync', 'aws-jwt-verify, verifySync', { algorithms: everything }),
  rival('fast-jwt', 'fast-jwt + get-jwks', { algorithms: ['RS256', 'ES256'] }),
  rival('fast-jwt-cached', 'fast-jwt with its cache + get-jwks', { algorithms: ['RS256', 'ES256'] }),
  rival('fast-jwt-pem', 'fast-jwt with its cache, one PEM in hand', { algorithms: everything }),
  floor('bare-crypto', 'bare crypto.verify', { algorithms: everything, rejects: ['forged'] }),
];

/** Look up a key by its kid in a set that they have. */
export const lookups = [
  ours('nestjs-jwks', 'nestjs-jwks getSigningKey'),
  rival('jwks-rsa', 'jwks-rsa getSigningKey'),
  rival('jose', 'jose createRemoteJWKSet'),
  rival('get-jwks', 'get-jwks getPublicKey'),
];

/** Serve one protected route. */
export const servers = [
  ours('nestjs-jwks', 'nestjs-jwks @Authenticated()'),
  rival('recipe', 'recipe: passport-jwt + jwks-rsa'),
  rival('jose-guard', 'a guard on jose, by hand'),
  rival('aws-guard', 'a guard on aws-jwt-verify, by hand'),
  rival('oauth2-jwt-bearer', 'express-oauth2-jwt-bearer, no Nest', { platforms: ['express'] }),
  floor('empty-guard', 'an empty guard', { rejects: [] }),
];

/** Verify tokens while the provider is in trouble; `verifier` is the module. */
export const resilience = [
  ours('nestjs-jwks', 'nestjs-jwks', { verifier: 'nestjs-jwks' }),
  rival('jose', 'jose', { verifier: 'jose' }),
  rival('jwks-rsa', 'jwks-rsa', { verifier: 'jsonwebtoken' }),
  rival('aws-jwt-verify', 'aws-jwt-verify', { verifier: 'aws-jwt-verify' }),
  rival('get-jwks', 'get-jwks', { verifier: 'fast-jwt' }),
  rival('express-oauth2-jwt-bearer', 'express-oauth2-jwt-bearer', { verifier: 'oauth2-jwt-bearer' }),
];

/** The ones of a list that have these names, in the order of the list. */
export function named(list, ...names) {
  return list.filter(({ name }) => names.includes(name));
}

function ours(name, title, more) {
  return { name, title, kind: 'ours', rejects: ['forged', 'expired', 'elsewhere'], ...more };
}

function rival(name, title, more) {
  return { ...ours(name, title, more), kind: 'rival' };
}

function floor(name, title, more) {
  return { ...ours(name, title, more), kind: 'floor' };
}
