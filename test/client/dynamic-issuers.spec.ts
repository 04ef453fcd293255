import { KeyObject, sign } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DynamicIssuers } from '../../lib/client/dynamic-issuers.js';
import { JwksEvents } from '../../lib/core/events.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { JwksModuleOptions } from '../../lib/options/jwks-options.js';
import type { JwkSetSource } from '../../lib/sources/jwk-set-source.js';
import { signToken, testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { faultOf, jwksOf, listenTo, serviceOf, startIssuer, startServer } from './support.js';

type Resolver = (issuer: string) => unknown;

function tenantsOf(issuers: Resolver, clock?: ManualClock, options: object = {}) {
  return serviceOf({ issuers, audience: false, ...options } as unknown as JwksModuleOptions, clock);
}

const key = await testKey();
const resolveBearerToken = (iss: string | undefined) => signToken(key, { iss, exp: 9e9 });
const trusted = (issuer: string) => ({ issuer, jwks: jwksOf(key) });

describe('a resolver of issuers', () => {
  it('is asked once for each issuer, however many tokens name it', async () => {
    const resolve = vi.fn(async (issuer: string) => trusted(issuer));
    const jwks = tenantsOf(resolve);
    const token = await resolveBearerToken('https://a');
    await Promise.all(Array.from({ length: 100 }, () => jwks.verify(token)));
    await jwks.verify(token);
    await jwks.verify(await resolveBearerToken('https://b'));
    expect(resolve.mock.calls).toEqual([['https://a'], ['https://b']]);
    expect(jwks.status().map(({ issuer }) => issuer)).toEqual(['https://b', 'https://a']);
  });

  it('may answer at once', async () => {
    const jwks = tenantsOf(trusted);
    expect((await jwks.verify(await resolveBearerToken('https://a'))).issuer).toBe('https://a');
  });

  it.each([undefined, null])('refuses by %s, which is remembered for 30 seconds and no longer', async (answer) => {
    const clock = new ManualClock();
    const resolve = vi.fn(async (issuer: string) => (clock.monotonic() < 31_000 ? answer : trusted(issuer)));
    const jwks = tenantsOf(resolve, clock);
    const token = await resolveBearerToken('https://a');
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'issuer_untrusted' });
    await clock.pass('30s');
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'issuer_untrusted' });
    expect(resolve).toHaveBeenCalledOnce();
    await clock.pass('1s');
    await jwks.verify(token);
    expect(resolve).toHaveBeenCalledTimes(2);
  });

  it('that throws is an outage, which is not remembered', async () => {
    const cause = new Error('the database is down');
    const resolve = vi
      .fn<Resolver>(trusted)
      .mockRejectedValueOnce(cause)
      .mockImplementationOnce(() => {
        throw cause;
      });
    const jwks = tenantsOf(resolve);
    const token = await resolveBearerToken('https://a');
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'jwks_unavailable', cause });
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'jwks_unavailable', cause });
    await jwks.verify(token);
    expect(resolve).toHaveBeenCalledTimes(3);
  });

  it('must answer with the very issuer that it was asked for', async () => {
    const jwks = tenantsOf(() => trusted('https://a/'));
    const fault = await faultOf(jwks.verify(await resolveBearerToken('https://a')));
    expect(fault).toMatchObject({ code: 'issuer_untrusted', cause: { option: 'issuers().issuer' } });
  });

  it.each<[unknown, string]>([
    [{ issuer: 'https://a', jwks: { keys: [] } }, 'issuers().jwks'],
    [{ issuer: 'https://a', audience: '' }, 'issuers().audience'],
    [{ issuer: undefined }, 'issuers().issuer'],
    [{ issuer: 'https://a', cache: {} }, 'issuers().cache'],
    ['https://a', 'issuers()'],
  ])('that returns the unusable options %j is an outage, and one log line', async (answer, option) => {
    const jwks = tenantsOf(() => answer);
    const events = listenTo(jwks);
    const fault = await faultOf(jwks.verify(await resolveBearerToken('https://a')));
    expect(fault).toMatchObject({ code: 'jwks_unavailable', cause: { code: 'configuration_invalid', option } });
    expect(events.map(({ type }) => type)).toEqual(['refresh.failed', 'token.rejected']);
    expect(events[0]?.issuer).toBeUndefined();
    expect((events[0] as { reason: string }).reason).toContain(option);
  });

  it('is not asked for tokens that name no issuer, or an endless one', async () => {
    const resolve = vi.fn(trusted);
    const jwks = tenantsOf(resolve);
    for (const iss of [undefined, `https://${'a'.repeat(2_048)}`]) {
      expect(await faultOf(jwks.verify(await resolveBearerToken(iss)))).toMatchObject({ code: 'issuer_untrusted' });
    }
    expect(resolve).not.toHaveBeenCalled();
  });

  it('makes no tenant stand in for another', async () => {
    const other = await testKey('ES256', key.kid + '-other');
    const jwks = tenantsOf((issuer) => ({ issuer, jwks: jwksOf(issuer === 'https://a' ? key : other) }));
    await jwks.verify(await resolveBearerToken('https://a'));
    expect(await faultOf(jwks.verify(await resolveBearerToken('https://b')))).toMatchObject({ code: 'key_not_found' });
  });

  it('serves look-ups by name, which they need', async () => {
    const jwks = tenantsOf((issuer) => (issuer === 'https://a' ? trusted(issuer) : undefined));
    const client = jwks.client('https://a');
    expect(client.status()).toMatchObject({ issuer: 'https://a', state: 'empty', kids: [] });
    expect(await client.getSigningKey(key.kid)).toMatchObject({ kid: key.kid });
    expect(client.status()).toMatchObject({ issuer: 'https://a', state: 'fresh', kids: [key.kid] });
    expect((await client.verify(await resolveBearerToken('https://a'))).issuer).toBe('https://a');
    expect(await faultOf(jwks.client('https://b').getSigningKey(key.kid))).toMatchObject({
      code: 'issuer_untrusted',
    });
    expect(() => jwks.client()).toThrow(/name one of them/);
  });

  it('that fails becomes no unhandled rejection of a client that was named', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    const client = tenantsOf(() => Promise.reject(new Error('down'))).client('https://a');
    expect(await faultOf(client.verify('no.jwt'))).toMatchObject({ code: 'token_malformed' });
    expect(await faultOf(client.verify(await resolveBearerToken('https://b')))).toMatchObject({
      code: 'issuer_untrusted',
    });
    client.status();
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('F9: does not open the network to a tenant that registers itself', async () => {
    const issuer = await startIssuer();
    const entry = { issuer: issuer.issuer };
    const token = await issuer.sign();
    const closed = tenantsOf(() => entry, undefined, { http: { retries: 0 } });
    expect(await faultOf(closed.verify(token))).toMatchObject({ code: 'jwks_unavailable' });
    expect(issuer.requests).toEqual([]);
    const open = tenantsOf(() => entry, undefined, { http: { allowPrivateAddresses: true } });
    expect((await open.verify(token)).issuer).toBe(issuer.issuer);
  });

  it('has nothing to prefetch', async () => {
    const resolve = vi.fn(trusted);
    const jwks = tenantsOf(resolve);
    expect(jwks.status()).toEqual([]);
    expect(resolve).not.toHaveBeenCalled();
  });
});

