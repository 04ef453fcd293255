import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DynamicIssuers } from '../../lib/client/dynamic-issuers.js';
import type { JwksModuleOptions } from '../../lib/options/jwks-options.js';
import { signToken, testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { faultOf, jwksOf, serviceOf, startIssuer } from './support.js';

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
  ])('that answers with %j is told which option is wrong', async (answer, option) => {
    const jwks = tenantsOf(() => answer);
    expect(await faultOf(jwks.verify(await resolveBearerToken('https://a')))).toMatchObject({
      code: 'configuration_invalid',
      option,
    });
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

  it('F9: does not open the network to whoever registers a tenant', async () => {
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

describe('DynamicIssuers', () => {
  function scripted() {
    const made: { issuer: string; retired: boolean; closed: boolean }[] = [];
    const parts = {
      clock: new ManualClock(),
      resolve: vi.fn(async (issuer: string) => ({ issuer }) as never),
      make: ({ issuer }: { issuer: string }) => {
        const trustedIssuer = {
          issuer,
          retired: false,
          closed: false,
          retire: () => (trustedIssuer.retired = true),
          close: async () => void (trustedIssuer.closed = true),
        };
        made.push(trustedIssuer);
        return trustedIssuer as never;
      },
    };
    return { made, parts, tenants: new DynamicIssuers(parts as never) };
  }

  it('R37: remembers the 1,000 used last and retires the others', async () => {
    const { tenants, parts, made } = scripted();
    for (let index = 0; index < 1_000; index += 1) await tenants.trusted(`t${index}`);
    await tenants.trusted('t0');
    await tenants.trusted('one more');
    expect(tenants.all()).toHaveLength(1_000);
    expect(made.filter(({ retired }) => retired).map(({ issuer }) => issuer)).toEqual(['t1']);
    await tenants.trusted('t0');
    expect(parts.resolve).toHaveBeenCalledTimes(1_001);
    await tenants.trusted('t1');
    expect(parts.resolve).toHaveBeenCalledTimes(1_002);
  });

  it('remembers a bounded number of refusals', async () => {
    const { tenants, parts } = scripted();
    parts.resolve.mockResolvedValue(undefined as never);
    const refused = (name: string) => faultOf((async () => tenants.trusted(name))());
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
