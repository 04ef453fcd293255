import type { JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { authorizeRoute as authorizeNow, scopesOf } from '../../lib/auth/route-rules.js';
import type { ScopesFrom } from '../../lib/auth/verification.js';
import type { AuthenticatedOptions } from '../../lib/auth/route-options.js';

const CLAIM = (claim: string) => expect.objectContaining({ code: 'access_denied', claim });
const SCOPE = (...scopes: string[]) => expect.objectContaining({ code: 'insufficient_scope', scopes });

const NOW = 1_800_000_000_000;

/** What is thrown at once counts as a rejection. */
const authorizeRoute = async (
  claims: JWTPayload,
  options: AuthenticatedOptions,
  scopesFrom?: ScopesFrom,
): Promise<void> => authorizeNow({ token: { claims }, scopesFrom }, options, { now: () => NOW });

describe('scopesOf', () => {
  it.each([
    [{ scope: 'a b' }, ['a', 'b']],
    [{ scope: ['a', 'b'] }, ['a', 'b']],
    [{ scp: 'a b' }, ['a', 'b']],
    [{ scp: ['a', 'b'] }, ['a', 'b']],
    [{ permissions: ['a', 'b'] }, ['a', 'b']],
    [{ scope: 'a', scp: ['b'], permissions: ['c'] }, ['a', 'b', 'c']],
    [{ permissions: 'a b' }, []],
    [{ scope: { a: true } }, []],
    [{ scope: ['a b', 1, null, ['c']] }, ['a b']],
    [{ scope: 'a\tb\nc' }, ['a\tb\nc']],
    [{}, []],
  ])('reads %j', (claims, scopes) => {
    expect([...scopesOf(claims)]).toEqual(scopes);
  });

  it.each<[object, ScopesFrom, string[]]>([
    [{ scope: 'a b', permissions: ['c'] }, ['permissions'], ['c']],
    [{ permissions: 'a b' }, ['permissions'], ['a', 'b']],
    [{ scope: 'a', scp: ['b'] }, ['scope', 'scp'], ['a', 'b']],
    [{ realm_access: { roles: ['admin'] } }, ['realm_access.roles'], ['admin']],
    [{ 'https://example.com/roles': ['admin'] }, ['https://example.com/roles'], ['admin']],
    [{ scope: 'a' }, ['roles'], []],
    [{ roles: ['a b', 1, null] }, ['roles'], ['a b']],
    [{ roles: { admin: {}, member: {} } }, ({ roles }) => Object.keys(roles as object), ['admin', 'member']],
    [{}, () => 'a b' as never, []],
    [{}, () => undefined as never, []],
    [{}, (async () => ['a']) as never, []],
    [{}, () => ['a', 1 as never], ['a']],
  ])('reads %j from %s', (claims, from, scopes) => {
    expect([...scopesOf(claims as JWTPayload, from)]).toEqual(scopes);
  });

  it('finds none where the function throws, and keeps why', async () => {
    const thrown = new TypeError('roles is undefined');
    const judged = authorizeRoute({}, { scopes: ['a'] }, () => {
      throw thrown;
    });
    await expect(judged).rejects.toMatchObject({ code: 'insufficient_scope', scopes: ['a'], cause: thrown });
  });

  it('names no cause where there is none', async () => {
    const error: unknown = await Promise.resolve(authorizeRoute({}, { scopes: ['a'] })).catch(
      (fault: unknown) => fault,
    );
    expect(error).toMatchObject({ code: 'insufficient_scope' });
    expect(Object.hasOwn(error as object, 'cause')).toBe(false);
  });

  it('asks no function for a route that asks for no scope', async () => {
    const from = () => {
      throw new Error('asked');
    };
    await expect(authorizeRoute({ org: 'acme' }, { claims: { org: 'acme' } }, from)).resolves.toBeUndefined();
  });

  it('does not read what an object inherits', () => {
    expect([...scopesOf(Object.create({ scope: 'admin' }) as JWTPayload)]).toEqual([]);
  });
});

describe('authorizeRoute', () => {
  const judge = (claims: object, options: AuthenticatedOptions) => authorizeRoute(claims as JWTPayload, options);

  it.each<[object, AuthenticatedOptions]>([
    [{}, {}],
    [{ scope: 'a b c' }, { scopes: ['a', 'c'] }],
    [{ scope: 'b' }, { anyOfScopes: ['a', 'b'] }],
    [{ scope: 'a c' }, { scopes: ['a'], anyOfScopes: ['b', 'c'] }],
    [{ org: 'acme' }, { claims: { org: 'acme' } }],
    [{ groups: ['x', 'acme'] }, { claims: { groups: 'acme' } }],
    [{ verified: true }, { claims: { verified: true } }],
    [{ realm_access: { roles: ['admin'] } }, { claims: { 'realm_access.roles': 'admin' } }],
    [{ level: 3 }, { claims: { level: (value: unknown) => Number(value) > 2 } }],
    [{ level: 3 }, { claims: { level: async () => true } }],
    [
      { a: 1, b: 1 },
      { claims: { a: (value: unknown, claims: Readonly<Record<string, unknown>>) => value === claims['b'] } },
    ],
    [{ gone: null }, { claims: { gone: null } }],
    [{ org: 'acme' }, { claims: { org: ['other', 'acme'] } }],
    [{ groups: ['x', 'acme'] }, { claims: { groups: ['other', 'acme'] } }],
  ])('lets %j pass for %j', async (claims, options) => {
    await expect(judge(claims, options)).resolves.toBeUndefined();
  });

  it.each<[object, AuthenticatedOptions]>([
    [{ scope: 'admin:read' }, { scopes: ['admin'] }],
    [{ scope: 'a' }, { scopes: ['a', 'b'] }],
    [{ scope: 'A B' }, { scopes: ['a', 'b'] }],
    [{}, { scopes: ['a', 'b'] }],
  ])('misses a scope in %j', async (claims, options) => {
    await expect(judge(claims, options)).rejects.toEqual(SCOPE(...(options.scopes ?? [])));
  });

  it('misses any of the scopes of which one is enough, and names all', async () => {
    await expect(judge({ scope: 'a' }, { scopes: ['a'], anyOfScopes: ['b', 'c'] })).rejects.toEqual(
      SCOPE('a', 'b', 'c'),
    );
    await expect(judge({ scope: 'ab' }, { anyOfScopes: ['a', 'b'] })).rejects.toEqual(SCOPE('a', 'b'));
  });

  it.each<[object, AuthenticatedOptions]>([
    [{}, { claims: { org: 'acme' } }],
    [{ org: 'ACME' }, { claims: { org: 'acme' } }],
    [{ org: 'acme2' }, { claims: { org: 'acme' } }],
    [{ org: [['acme']] }, { claims: { org: 'acme' } }],
    [{ org: '1' }, { claims: { org: 1 } }],
    [{ org: 'acme' }, { claims: { org: () => false } }],
    [{ org: 'acme' }, { claims: { org: (() => 'yes') as never } }],
    [{ org: 'acme' }, { claims: { org: async () => false } }],
    [Object.create({ org: 'acme' }) as object, { claims: { org: 'acme' } }],
  ])('rejects %j for %j', async (claims, options) => {
    await expect(judge(claims, options)).rejects.toEqual(CLAIM('org'));
  });

  it('keeps what a predicate threw as the cause', async () => {
    const thrown = new Error('boom');
    const rule = () => {
      throw thrown;
    };
    await expect(judge({ org: 1 }, { claims: { org: rule } })).rejects.toMatchObject({
      code: 'access_denied',
      cause: thrown,
    });
  });
});

describe('stepUp', () => {
  const MFA = 'urn:example:mfa';
  const at = (secondsAgo: number) => NOW / 1000 - secondsAgo;
  const STEP_UP = expect.objectContaining({ code: 'step_up_required' });

  it.each<[object, NonNullable<AuthenticatedOptions['stepUp']>]>([
    [{ acr: MFA }, { acrValues: [MFA] }],
    [{ acr: MFA }, { acrValues: ['phr', MFA] }],
    [{ auth_time: at(0) }, { maxAge: '5m' }],
    [{ auth_time: at(300) }, { maxAge: '5m' }],
    [{ auth_time: at(-2) }, { maxAge: '5m' }],
    [
      { acr: MFA, auth_time: at(60) },
      { acrValues: [MFA], maxAge: 300_000 },
    ],
  ])('accepts %j for %j', async (claims, stepUp) => {
    await expect(authorizeRoute(claims as JWTPayload, { stepUp })).resolves.toBeUndefined();
  });

  it.each<[object, NonNullable<AuthenticatedOptions['stepUp']>]>([
    [{}, { acrValues: [MFA] }],
    [{ acr: 'pwd' }, { acrValues: [MFA] }],
    [{ acr: [MFA] }, { acrValues: [MFA] }],
    [{ acr: `${MFA} other` }, { acrValues: [MFA] }],
    [Object.create({ acr: MFA }) as object, { acrValues: [MFA] }],
    [{}, { maxAge: '5m' }],
    [{ auth_time: at(301) }, { maxAge: '5m' }],
    [{ auth_time: String(at(0)) }, { maxAge: '5m' }],
    [{ auth_time: Number.NaN }, { maxAge: '5m' }],
    [{ auth_time: at(-301) }, { maxAge: '5m' }],
    [{ auth_time: null }, { maxAge: '5m' }],
    [{ acr: MFA }, { acrValues: [MFA], maxAge: '5m' }],
    [{ auth_time: at(0) }, { acrValues: [MFA], maxAge: '5m' }],
  ])('asks for another login with %j for %j', async (claims, stepUp) => {
    await expect(authorizeRoute(claims as JWTPayload, { stepUp })).rejects.toEqual(STEP_UP);
  });

  it('comes after claims and scopes: a token for another route is not worth another login', async () => {
    const stepUp = { acrValues: [MFA] };
    await expect(authorizeRoute({}, { stepUp, scopes: ['a'] })).rejects.toEqual(SCOPE('a'));
    await expect(authorizeRoute({}, { stepUp, claims: { org: 'acme' } })).rejects.toEqual(CLAIM('org'));
  });
});
