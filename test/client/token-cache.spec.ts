import { getHeapSnapshot } from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import { JwksClient } from '../../lib/client/jwks-client.js';
import { JwksConfigurationError } from '../../lib/core/errors.js';
import type { JwksClientOptions, JwksModuleOptions } from '../../lib/options/jwks-options.js';
import type { JwksVerifyOptions } from '../../lib/options/verify-options.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { countSignatureChecks, holdSignatureChecks } from '../support/signature-checks.js';
import { clientOf, faultOf, jwksOf, listenTo, serviceOf } from './support.js';

const ISSUER = 'https://id.example.com';
const NOW = new ManualClock().now() / 1000;
const MINUTE = 60_000;
const claims = { iss: ISSUER, aud: 'orders-api', sub: 'alice', exp: NOW + 86_400 };

const [key, other] = await Promise.all([testKey('ES256', 'k'), testKey('ES256', 'other')]);
/** New material under the old kid. */
const successor: TestKey = { ...other, kid: 'k', jwk: { ...other.jwk, kid: 'k' } };
/** Keys whose signatures are checked on the thread pool. */
const [pooled, otherPooled] = await Promise.all([testKey('ES384', 'k'), testKey('ES384', 'other')]);
const pooledSuccessor: TestKey = { ...otherPooled, kid: 'k', jwk: { ...otherPooled.jwk, kid: 'k' } };
const good = await signToken(key, { ...claims, roles: ['reader'], realm: { access: ['read'] } });

/** A module that trusts one issuer, with all that is around it. */
function rig(options: Partial<JwksModuleOptions> = {}) {
  const clock = new ManualClock();
  const source = new ScriptedSource(clock);
  source.publishes([key]);
  const jwks = serviceOf({ issuer: ISSUER, audience: 'orders-api', source, ...options } as JwksModuleOptions, clock);
  const publish = async (...keys: TestKey[]) => {
    source.publishes(keys);
    await jwks.getJwkSet({ refresh: true });
  };
  const codeOf = async (token: unknown, given?: JwksVerifyOptions) =>
    (await faultOf(jwks.verify(token as string, given))).code;
  return { clock, source, jwks, publish, codeOf };
}

describe('a token that comes again', () => {
  it('has its signature checked once', async () => {
    const { jwks } = rig();
    const checks = countSignatureChecks();
    const first = await jwks.verify(good);
    for (let time = 0; time < 10; time += 1) expect(await jwks.verify(good)).toEqual(first);
    await jwks.client(ISSUER).verify(good);
    expect(checks()).toBe(1);
  });

  it('has it checked once by a client, too', async () => {
    const client = clientOf({ issuer: ISSUER, audience: 'orders-api', jwks: jwksOf(key) });
    const lasting = await signToken(key, { ...claims, exp: 9e9 });
    const checks = countSignatureChecks();
    for (let time = 0; time < 3; time += 1) await client.verify(lasting);
    expect(checks()).toBe(1);
  });

  it('has it checked each time where the cache is off', async () => {
    const { jwks } = rig({ tokenCache: false });
    const checks = countSignatureChecks();
    for (let time = 0; time < 3; time += 1) await jwks.verify(good);
    expect(checks()).toBe(3);
  });

  it('counts and is reported like any other', async () => {
    const { jwks } = rig();
    await jwks.verify(good);
    const events = listenTo(jwks);
    const { hits, misses } = jwks.status()[0]!.counters;
    await jwks.verify(good);
    await faultOf(jwks.verify(good, { audience: 'billing' }));
    expect(jwks.status()[0]?.counters).toMatchObject({ hits: hits + 2, misses });
    expect(events).toMatchObject([
      { type: 'token.verified', issuer: ISSUER },
      { type: 'token.rejected', issuer: ISSUER, code: 'claim_invalid' },
    ]);
  });

  it('goes on refreshing the set', async () => {
    const { jwks, source, clock } = rig();
    await jwks.verify(good);
    await clock.pass(9 * MINUTE);
    await jwks.verify(good);
    await settle();
    expect(source.loads).toBe(2);
  });

  it('has its promise rejected, and nothing thrown before there is one', async () => {
    const { jwks } = rig();
    await jwks.verify(good);
    for (const options of [{ audience: 'billing' }, { clockTolerance: -1 }, null] as (
      JwksVerifyOptions | undefined
    )[]) {
      for (const verifier of [jwks, jwks.client(ISSUER)]) {
        const promise = verifier.verify(good, options);
        expect(promise).toBeInstanceOf(Promise);
        expect((await faultOf(promise)).code).toMatch(/claim_invalid|configuration_invalid/);
      }
    }
  });

  it('returns a value that no caller can have changed', async () => {
    const { jwks } = rig({ validate: (token) => void caught(() => Object.assign(token.claims, { sub: 'root' })) });
    const before = structuredClone((await jwks.verify(good)).claims);
    const seen = await jwks.verify<{ sub: string; roles: string[]; realm: { access: string[] } }>(good);
    caught(() => seen.claims.roles.push('admin'));
    caught(() => seen.claims.realm.access.push('write'));
    caught(() => Object.assign(seen, { claims: {} }));
    caught(() => Object.assign(seen.header, { kid: 'z' }));
    expect((await jwks.verify(good)).claims).toEqual(before);
    expect((await jwks.verify(good)).header.kid).toBe('k');
  });

  it('I18: is put to validate each time, which may have changed its mind', async () => {
    let answer: unknown = { name: 'alice' };
    const validate = vi.fn(() => answer);
    const { jwks, codeOf } = rig({ validate });
    expect((await jwks.authenticate({ token: good })).user).toEqual({ name: 'alice' });
    answer = { name: 'alice', since: 2 };
    expect((await jwks.authenticate({ token: good })).user).toEqual({ name: 'alice', since: 2 });
    answer = null;
    expect(await codeOf(good)).toBe('token_refused');
    answer = undefined;
    const { token: auth, user } = await jwks.authenticate({ token: good });
    expect(user).toBe(auth);
    expect(validate).toHaveBeenCalledTimes(4);
  });

  it('is rejected once everything is closed', async () => {
    const client = new JwksClient({ issuer: ISSUER, audience: false, jwks: jwksOf(key) });
    const lasting = await signToken(key, { ...claims, exp: 9e9 });
    await client.verify(lasting);
    await client.close();
    expect((await faultOf(client.verify(lasting))).code).toBe('jwks_unavailable');
  });
});