describe('the options of a resolver of issuers', () => {
  it.each([
    [{ issuer: 'https://a', maxIssuers: 10 }, 'maxIssuers'],
    [{ issuers: [{ issuer: 'https://a' }], issuersTtl: '1m' }, 'issuersTtl'],
    [{ issuers: trusted, maxIssuers: 0 }, 'maxIssuers'],
    [{ issuers: trusted, issuersTtl: 0 }, 'issuersTtl'],
    [{ issuers: trusted, http: { headers: { 'x-api-key': 's' } } }, 'http.headers'],
    [{ issuers: trusted, http: { tls: { rejectUnauthorized: true } } }, 'http.tls'],
    [{ issuers: trusted, cache: { maxKeys: 1_001 } }, 'cache.maxKeys'],
  ])('%j: rejects %s', (options, option) => {
    expect(() => serviceOf({ audience: false, ...options } as unknown as JwksModuleOptions)).toThrow(
      expect.objectContaining({ code: 'configuration_invalid', option }),
    );
  });
});

/** One server with a set for each issuer: `https://<name>` has its keys at `/<name>`. */
async function fleetOf(options: object = {}, clock?: ManualClock) {
  const state = { lookups: 0, fetches: 0, isDown: false };
  const body = JSON.stringify(jwksOf(key));
  const fetch = async () => {
    if (state.isDown) throw new TypeError('fetch failed');
    state.fetches += 1;
    return new Response(body, { headers: { 'content-type': 'application/json' } });
  };
  const issuers = async (issuer: string) => {
    state.lookups += 1;
    return { issuer, jwksUri: `http://127.0.0.1/${encodeURIComponent(issuer)}` };
  };
  const jwks = tenantsOf(issuers, clock, { http: { fetch, allowPrivateAddresses: true, retries: 0 }, ...options });
  return { jwks, state };
}

