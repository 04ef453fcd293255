import jwt from 'jsonwebtoken';
import jwksRsa from 'jwks-rsa';

/** What passport-jwt does inside; jwks-rsa with its cache on, which is its default. */
export function verifier({ issuers: [{ issuer, jwksUri }], audience, algorithms }) {
  const client = jwksRsa({ jwksUri, cache: true });
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