describe('time', () => {
  it.each([{}, { iat: NOW }])(
    'H5: ends a token between two uses, at the moment that exp and tolerance say: %j',
    async (more) => {
      const { jwks, clock, codeOf } = rig();
      const token = await signToken(key, { ...claims, ...more, exp: NOW + 2 });
      await jwks.verify(token);
      await clock.pass(6_999);
      await jwks.verify(token);
      expect(await codeOf(token, { clockTolerance: 0 })).toBe('token_expired');
      await clock.pass(1);
      expect(await codeOf(token)).toBe('token_expired');
      await jwks.verify(token, { clockTolerance: '1m' });
      // It is the wall clock that counts, also one that is set back.
      clock.jump(-1);
      await jwks.verify(token);
    },
  );

  it.each(['nbf', 'iat'])('H5: refuses a token before its %s where the clock was set back', async (claim) => {
    const { jwks, clock, codeOf } = rig();
    const token = await signToken(key, { ...claims, [claim]: NOW });
    await jwks.verify(token);
    clock.jump(-5_000);
    await jwks.verify(token);
    clock.jump(-1);
    expect(await codeOf(token)).toBe('token_not_active');
    clock.jump(1);
    await jwks.verify(token);
  });

  it('H5: ends a token that grew older than maxTokenAge, the module’s and the call’s', async () => {
    const { jwks, clock, codeOf } = rig({ maxTokenAge: '10m' });
    const token = await signToken(key, { ...claims, iat: NOW });
    await jwks.verify(token);
    await clock.pass(5 * MINUTE + 5_001);
    expect(await codeOf(token, { maxTokenAge: '5m' })).toBe('token_expired');
    await clock.pass(5 * MINUTE - 1);
    await jwks.verify(token);
    await clock.pass(1);
    expect(await codeOf(token)).toBe('token_expired');
  });
});