const privateKey = KeyObject.from(key.privateKey);

/** Faster than `resolveBearerToken`, where thousands are signed. */
function signed(iss: string): string {
  const input = [
    { alg: 'ES256', kid: key.kid },
    { iss, exp: 9e9 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const unsigned = (iss: string) =>
  [
    { alg: 'ES256', kid: key.kid },
    { iss, exp: 9e9 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .concat('A'.repeat(86))
    .join('.');

describe('unsigned tokens', () => {
  it.each(['one after the other', 'all at once'])(
    'A7: %s, cause at most 20 fetches and 100 look-ups a minute, and evict no issuer in use',
    async (how) => {
      const { jwks, state } = await fleetOf({ maxIssuers: 2_000 });
      const inUse = await Promise.all(
        Array.from({ length: 50 }, (_, index) => resolveBearerToken(`https://in-use-${index}`)),
      );
      for (const token of inUse) await jwks.verify(token);
      Object.assign(state, { lookups: 0, fetches: 0 });
      const flood = Array.from({ length: 1_500 }, (_, index) => unsigned(`https://t${index}`));
      flood.push(...Array.from({ length: 50 }, (_, index) => unsigned(`https://in-use-${index}`)));
      for (let round = 0; round < 20; round += 1) {
        const send = (token: string) => faultOf(jwks.verify(token));
        if (how === 'all at once') await Promise.all(flood.map(send));
        else for (const token of flood) await send(token);
      }
      expect(state.lookups).toBeLessThanOrEqual(100);
      expect(state.fetches).toBeLessThanOrEqual(20);
      state.isDown = true;
      for (const token of inUse) await jwks.verify(token);
      state.isDown = false;
      const known = jwks.status().map(({ issuer }) => issuer);
      for (let index = 0; index < 50; index += 1) expect(known).toContain(`https://in-use-${index}`);
    },
    60_000,
  );

  it('A21: run a bounded number of look-ups at the same time', async () => {
    let [running, most] = [0, 0];
    const jwks = tenantsOf(async (issuer) => {
      most = Math.max(most, (running += 1));
      await new Promise(setImmediate);
      running -= 1;
      return trusted(issuer);
    }, new ManualClock());
    const faults = await Promise.all(
      Array.from({ length: 20_000 }, (_, index) => faultOf(jwks.verify(unsigned(`https://t${index}`)))),
    );
    expect(most).toBeLessThanOrEqual(50);
    expect(faults.filter(({ code }) => code === 'jwks_unavailable').length).toBeGreaterThan(19_900);
  });

  it('give way to good tokens of new issuers as time passes', async () => {
    const clock = new ManualClock();
    const { jwks } = await fleetOf({}, clock);
    for (let index = 0; index < 1_000; index += 1) await faultOf(jwks.verify(unsigned(`https://t${index}`)));
    const token = await resolveBearerToken('https://new');
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'jwks_unavailable', retryable: true });
    await clock.pass('12s');
    expect((await jwks.verify(token)).issuer).toBe('https://new');
  });
});

/** Thousands of issuers, whose sets are had in this process: what is measured is not HTTP. */
function crowd(clock?: ManualClock) {
  const state = { lookups: 0, fetches: 0 };
  const set = JwkSet.parse(jwksOf(key));
  const load: JwkSetSource['load'] = async () => {
    state.fetches += 1;
    return { set, origin: 'crowd' };
  };
  const issuers = async (issuer: string) => {
    state.lookups += 1;
    return { issuer, source: { load } };
  };
  return { jwks: tenantsOf(issuers, clock), state };
}

describe('issuers in numbers', () => {
  it('10,000 that come in one tick are all served', async () => {
    const { jwks, state } = crowd();
    const tokens = Array.from({ length: 10_000 }, (_, index) => signed(`https://t${index}`));
    const verified = await Promise.all(tokens.map((token) => jwks.verify(token)));
    expect(verified).toHaveLength(10_000);
    expect(state).toMatchObject({ lookups: 10_000, fetches: 10_000 });
  });

  it('5,000 in rounds cost one fetch each in the lifetime of their sets', async () => {
    const clock = new ManualClock();
    const { jwks, state } = crowd(clock);
    const tokens = Array.from({ length: 5_000 }, (_, index) => signed(`https://t${index}`));
    for (let lifetime = 1; lifetime <= 2; lifetime += 1) {
      for (let round = 0; round < 2; round += 1) for (const token of tokens) await jwks.verify(token);
      expect(state.fetches).toBe(lifetime * 5_000);
      await clock.pass('11m');
    }
  });

  it('1,000 with one `jwksUri` share one set', async () => {
    const server = await startServer();
    server.on('/jwks', { body: jwksOf(key) });
    const jwks = tenantsOf((issuer) => ({ issuer, jwksUri: server.url('/jwks') }), undefined, {
      http: { allowPrivateAddresses: true },
    });
    for (let index = 0; index < 1_000; index += 1) await jwks.verify(await resolveBearerToken(`https://t${index}`));
    expect(server.requests).toHaveLength(1);
    jwks.forgetIssuer('https://t0');
    await jwks.verify(await resolveBearerToken('https://t1'));
    await jwks.verify(await resolveBearerToken('https://t0'));
    expect(server.requests).toHaveLength(1);
  });

  it('a set of more than 100 keys, or of more than 128 KiB, is rejected', async () => {
    const server = await startServer();
    const many = await Promise.all(Array.from({ length: 101 }, (_, index) => testKey('EdDSA', `k${index}`)));
    server.on('/many', { body: jwksOf(...many) });
    server.on('/large', { body: { ...jwksOf(key), padding: 'x'.repeat(131_072) } });
    const resolve = (issuer: string) => ({ issuer, jwksUri: server.url(`/${new URL(issuer).hostname}`) });
    const http = { allowPrivateAddresses: true, retries: 0 };
    const jwks = tenantsOf(resolve, undefined, { http });
    for (const name of ['many', 'large'])
      expect(await faultOf(jwks.verify(await resolveBearerToken(`https://${name}`)))).toMatchObject({
        code: 'jwks_invalid',
      });
    const lenient = tenantsOf(resolve, undefined, {
      http: { ...http, maxResponseSize: 1_000_000 },
      cache: { maxKeys: 200 },
    });
    await lenient.verify(await resolveBearerToken('https://large'));
    expect(await lenient.client('https://many').getSigningKeys()).toHaveLength(101);
  });
});

describe('what a resolver returned', () => {
  it('is renewed in the background before `issuersTtl` is over, and used while that fails', async () => {
    const clock = new ManualClock();
    const resolve = vi.fn(async (issuer: string) => trusted(issuer));
    const jwks = tenantsOf(resolve, clock);
    const token = await resolveBearerToken('https://a');
    await jwks.verify(token);
    await clock.pass('4m');
    await jwks.verify(token);
    await clock.pass('1s');
    expect(resolve).toHaveBeenCalledTimes(2);
    resolve.mockRejectedValue(new Error('the database is down'));
    await clock.pass('6m');
    await jwks.verify(token);
    await jwks.verify(token);
    expect(resolve).toHaveBeenCalledTimes(3);
  });

  it('ends at the latest after `issuersTtl`, where the issuer is no longer trusted', async () => {
    const clock = new ManualClock();
    const resolve = vi.fn<(issuer: string) => unknown>(trusted);
    const jwks = tenantsOf(resolve, clock, { issuersTtl: '1m' });
    const token = await resolveBearerToken('https://a');
    await jwks.verify(token);
    resolve.mockReturnValue(undefined);
    await clock.pass('59s');
    await jwks.verify(token);
    await clock.pass('1s');
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'issuer_untrusted' });
  });

  it('is followed to a new `jwksUri` without an error for either key', async () => {
    const clock = new ManualClock();
    const next = await testKey('ES256', 'next');
    const server = await startServer();
    server.on('/old', { body: jwksOf(key, next) });
    server.on('/new', { body: jwksOf(key, next) });
    let path = '/old';
    const resolve = (issuer: string) => ({ issuer, jwksUri: server.url(path) });
    const jwks = tenantsOf(resolve, clock, { http: { allowPrivateAddresses: true } });
    const tokens = [await resolveBearerToken('https://a'), await signToken(next, { iss: 'https://a', exp: 9e9 })];
    for (const token of tokens) await jwks.verify(token);
    path = '/new';
    for (let passed = 0; passed < 6; passed += 1) {
      await clock.pass('1m');
      for (const token of tokens) await jwks.verify(token);
      await server.idle();
    }
    expect(server.requests.map(({ path: asked }) => asked)).toEqual(['/old', '/new']);
    expect(jwks.status()).toMatchObject([{ tokens: { accepted: 14 } }]);
  });

  it('stays in use while the set of its new place cannot be loaded', async () => {
    const clock = new ManualClock();
    const server = await startServer();
    server.on('/old', { body: jwksOf(key) });
    server.on('/new', { status: 500 });
    let path = '/old';
    const resolve = (issuer: string) => ({ issuer, jwksUri: server.url(path) });
    const jwks = tenantsOf(resolve, clock, { http: { allowPrivateAddresses: true, retries: 0 } });
    const token = await resolveBearerToken('https://a');
    await jwks.verify(token);
    path = '/new';
    await clock.pass('6m');
    await jwks.verify(token);
    expect((await jwks.verify(token)).issuer).toBe('https://a');
  });

  it('is forgotten at once by `forgetIssuer`, also while it is looked up', async () => {
    const resolve = vi.fn<(issuer: string) => unknown>(trusted);
    const jwks = tenantsOf(resolve);
    const token = await resolveBearerToken('https://a');
    await jwks.verify(token);
    resolve.mockReturnValue(undefined);
    await jwks.verify(token);
    expect(jwks.forgetIssuer('https://a')).toBe(true);
    expect(await faultOf(jwks.verify(token))).toMatchObject({ code: 'issuer_untrusted' });
    resolve.mockImplementation(trusted);
    expect(jwks.forgetIssuer('https://a')).toBe(true);
    let answer: (value: unknown) => void = () => undefined;
    resolve.mockReturnValueOnce(new Promise((settle) => (answer = settle)));
    const waiting = faultOf(jwks.verify(token));
    await new Promise(setImmediate);
    jwks.forgetIssuer('https://a');
    resolve.mockReturnValue(undefined);
    answer(trusted('https://a'));
    expect(await waiting).toMatchObject({ code: 'issuer_untrusted' });
    expect(jwks.forgetIssuer('https://other')).toBe(false);
  });

  it('R10: is an outage at the deadline where the function never returns, and asked for again', async () => {
    const clock = new ManualClock();
    const resolve = vi.fn<(issuer: string) => unknown>(trusted).mockReturnValueOnce(new Promise(() => undefined));
    const jwks = tenantsOf(resolve, clock, { http: { deadline: '2s' } });
    const token = await resolveBearerToken('https://a');
    const hanging = faultOf(jwks.verify(token));
    await clock.pass('2s');
    expect(await hanging).toMatchObject({ code: 'jwks_unavailable' });
    expect((await jwks.verify(token)).issuer).toBe('https://a');
    expect(resolve).toHaveBeenCalledTimes(2);
  });
});

describe('DynamicIssuers', () => {
  function scripted() {
    const made: { issuer: string; retired: boolean; closed: boolean }[] = [];
    const parts = {
      clock: new ManualClock(),
      events: new JwksEvents(),
      resolve: vi.fn(async (issuer: string) => ({ issuer }) as never),
      make: ({ issuer }: { issuer: string }) => {
        const trustedIssuer = {
          issuer,
          retired: false,
          closed: false,
          keys: { peek: () => undefined },
          shared: { trust: () => undefined, idle: () => undefined },
          revive: () => undefined,
          retire: () => void (trustedIssuer.retired = true),
          close: async () => void (trustedIssuer.closed = true),
        };
        made.push(trustedIssuer);
        return trustedIssuer as never;
      },
    };
    return {
      made,
      parts,
      tenants: new DynamicIssuers({ maxIssuers: 1_000, issuersTtl: 300_000, deadline: 10_000 }, parts as never),
    };
  }

  it('R37: keeps `maxIssuers` that are in use and retires the one used longest ago', async () => {
    const { tenants, parts, made } = scripted();
    for (let index = 0; index < 1_000; index += 1) await tenants.named(`t${index}`);
    const [first] = made as unknown as { watcher: { verified(): void } }[];
    first?.watcher.verified();
    await tenants.named('one more');
    expect(tenants.all()).toHaveLength(1_000);
    expect(made.filter(({ retired }) => retired).map(({ issuer }) => issuer)).toEqual(['t1']);
    await tenants.trusted('t0');
    expect(parts.resolve).toHaveBeenCalledTimes(1_001);
    await tenants.trusted('t1');
    expect(parts.resolve).toHaveBeenCalledTimes(1_002);
  });

  it('remembers a bounded number of names that are not trusted', async () => {
    const { tenants, parts } = scripted();
    parts.resolve.mockResolvedValue(undefined as never);
    const refused = (name: string) => faultOf((async () => tenants.named(name))());
    for (let index = 0; index < 1_001; index += 1) await refused(`t${index}`);
    await refused('t1000');
    expect(parts.resolve).toHaveBeenCalledTimes(1_001);
    await refused('t0');
    expect(parts.resolve).toHaveBeenCalledTimes(1_002);
  });

  it('closes what it remembers, and makes nothing afterwards', async () => {
    const { tenants, parts, made } = scripted();
    await tenants.trusted('a');
    let answer = (_: never) => {};
    parts.resolve.mockReturnValueOnce(new Promise<never>((resolve) => (answer = resolve)));
    const late = faultOf((async () => tenants.trusted('b'))());
    await tenants.close();
    answer({ issuer: 'b' } as never);
    expect(await late).toMatchObject({ code: 'jwks_unavailable', retryable: false });
    expect(made).toMatchObject([{ issuer: 'a', closed: true }]);
    expect(() => tenants.trusted('a')).toThrow(/closed/);
  });
});
