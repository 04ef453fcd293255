import { describe, expect, it, vi } from 'vitest';
import { JwksClient } from '../../lib/client/jwks-client.js';
import { InsufficientScopeError, TokenExpiredError } from '../../lib/core/errors.js';
import type { JwksService } from '../../lib/jwks.service.js';
import type { JwksModuleOptions } from '../../lib/options/jwks-options.js';
import type { JwksVerifyOptions } from '../../lib/options/verify-options.js';
import { signToken, testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { clientOf, faultOf, jwksOf, listenTo, serviceOf, startServer } from './support.js';

const ISSUER = 'https://id.example.com';
const key = await testKey();
const claims = { iss: ISSUER, aud: 'orders-api', sub: 'alice', exp: 9e9 };
const good = await signToken(key, claims);

function jwksWith(options: Partial<JwksModuleOptions> = {}, clock?: ManualClock) {
  return serviceOf(
    { issuer: ISSUER, audience: 'orders-api', jwks: jwksOf(key), ...options } as JwksModuleOptions,
    clock,
  );
}

/** What is thrown at once counts as a rejection. */
async function authenticated(jwks: JwksService): Promise<unknown> {
  return jwks.authenticate({ token: good });
}

describe('validate', () => {
  it('makes the user, and gets the verified token', async () => {
    const validate = vi.fn(async ({ claims }) => ({ name: claims.sub as string }));
    const jwks = jwksWith({ validate });
    const { token, user } = await jwks.authenticate({ token: good });
    expect(user).toEqual({ name: 'alice' });
    expect(validate.mock.calls).toEqual([[token, { request: undefined }]]);
    expect(token.claims).toEqual(claims);
  });

  it.each([undefined, async () => undefined, () => undefined])('leaves the token as the user: %s', async (validate) => {
    const { token, user } = await jwksWith(validate && { validate }).authenticate({ token: good });
    expect(user).toBe(token);
  });

  it.each([null, false, 0, '', Number.NaN, Promise.resolve(null)])('refuses by %s', async (answer) => {
    const jwks = jwksWith({ validate: () => answer });
    const fault = await faultOf(authenticated(jwks));
    expect(fault.code).toBe('token_refused');
    expect(fault.cause).toBeUndefined();
  });

  it('rejects by throwing, at once or later; what it threw is the cause', async () => {
    const cause = new Error('revoked');
    const throwing = () => {
      throw cause;
    };
    for (const validate of [throwing, () => Promise.reject(cause)]) {
      expect(await faultOf(authenticated(jwksWith({ validate })))).toMatchObject({ code: 'token_refused', cause });
    }
  });

  it('may throw one of our errors, which passes as it is', async () => {
    const error = new InsufficientScopeError(['orders:write']);
    const jwks = jwksWith({ validate: () => Promise.reject(error) });
    expect(await faultOf(authenticated(jwks))).toBe(error);
  });

  it('I18: runs for each verification, verify() included, and never for a bad token', async () => {
    const validate = vi.fn(() => true);
    const jwks = jwksWith({ validate });
    await jwks.verify(good);
    await jwks.authenticate({ token: good });
    await faultOf(jwks.verify(await signToken(key, { ...claims, aud: 'other' })));
    expect(validate).toHaveBeenCalledTimes(2);
  });

  it('rejects what a client verifies, too', async () => {
    const client = clientOf({ issuer: ISSUER, audience: false, jwks: jwksOf(key), validate: () => false });
    expect(await faultOf(client.verify(good))).toMatchObject({ code: 'token_refused' });
  });
});

describe('the sender constraint', () => {
  it('I15: `cnf` is rejected whatever it holds, also of a token that is remembered', async () => {
    const validate = vi.fn();
    const jwks = jwksWith({ validate });
    for (const cnf of [{ jkt: 'x' }, { 'x5t#S256': 'x' }, {}, null, '', false, 0]) {
      const bound = await signToken(key, { ...claims, cnf });
      for (let time = 0; time < 3; time += 1)
        expect(await faultOf(jwks.verify(bound))).toMatchObject({ code: 'claim_invalid', claim: 'cnf' });
    }
    expect(validate).not.toHaveBeenCalled();
  });
});

describe('claims', () => {
  const asks = (rules: JwksModuleOptions['claims']) => jwksWith({ claims: rules });

  it('are asked of every token, new and known, before validate', async () => {
    const validate = vi.fn();
    const jwks = jwksWith({ claims: { sub: ['alice', 'bob'] }, validate });
    for (let time = 0; time < 2; time += 1) await expect(jwks.verify(good)).resolves.toBeDefined();
    expect(validate).toHaveBeenCalledTimes(2);
    const mallory = await signToken(key, { ...claims, sub: 'mallory' });
    for (let time = 0; time < 2; time += 1)
      expect(await faultOf(jwks.verify(mallory))).toMatchObject({ code: 'claim_invalid', claim: 'sub' });
    expect(validate).toHaveBeenCalledTimes(2);
  });

  it('may be asked by a predicate, whose throw is the cause', async () => {
    await expect(asks({ sub: async (value) => value === 'alice' }).verify(good)).resolves.toBeDefined();
    expect(await faultOf(asks({ sub: () => Promise.resolve(false) }).verify(good))).toMatchObject({ claim: 'sub' });
    const cause = new Error('directory');
    const throwing = () => {
      throw cause;
    };
    for (const rule of [throwing, () => Promise.reject(cause)])
      expect(await faultOf(asks({ sub: rule }).verify(good))).toMatchObject({ code: 'claim_invalid', cause });
  });

  it('stay as they were when the module was made', async () => {
    const allowed = ['alice'];
    const jwks = asks({ sub: allowed });
    allowed.push('mallory');
    const mallory = await signToken(key, { ...claims, sub: 'mallory' });
    expect(await faultOf(jwks.verify(mallory))).toMatchObject({ claim: 'sub' });
  });

  it('of an issuer take the place of the module’s', async () => {
    const issuers = [{ issuer: ISSUER, jwks: jwksOf(key), claims: { sub: 'alice' } }];
    const jwks = serviceOf({ issuers, audience: 'orders-api', claims: { sub: 'bob' } });
    await expect(jwks.verify(good)).resolves.toBeDefined();
    const unasked = serviceOf({
      issuers: [{ issuer: ISSUER, jwks: jwksOf(key) }],
      audience: 'orders-api',
      claims: { token_use: 'access' },
    });
    expect(await faultOf(unasked.verify(good))).toMatchObject({ claim: 'token_use' });
  });
});

describe('allowNumericSubject', () => {
  it('accepts a whole number as sub, which is rejected otherwise', async () => {
    const sign = (sub: unknown) => signToken(key, { ...claims, sub: sub as string });
    const jwks = jwksWith({ allowNumericSubject: true });
    expect((await jwks.verify(await sign(7))).claims.sub).toBe(7);
    for (const sub of [1.5, null, true, ['a'], {}])
      expect(await faultOf(jwks.verify(await sign(sub)))).toMatchObject({ code: 'claim_invalid', claim: 'sub' });
    expect(await faultOf(jwksWith().verify(await sign(7)))).toMatchObject({
      claim: 'sub',
      hint: expect.stringContaining('allowNumericSubject'),
    });
  });
});

describe('maxTokenLength', () => {
  it('bounds what is read of a token, and its error names both numbers', async () => {
    const length = good.length;
    await expect(jwksWith({ maxTokenLength: length }).verify(good)).resolves.toBeDefined();
    const fault = await faultOf(jwksWith({ maxTokenLength: length - 1 }).verify(good));
    expect(fault).toMatchObject({
      code: 'token_malformed',
      reason: `The access token has ${length} characters, more than ${length - 1}`,
      hint: expect.stringContaining('maxTokenLength'),
    });
    const client = clientOf({ issuer: ISSUER, audience: 'orders-api', jwks: jwksOf(key), maxTokenLength: 100 });
    await expect(client.verify(good)).rejects.toMatchObject({ code: 'token_malformed' });
    await expect(client.getSigningKeyFromJwt(good)).rejects.toMatchObject({ code: 'token_malformed' });
  });
});

describe('verify', () => {
  it('takes the place of the configured rules by those of one call, one by one', async () => {
    const jwks = jwksWith({ tokenType: 'at+jwt' });
    const other = await signToken(key, { ...claims, aud: 'other', iat: 1 }, { typ: 'JWT' });
    const accepts = async (options: JwksVerifyOptions) => {
      return jwks.verify(other, options).then(
        () => 'accepted',
        ({ code, claim }: { code: string; claim?: string }) => claim ?? code,
      );
    };
    expect(await accepts({})).toBe('typ');
    expect(await accepts({ tokenType: 'JWT' })).toBe('aud');
    expect(await accepts({ tokenType: 'JWT', audience: ['some', 'other'] })).toBe('accepted');
    expect(await accepts({ tokenType: 'JWT', audience: false })).toBe('accepted');
    expect(await accepts({ tokenType: 'JWT', audience: false, algorithms: ['RS256'] })).toBe('alg_not_allowed');
    expect(await accepts({ tokenType: 'JWT', audience: false, maxTokenAge: '1h' })).toBe('token_expired');
    expect(await accepts({ tokenType: 'JWT', audience: false, requiredClaims: ['scope'] })).toBe('scope');
  });

  it.each<[object, string]>([
    [{ audience: '' }, 'audience'],
    [{ audience: [] }, 'audience'],
    [{ issuer: '' }, 'issuer'],
    [{ issuer: [] }, 'issuer'],
    [{ issuer: false }, 'issuer'],
    [{ algorithms: ['none'] }, 'algorithms'],
    [{ algorithms: [] }, 'algorithms'],
    [{ clockTolerance: -1 }, 'clockTolerance'],
    [{ maxTokenAge: Number.NaN }, 'maxTokenAge'],
    [{ audiance: 'a' }, 'audiance'],
    [{ validate: () => true }, 'validate'],
  ])('rejects the options %j and names the bad one', async (options, option) => {
    expect(await faultOf(jwksWith().verify(good, options))).toMatchObject({ code: 'configuration_invalid', option });
  });

  it('rejects rules that the call writes down as undefined, rather than leave them to the defaults', async () => {
    for (const name of ['issuer', 'audience', 'algorithms', 'tokenType', 'maxTokenAge', 'requiredClaims'])
      expect(await faultOf(jwksWith().verify(good, { [name]: undefined }))).toMatchObject({
        code: 'configuration_invalid',
        option: name,
      });
  });

  it.each([
    [{}, 'issuer'],
    [{ issuer: ISSUER }, 'audience'],
    [{ audience: 'orders-api' }, 'issuer'],
    [{ issuer: undefined, audience: undefined }, 'issuer'],
  ])('of a client with %j asks for the decision that is missing, whatever the token', async (options, option) => {
    const server = await startServer();
    const client = clientOf({ jwksUri: server.url('/jwks'), ...options });
    for (const token of [good, 'no.jwt']) {
      const fault = await faultOf(client.verify(token));
      expect(fault).toMatchObject({ code: 'configuration_invalid', option });
      expect(fault.message).toContain(`"${option}"`);
    }
    expect(server.requests).toEqual([]);
  });

  it('of a client takes decisions from the call', async () => {
    const client = clientOf({ jwks: jwksOf(key) });
    expect((await client.verify(good, { issuer: ISSUER, audience: false })).issuer).toBe(ISSUER);
    expect(await faultOf(client.verify(good, { issuer: 'https://other', audience: false }))).toMatchObject({
      code: 'issuer_untrusted',
    });
  });

  it('of a client has issuer: false and audience: false for decisions', async () => {
    const client = clientOf({ jwks: jwksOf(key), issuer: false, audience: false });
    expect((await client.verify(await signToken(key, { exp: 9e9 }))).claims).toEqual({ exp: 9e9 });
  });

  it('returns values that callers cannot change', async () => {
    const { claims: verified } = await jwksWith().verify(good);
    expect(Object.isFrozen(verified)).toBe(true);
  });
});

describe('events of tokens', () => {
  it('report of each verification with the issuer and how long it took', async () => {
    const clock = new ManualClock();
    const jwks = jwksWith({ validate: async () => void (await clock.pass(25)) }, clock);
    const events = listenTo(jwks);
    await jwks.verify(good);
    expect(events.filter(({ type }) => type.startsWith('token'))).toEqual([
      { type: 'token.verified', issuer: ISSUER, duration: 25 },
    ]);
  });

  it('report of a rejection what a developer needs, escaped, and nothing of the token', async () => {
    const jwks = jwksWith();
    const events = listenTo(jwks);
    const evil = await signToken(
      key,
      { ...claims, iss: 'https://evil\n[ERROR] fake' },
      { kid: `k"${'x'.repeat(200)}` },
    );
    await faultOf(jwks.verify(evil));
    await faultOf(jwks.verify(await signToken(key, { ...claims, aud: 'other', sub: 'secret-subject' })));
    await faultOf(jwks.verify('not.a.jwt!'));
    const [untrusted, audience, malformed] = events.filter(({ type }) => type === 'token.rejected') as {
      reason: string;
    }[];
    expect(untrusted).toMatchObject({ code: 'issuer_untrusted', issuer: undefined });
    expect(untrusted?.reason).toBe(
      `The issuer is "https://evil\\u000a[ERROR] fake", not "${ISSUER}" (iss "https://evil\\u000a[ERROR] fake", kid "k\\u0022${'x'.repeat(62)}...", alg "ES256")`,
    );
    expect(audience).toMatchObject({ code: 'claim_invalid', issuer: ISSUER });
    expect(malformed).toMatchObject({ code: 'token_malformed', issuer: undefined });
    expect(JSON.stringify(events)).not.toContain('secret-subject');
  });

  it('report of an outage as what it is', async () => {
    const server = await startServer();
    const jwks = serviceOf({ issuer: ISSUER, audience: false, jwksUri: server.url('/jwks'), http: { retries: 0 } });
    const events = listenTo(jwks);
    await faultOf(jwks.verify(good));
    expect(events.map(({ type }) => type)).toEqual(['refresh.failed', 'token.rejected']);
    expect(events[1]).toMatchObject({ code: 'jwks_unavailable', issuer: ISSUER });
  });

  it('report of rejections that others report', async () => {
    const jwks = jwksWith();
    jwks.report(new TokenExpiredError());
    const events = listenTo(jwks);
    jwks.report(new InsufficientScopeError(['a']));
    expect(events).toEqual([
      {
        type: 'token.rejected',
        issuer: undefined,
        duration: 0,
        code: 'insufficient_scope',
        reason: 'The access token lacks a scope that this route asks for',
        hint: 'have the client ask for the scope, and the provider grant it',
        misconfiguration: false,
      },
    ]);
  });

  it('are not built while no caller listens', async () => {
    const clock = new ManualClock();
    const monotonic = vi.spyOn(clock, 'monotonic');
    const jwks = jwksWith({}, clock);
    await jwks.verify(good);
    monotonic.mockClear();
    await jwks.verify(good);
    const unwatched = monotonic.mock.calls.length;
    const events = listenTo(jwks);
    monotonic.mockClear();
    await jwks.verify(good);
    expect(monotonic.mock.calls.length).toBe(unwatched + 2);
    expect(events).toHaveLength(1);
  });

  it('of a client that belongs to one issuer are those of that issuer', async () => {
    const jwks = serviceOf({
      audience: false,
      issuers: [
        { issuer: ISSUER, jwks: jwksOf(key) },
        { issuer: 'https://other', jwks: jwksOf(key) },
      ],
    });
    const all = listenTo(jwks);
    const own = listenTo(jwks.client(ISSUER));
    await jwks.verify(good);
    await jwks.verify(await signToken(key, { ...claims, iss: 'https://other' }));
    expect(new Set(all.map(({ issuer }) => issuer))).toEqual(new Set([ISSUER, 'https://other']));
    expect(new Set(own.map(({ issuer }) => issuer))).toEqual(new Set([ISSUER]));
  });
});

describe('close', () => {
  it('ends what is under way, and rejects what comes later', async () => {
    const server = await startServer();
    server.on('/jwks', { fault: 'stall' });
    const client = new JwksClient({ jwksUri: server.url('/jwks') });
    const waiting = faultOf(client.getSigningKeys());
    await server.received();
    await client.close();
    expect(await waiting).toMatchObject({ code: 'jwks_unavailable', retryable: false });
    expect(await faultOf(client.getSigningKeys())).toMatchObject({ code: 'jwks_unavailable', retryable: false });
    await server.idle();
    expect(server.requests).toHaveLength(1);
  });
});