describe('a key', () => {
  it('H6: that is gone takes its tokens along at once; back again, it is asked again', async () => {
    const { jwks, publish, codeOf } = rig();
    const checks = countSignatureChecks();
    await jwks.verify(good);
    await publish(other);
    expect(await codeOf(good)).toBe('key_not_found');
    await publish(key, other);
    await jwks.verify(good);
    expect(checks()).toBe(2);
  });

  it('H6: that stays through a rotation keeps its tokens', async () => {
    const { jwks, publish } = rig();
    const checks = countSignatureChecks();
    await jwks.verify(good);
    await publish(key, other);
    await jwks.verify(good);
    await publish(other, key);
    await jwks.verify(good);
    expect(checks()).toBe(1);
  });

  it('H6: with new material under its kid rejects the tokens of the old, until that is back', async () => {
    const { jwks, publish, codeOf } = rig({ refetchLimit: { burst: 0, every: '30s' } });
    const renewed = await signToken(successor, claims);
    await jwks.verify(good);
    await publish(successor);
    expect(await codeOf(good)).toBe('signature_invalid');
    await jwks.verify(renewed);
    await publish(key);
    await jwks.verify(good);
    expect(await codeOf(renewed)).toBe('signature_invalid');
  });

  it('H6: that got a namesake for the same algorithm verifies nothing any more', async () => {
    const { jwks, publish, codeOf } = rig();
    const unnamed = await signToken(key, claims, { kid: undefined });
    await jwks.verify(good);
    await jwks.verify(unnamed);
    await publish(key, successor);
    expect(await codeOf(good)).toBe('key_not_found');
    // Without a kid each of the keys that fit may be the one.
    await jwks.verify(unnamed);
    await publish(successor);
    expect(await codeOf(unnamed)).toBe('signature_invalid');
  });

  it('that is not the first of those that fit is found where no set is kept, and never guessed', async () => {
    for (const store of [undefined, false] as const) {
      const { jwks, publish } = rig(store === false ? { cache: { store } } : {});
      const unnamed = await signToken(other, claims, { kid: undefined });
      await publish(key, other);
      expect((await jwks.verify(unnamed)).key.kid).toBe('other');
      await expect(jwks.getSigningKeyFromJwt(unnamed)).rejects.toMatchObject({ code: 'key_not_found' });
      await publish(other);
      expect((await jwks.getSigningKeyFromJwt(unnamed)).kid).toBe('other');
    }
  });

  it('that is not the first of those that fit costs a token without kid no second signature check', async () => {
    const { jwks, publish } = rig();
    const unnamed = await signToken(other, claims, { kid: undefined });
    await publish(key, other);
    await jwks.verify(unnamed);
    const checks = countSignatureChecks();
    for (let round = 0; round < 3; round += 1) await jwks.verify(unnamed);
    expect(checks()).toBe(0);
  });

  it.each<[string, TestKey, string]>([
    ['that is gone', other, 'key_not_found'],
    ['that was replaced', pooledSuccessor, 'signature_invalid'],
  ])('H6: %s while a token is under verification gives it no second use', async (_, next, code) => {
    const { jwks, publish, codeOf } = rig({ refetchLimit: { burst: 0, every: '30s' } });
    await publish(pooled);
    const token = await signToken(pooled, claims);
    const release = holdSignatureChecks();
    const under = jwks.verify(token);
    await settle();
    await publish(next);
    release();
    expect((await under).key.jwk).toEqual(pooled.jwk);
    expect(await codeOf(token)).toBe(code);
  });

  it('H6: of a set that may not serve any more is no key', async () => {
    const { jwks, source, clock, codeOf } = rig({ cache: { staleIfError: '1h' }, http: { retries: 0 } });
    await jwks.verify(good);
    source.fails();
    await clock.pass(71 * MINUTE);
    expect(await codeOf(good)).toBe('jwks_unavailable');
    source.publishes([key]);
    await clock.pass(MINUTE);
    await jwks.verify(good);
  });
});

describe('another token', () => {
  const [head = '', payload = '', signature = ''] = good.split('.');
  const flipped = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

  it.each<[string, () => unknown, string]>([
    [
      'with another signature',
      async () => (await signToken(other, claims, { kid: 'k' })).replace(/^.*\./, `${head}.${payload}.`),
      'signature_invalid',
    ],
    [
      'that shares all but the first character of the signature',
      () => `${head}.${payload}.${flipped(signature, 0)}`,
      'signature_invalid',
    ],
    ['that shares all but the last but one', () => flipped(good, good.length - 2), 'signature_invalid'],
    [
      'with another payload under the same signature',
      async () => `${head}.${(await signToken(key, { ...claims, sub: 'root' })).split('.')[1]}.${signature}`,
      'signature_invalid',
    ],
    [
      'with another header',
      () => `${Buffer.from('{"alg":"ES256","kid":"k","x":1}').toString('base64url')}.${payload}.${signature}`,
      'signature_invalid',
    ],
    [
      'with unused bits',
      () => good.slice(0, -1) + String.fromCharCode(good.charCodeAt(good.length - 1) + 1),
      'token_malformed',
    ],
    ['with padding', () => `${good}==`, 'token_malformed'],
    ['with white space', () => `${good} `, 'token_malformed'],
    [
      'in other characters of the same lower bytes',
      () => String.fromCharCode(good.charCodeAt(0) + 0x100) + good.slice(1),
      'token_malformed',
    ],
    ['that is an object', () => Object(good), 'token_malformed'],
    ['that is a list', () => [good], 'token_malformed'],
    ['that is bytes', () => Buffer.from(good), 'token_malformed'],
  ])('H7: %s is not taken for one that was good', async (_, make, code) => {
    const { jwks, codeOf } = rig({ refetchLimit: { burst: 0, every: '30s' } });
    const forged = await make();
    await jwks.verify(good);
    expect([await codeOf(forged), await codeOf(forged)]).toEqual([code, code]);
    await jwks.verify(good);
  });
});

