import { describe, expect, it } from 'vitest';
import * as errors from '../../lib/core/errors.js';

const all = [
  new errors.JwksConfigurationError('option "x": expected a y', 'x'),
  new errors.JwksConnectionError('timed out'),
  new errors.InvalidJwkSetError('not a JWK Set'),
  new errors.MissingTokenError(),
  new errors.AmbiguousTokenError(),
  new errors.MalformedTokenError(),
  new errors.UntrustedIssuerError(),
  new errors.UnsupportedAlgorithmError(),
  new errors.SigningKeyNotFoundError(),
  new errors.InvalidSignatureError(),
  new errors.TokenExpiredError(),
  new errors.TokenNotActiveError(),
  new errors.InvalidClaimError('aud'),
  new errors.TokenRefusedError(),
  new errors.InsufficientScopeError(['orders:write']),
];

describe('the errors', () => {
  it('each have a code and a name of their own', () => {
    expect(new Set(all.map((error) => error.code)).size).toBe(all.length);
    expect(all.map((error) => error.name)).toEqual(all.map((error) => error.constructor.name));
  });

  it('all extend JwksError and keep their cause', () => {
    const cause = new Error('why');
    const error = new errors.InvalidSignatureError(undefined, { cause });
    expect(error.cause).toBe(cause);
    expect(all.every((each) => each instanceof errors.JwksError)).toBe(true);
  });

  it('say what a source fault means to retrying, failover and stale service', () => {
    expect(new errors.JwksConnectionError('x')).toMatchObject({ retryable: true, failsOver: true, allowsStale: true });
    expect(new errors.InvalidJwkSetError('x')).toMatchObject({ retryable: false, failsOver: true, allowsStale: true });
    expect(new errors.InvalidJwkSetError('x', { allowsStale: false }).allowsStale).toBe(false);
    expect(new errors.JwksConnectionError('x', { retryable: false, retryAfter: 5 })).toMatchObject({
      retryable: false,
      retryAfter: 5,
    });
  });
});

describe('isJwksError', () => {
  it('knows its own, also from another copy of the package', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('nestjs-jwks.error')]: true });
    expect(all.every(errors.isJwksError)).toBe(true);
    expect(errors.isJwksError(foreign)).toBe(true);
  });

  it.each([new Error('x'), { code: 'token_expired' }, null, undefined, 'token_expired'])(
    'does not take %s for one',
    (value) => {
      expect(errors.isJwksError(value)).toBe(false);
    },
  );
});
