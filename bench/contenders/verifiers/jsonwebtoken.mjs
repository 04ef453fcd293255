import jwt from 'jsonwebtoken';
import jwksRsa from 'jwks-rsa';

/** What passport-jwt does inside; jwks-rsa with its cache on, which is its default. */
export function verifier({ issuers: [{ issuer, jwksUri }], audience, algorithms, lifetime }) {
  const client = jwksRsa({ jwksUri, cache: true, ...(lifetime && { cacheMaxAge: lifetime }) });
  const options = { issuer, audience, algorithms };
  const key = (header, done) => {
    client.getSigningKey(header.kid).then(
      (found) => done(null, found.getPublicKey()),
      (error) => done(error),
    );
  };
  return (token) =>
    new Promise((resolve, reject) => {
      jwt.verify(token, key, options, (error, claims) => (error ? reject(error) : resolve(claims)));
    });
}

/** jsonwebtoken reports an error of jwks-rsa as one of the token, whatever it was. */
export function blamesToken(error) {
  return error instanceof jwt.JsonWebTokenError;
}
