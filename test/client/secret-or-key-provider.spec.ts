import { ExtractJwt, Strategy } from 'passport-jwt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { secretOrKeyProvider } from '../../lib/client/secret-or-key-provider.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { signToken, testKey } from '../support/keys.js';
import { clientOf, jwksOf, serviceOf, startIssuer } from './support.js';

type Outcome = { user: unknown } | { challenge: Error } | { error: unknown };

/** One request through a strategy of `passport-jwt`. */
function authenticate(strategy: Strategy, token: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const actions = {
      success: (user: unknown) => resolve({ user }),
      fail: (challenge: Error) => resolve({ challenge }),
      error: (error: unknown) => resolve({ error }),
    };
    const request = { headers: { token } };
    Object.assign(Object.create(strategy) as Strategy, actions).authenticate(request as never);
  });
}

describe('secretOrKeyProvider', () => {
  it('parity: passportJwtSecret: one line changes in a strategy of passport-jwt', async () => {
    const issuer = await startIssuer({ alg: 'RS256' });
    const jwks = serviceOf(issuer.options());
    const strategy = new Strategy(
      { secretOrKeyProvider: jwks.secretOrKeyProvider(), jwtFromRequest: ExtractJwt.fromHeader('token') },
      (payload: unknown, done: (error: null, user: unknown) => void) => done(null, payload),
    );
    const token = await issuer.sign({ sub: 'alice' });
    expect(await authenticate(strategy, token)).toMatchObject({ user: { sub: 'alice' } });
    await authenticate(strategy, token);
    expect(issuer.jwksRequests).toBe(1);
    const forged = `${token.slice(0, -8)}AAAAAAAA`;
    expect(await authenticate(strategy, forged)).toMatchObject({ challenge: { message: 'invalid signature' } });
    expect(await authenticate(strategy, 'no.jwt')).toMatchObject({ challenge: { code: 'token_malformed' } });
    await issuer.rotate();
    expect(await authenticate(strategy, await issuer.sign())).toMatchObject({ user: { sub: 'test-user' } });
  });

  it('reports an outage from a bad token', async () => {
    const issuer = await startIssuer({ alg: 'RS256' });
    const token = await issuer.sign();
    await issuer.down();
    const client = clientOf({ jwksUri: issuer.jwksUri, http: { retries: 0 } });
    const strategy = new Strategy(
      { secretOrKeyProvider: client.secretOrKeyProvider(), jwtFromRequest: ExtractJwt.fromHeader('token') },
      () => undefined,
    );
    expect(await authenticate(strategy, token)).toMatchObject({ challenge: { code: 'jwks_unavailable' } });
  });

  it.each([undefined, null, 7, {}, '', 'a.b.c'])(
    'hands the fault of %j to its callback, and throws nothing',
    async (token) => {
      const client = clientOf({ jwks: jwksOf(await testKey()) });
      const error = await new Promise((resolve) => {
        client.secretOrKeyProvider()({}, token, resolve);
      });
      expect(error).toMatchObject({ code: 'token_malformed' });
    },
  );

  it('lets no fault of its callback become an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    const [key] = JwkSet.parse(jwksOf(await testKey()));
    const told: unknown[] = [];
    secretOrKeyProvider(async () => key as never)({}, 'token', (error, secret) => {
      told.push(error ?? secret);
      throw new Error('the callback throws');
    });
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(told).toEqual([key?.toKeyObject(), new Error('the callback throws')]);
    expect(unhandled).toEqual([]);
  });

  it('finds the key at the issuer that the token names', async () => {
    const [a, b] = [await testKey('ES256', 'same'), await testKey('RS256', 'same')];
    const jwks = serviceOf({
      audience: false,
      issuers: [
        { issuer: 'https://a.example.com', jwks: jwksOf(a) },
        { issuer: 'https://b.example.com', jwks: jwksOf(b) },
      ],
    });
    const key = await new Promise((resolve, reject) => {
      void signToken(b, { iss: 'https://b.example.com' }).then((token) => {
        jwks.secretOrKeyProvider()({}, token, (error, found) => (error ? reject(error) : resolve(found)));
      });
    });
    expect(key).toMatchObject({ asymmetricKeyType: 'rsa' });
  });
});