describe('other rules', () => {
  const cases: [JwksVerifyOptions, string][] = [
    [{ issuer: 'https://other.example.com' }, 'issuer_untrusted'],
    [{ audience: 'billing' }, 'claim_invalid'],
    [{ audience: ['billing,orders-api'] }, 'claim_invalid'],
    [{ algorithms: ['RS256'] }, 'alg_not_allowed'],
    [{ tokenType: 'at+jwt' }, 'claim_invalid'],
    [{ maxTokenAge: '1h' }, 'claim_invalid'],
    [{ requiredClaims: ['jti'] }, 'claim_invalid'],
  ];

  it.each(cases)('H8: refuse a token that was good without them: %j', async (options, code) => {
    const { jwks, codeOf } = rig();
    await jwks.verify(good);
    expect(await codeOf(good, options)).toBe(code);
    await jwks.verify(good);
    expect(await codeOf(good, options)).toBe(code);
  });

  it.each<[Partial<JwksModuleOptions>, JwksVerifyOptions, string]>([
    [{ audience: 'billing' }, { audience: 'orders-api' }, 'claim_invalid'],
    [{ algorithms: ['RS256'] }, { algorithms: ['ES256'] }, 'alg_not_allowed'],
    [{ requiredClaims: ['jti'] }, { requiredClaims: [] }, 'claim_invalid'],
  ])('H8: of the module reject a token that was good by those of a call: %j', async (module, options, code) => {
    const { jwks, codeOf } = rig(module);
    await jwks.verify(good, options);
    expect(await codeOf(good)).toBe(code);
    await jwks.verify(good, options);
  });

  it('H8: in the same object are other rules', async () => {
    const { jwks, codeOf } = rig();
    const options = { audience: ['orders-api'] };
    await jwks.verify(good, options);
    options.audience[0] = 'billing';
    expect(await codeOf(good, options)).toBe('claim_invalid');
  });

  it('H8: are those of the other issuer’s client', async () => {
    const issuers = [ISSUER, 'https://other.example.com'].map((issuer) => ({ issuer, jwks: jwksOf(key) }));
    const jwks = serviceOf({ issuers, audience: false } as JwksModuleOptions, new ManualClock());
    await jwks.verify(good);
    expect((await faultOf(jwks.client('https://other.example.com').verify(good))).code).toBe('issuer_untrusted');
  });
});

