import { Controller, Get, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import fc from 'fast-check';
import { generateKeyPair, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, isJwksError, JwksModule, JwksService } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from './support/api.js';

@Controller()
class OrdersController {
  @Get('authenticated')
  @Authenticated()
  authenticated() {
    return {};
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport() {
    return {};
  }
}

const now = Math.floor(Date.now() / 1000);
const time = fc.oneof(
  // Not on the edge, where a second that passes between two looks makes a difference.
  fc
    .integer({ min: -7200, max: 7200 })
    .filter((offset) => Math.abs(offset) > 60)
    .map((offset) => now + offset),
  fc.constantFrom<unknown>('1', null, true, 1.5, 1e300, -1, undefined),
);
const claim = fc.oneof(
  ...Object.entries({
    aud: fc.constantFrom<unknown>('orders-api', ['x', 'orders-api'], 'billing-api', [], '', null, ['orders-api', 1]),
    iss: fc.constantFrom<unknown>('https://elsewhere.example', '', null, ['a'], undefined),
    sub: fc.constantFrom<unknown>('alice', 'banned', 7, null),
    exp: time,
    nbf: time,
    iat: time,
    cnf: fc.constantFrom<unknown>({ jkt: 'x' }, {}),
    extra: fc.jsonValue(),
  }).map(([name, value]) => (value as fc.Arbitrary<unknown>).map((each) => ({ [name]: each }))),
);
const claims = fc.array(claim, { maxLength: 3 }).map((each): Record<string, unknown> => Object.assign({}, ...each));
const header = fc.record(
  {
    kid: fc.constantFrom<unknown>('unknown', '', 7, null, undefined, '../../dev/null'),
    typ: fc.constantFrom<unknown>('JWT', 'at+jwt', 7, undefined),
    crit: fc.constantFrom<unknown>(['exp'], ['b64'], [], 'x'),
    jku: fc.constant('https://elsewhere.example/keys'),
  },
  { requiredKeys: [] },
);
const untouched = (token: string) => token;
/**
 * What happens to a token on its way; characters that a header can carry, and that no list is made
 * of.
 */
const mutation = fc.oneof(
  { weight: 8, arbitrary: fc.constant(untouched) },
  fc.tuple(fc.nat(2000), fc.constantFrom(...'ABab01-_.=+/~"%')).map(
    ([place, char]) =>
      (token: string) =>
        token.slice(0, place % token.length) + char + token.slice((place % token.length) + 1),
  ),
  fc.nat(2000).map((length) => (token: string) => token.slice(0, 1 + (length % token.length))),
  fc.constantFrom('.', '=', 'A', '.AAAA', '.A.A').map((tail) => (token: string) => token + tail),
  fc.constant((token: string) => token.split('.').reverse().join('.')),
);
const mostly = <T>(arbitrary: fc.Arbitrary<T>, usual: T) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(usual) }, arbitrary);

/** One of each kind, whatever else chance brings. */
const EXAMPLES: [Record<string, unknown>, object, boolean, (token: string) => string][] = [
  [{}, {}, true, untouched],
  [{ aud: 'billing-api' }, {}, true, untouched],
  [{ sub: 'banned' }, {}, true, untouched],
  [{ exp: now - 3600 }, {}, true, untouched],
  [{}, { kid: 'unknown' }, true, untouched],
  [{}, {}, false, untouched],
  [{}, {}, true, (token) => `${token}.`],
];

describe.each(ADAPTERS)("AuthGuard('jwks'), @Authenticated() and jwks.verify(), on %s", (_, makeAdapter) => {
  let issuer: TestIssuer;
  let api: Api;
  let jwks: JwksService;
  let forger: CryptoKey;

  beforeAll(async () => {
    forger = (await generateKeyPair('ES256')).privateKey;
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    const validate = ({ claims: { sub } }: { claims: { sub?: string } }) => sub !== 'banned';
    api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), validate, refetchLimit: { burst: 1_000 } })],
      controllers: [OrdersController],
    });
    jwks = api.app.get(JwksService);
  });
  afterAll(async () => {
    await api.app.close();
    await issuer.close();
  });

  /** What jose does not want to sign gets a header that the signature knows nothing of. */
  const tokenWith = async (payload: Record<string, unknown>, head: object, honest: boolean): Promise<string> => {
    const options = honest ? {} : { key: forger };
    try {
      return await issuer.sign(payload, { ...options, header: head as Record<string, unknown> });
    } catch {
      const [, ...rest] = (await issuer.sign(payload, options)).split('.');
      return [Buffer.from(JSON.stringify({ alg: 'ES256', ...head })).toString('base64url'), ...rest].join('.');
    }
  };
  const verified = (token: string): Promise<string> =>
    jwks.verify(token).then(
      () => 'accepted',
      (error: unknown) => (isJwksError(error) ? error.code : String(error)),
    );
  const answered = async (path: string, token: string): Promise<string> => {
    const { status, body } = await api.call(path, { token });
    return status === 200 ? 'accepted' : (body as { code: string }).code;
  };

  it('accept and reject the same tokens, for the same reason', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        claims,
        mostly(header, {}),
        mostly(fc.boolean(), true),
        mutation,
        async (payload, head, honest, mutate) => {
          const token = mutate(await tokenWith(payload, head, honest));
          const [byService, byGuard, byPassport] = await Promise.all([
            verified(token),
            answered('/authenticated', token),
            answered('/passport', token),
          ]);
          seen.add(byService);
          expect([byGuard, byPassport]).toEqual([byService, byService]);
        },
      ),
      { numRuns: 300, examples: EXAMPLES },
    );
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'accepted',
        'claim_invalid',
        'token_refused',
        'token_expired',
        'key_not_found',
        'signature_invalid',
        'token_malformed',
      ]),
    );
  });
});
