import { JwtVerifier } from 'aws-jwt-verify';
import {
  FetchError,
  JwksValidationError,
  JwkValidationError,
  NonRetryableFetchError,
  WaitPeriodNotYetEndedJwkError,
} from 'aws-jwt-verify/error';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';

const RESPONSE_TIMEOUT = 3_000;

/** Its own fetcher takes https only. This one has the same timeout, retry and conditions. */
const fetcher = {
  fetch: (uri) =>
    fetchOnce(uri).catch((error) => {
      if (error instanceof NonRetryableFetchError) throw error;
      return fetchOnce(uri);
    }),
};

export function verifier(setup) {
  const made = jwtVerifier(setup);
  return (token) => made.verify(token);
}

/** Its verifier, as others of this folder use it. */
export function jwtVerifier({ issuers, audience }) {
  const trusted = issuers.map(({ issuer, jwksUri }) => ({ issuer, jwksUri, audience }));
  return JwtVerifier.create(trusted.length === 1 ? trusted[0] : trusted, {
    jwksCache: new SimpleJwksCache({ fetcher }),
  });
}

/** A wait because another kid was unknown says nothing about this token. */
export function blamesToken(error) {
  const others = [FetchError, JwksValidationError, JwkValidationError, WaitPeriodNotYetEndedJwkError, SyntaxError];
  return !others.some((type) => error instanceof type);
}

async function fetchOnce(uri) {
  try {
    const response = await fetch(uri, { redirect: 'manual', signal: AbortSignal.timeout(RESPONSE_TIMEOUT) });
    if (response.status !== 200) throw new NonRetryableFetchError(uri, `Status code is ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    throw error instanceof FetchError ? error : new FetchError(uri, error);
  }
}