describe('what is kept', () => {
  it('H9: is the tokens that were used last', async () => {
    const tokens = await Promise.all(['a', 'b', 'c'].map((sub) => signToken(key, { ...claims, sub })));
    const [a = '', b = '', c = ''] = tokens;
    const { jwks } = rig({ tokenCache: { max: 2 } });
    for (const token of [a, b, a, c]) await jwks.verify(token);
    const checks = countSignatureChecks();
    for (const token of [a, c, a, c]) await jwks.verify(token);
    expect(checks()).toBe(0);
    await jwks.verify(b);
    expect(checks()).toBe(1);
  });

  it('H9: may be one token', async () => {
    const another = await signToken(key, { ...claims, sub: 'bob' });
    const { jwks } = rig({ tokenCache: { max: 1 } });
    const checks = countSignatureChecks();
    for (const token of [good, good, another, another, good]) {
      expect((await jwks.verify(token)).claims.sub).toBe(token === good ? 'alice' : 'bob');
    }
    expect(checks()).toBe(3);
  });

  it('H9: is good tokens alone: bad ones drive none of them out', async () => {
    const { jwks, codeOf } = rig({ tokenCache: { max: 1 } });
    await jwks.verify(good);
    const bad = await Promise.all([
      signToken(other, claims, { kid: 'k' }),
      signToken(key, { ...claims, exp: NOW - 60 }),
      signToken(key, { ...claims, aud: 'billing' }),
      signToken(key, { ...claims, iss: 'https://other.example.com' }),
    ]);
    for (const token of bad) await codeOf(token);
    const checks = countSignatureChecks();
    await jwks.verify(good);
    expect(checks()).toBe(0);
  });

  it('H9: holds no text of a token', async () => {
    const { jwks } = rig();
    const use = async (sub: string) => {
      const token = await signToken(key, { ...claims, sub });
      await jwks.verify(token);
      await jwks.verify(token);
      return {
        token,
        pieces: token
          .split('.')
          .slice(1)
          .map((part) => Buffer.from(part.slice(-40))),
      };
    };
    const { pieces } = await use('bob');
    const lasting = await use('carol');
    // V8 keeps the text that a regular expression met last.
    expect('another').toMatch(/^another$/);
    const heap = Buffer.concat(await getHeapSnapshot().toArray());
    expect(lasting.pieces.map((piece) => heap.includes(piece))).toEqual([true, true]);
    expect(pieces.map((piece) => heap.includes(piece))).toEqual([false, false]);
    expect(lasting.token).not.toBe('');
  });

  it('is not shared between two applications of one process', async () => {
    const { jwks } = rig();
    const same = rig();
    const { codeOf } = rig({ source: undefined, jwks: jwksOf(successor) } as Partial<JwksModuleOptions>);
    await jwks.verify(good);
    expect(await codeOf(good)).toBe('signature_invalid');
    const checks = countSignatureChecks();
    await same.jwks.verify(good);
    expect(checks()).toBe(1);
  });

  it('goes with its issuer, where a resolver’s issuer was dropped and came back', async () => {
    const keys = new Map<string, TestKey>();
    const issuers = (issuer: string) => ({
      issuer,
      jwks: jwksOf(issuer === ISSUER ? (keys.get(issuer) ?? key) : successor),
    });
    const jwks = serviceOf({ issuers, audience: false, maxIssuers: 1_000 } as JwksModuleOptions, new ManualClock());
    const fill = async () => {
      for (let index = 0; index < 1_000; index += 1) await jwks.client(`https://t${index}`).getJwkSet();
      await new Promise(setImmediate);
    };
    await jwks.verify(good);
    await fill();
    const checks = countSignatureChecks();
    await jwks.verify(good);
    expect(checks()).toBe(1);
    await fill();
    keys.set(ISSUER, successor);
    expect((await faultOf(jwks.verify(good))).code).toBe('signature_invalid');
  });
});

describe('the option tokenCache', () => {
  it.each<[unknown, string]>([
    [true, 'tokenCache'],
    [null, 'tokenCache'],
    [1_000, 'tokenCache'],
    ['on', 'tokenCache'],
    [[], 'tokenCache'],
    [{ max: 0 }, 'tokenCache.max'],
    [{ max: -1 }, 'tokenCache.max'],
    [{ max: 1.5 }, 'tokenCache.max'],
    [{ max: '10' }, 'tokenCache.max'],
    [{ max: null }, 'tokenCache.max'],
    [{ max: Number.NaN }, 'tokenCache.max'],
    [{ max: Number.POSITIVE_INFINITY }, 'tokenCache.max'],
    [{ maks: 1 }, 'tokenCache.maks'],
  ])('rejects %j', (tokenCache, option) => {
    const options = { issuer: ISSUER, audience: false, jwks: jwksOf(key), tokenCache };
    for (const make of [() => serviceOf(options as JwksModuleOptions), () => clientOf(options as JwksClientOptions)]) {
      const fault = caught(make);
      expect(fault).toBeInstanceOf(JwksConfigurationError);
      expect(fault).toMatchObject({ option, message: expect.stringContaining('"tokenCache') });
    }
  });

  it.each([undefined, false, {}, { max: undefined }, { max: 1 }])('takes %j', async (tokenCache) => {
    const { jwks } = rig({ tokenCache } as Partial<JwksModuleOptions>);
    await jwks.verify(good);
    expect((await jwks.verify(good)).claims.sub).toBe('alice');
  });
});

function caught(act: () => unknown): unknown {
  try {
    return void act();
  } catch (fault) {
    return fault;
  }
}
