import { Controller, Get } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { describe, expect, it } from 'vitest';
import { Authenticated, JwksClient, JwksModule, type JwksModuleOptions } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { Api } from './support/api.js';

@Controller()
class OrdersController {
  @Get('read')
  @Authenticated({ scopes: ['orders:read'] })
  read() {
    return {};
  }

  @Get('either')
  @Authenticated({ anyOfScopes: ['orders:admin', 'orders:read'] })
  either() {
    return {};
  }
}

const start = (options: JwksModuleOptions) =>
  Api.start(() => new ExpressAdapter(), { imports: [JwksModule.forRoot(options)], controllers: [OrdersController] });

/** Claims as the providers send them. */
const AUTH0 = { scope: 'openid profile', permissions: ['orders:read', 'orders:write'] };
const ENTRA = { scp: 'User.Read orders:read', roles: ['Orders.Admin'] };
const OKTA = { scp: ['openid', 'orders:read'] };
const KEYCLOAK = { scope: 'openid orders:read', realm_access: { roles: ['offline_access', 'orders:admin'] } };

describe('scopes', () => {
  it.each([
    ['Auth0, permissions', AUTH0, 200],
    ['Auth0, scope', { scope: 'openid orders:read' }, 200],
    ['Entra', ENTRA, 200],
    ['Okta', OKTA, 200],
    ['Keycloak', KEYCLOAK, 200],
    ['one that holds it', { scope: 'orders:read:all' }, 403],
    ['one in other letters', { scope: 'Orders:Read' }, 403],
    ['several in one entry of a list', { scp: ['orders:read orders:write'] }, 403],
    ['roles', { realm_access: { roles: ['orders:read'] } }, 403],
  ])('are found where providers put them: %s', async (_, claims, status) => {
    await using issuer = await TestIssuer.start();
    await using api = await start(issuer.options());
    const answer = await api.call('/read', { token: await issuer.sign(claims) });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.headers['www-authenticate']).toContain('scope="orders:read"');
  });

  it.each<[string, object, JwksModuleOptions['scopesFrom'], [read: number, either: number]]>([
    ['a claim alone', AUTH0, ['permissions'], [200, 200]],
    ['another claim alone', AUTH0, ['scope'], [403, 403]],
    ['a path', KEYCLOAK, ['realm_access.roles'], [403, 200]],
    ['several', KEYCLOAK, ['scope', 'realm_access.roles'], [200, 200]],
    [
      'a function',
      ENTRA,
      ({ roles }) => (roles as string[]).map((role) => role.toLowerCase().replace('.', ':')),
      [403, 200],
    ],
  ])('are found where `scopesFrom` says: %s', async (_, claims, scopesFrom, expected) => {
    await using issuer = await TestIssuer.start();
    await using api = await start({ ...issuer.options(), ...(scopesFrom && { scopesFrom }) });
    const token = await issuer.sign(claims as Record<string, unknown>);
    const statuses = [await api.call('/read', { token }), await api.call('/either', { token })];
    expect(statuses.map(({ status }) => status)).toEqual(expected);
  });

  it('are found for each issuer where its own option says, else that beside `issuers`', async () => {
    await using first = await TestIssuer.start();
    await using second = await TestIssuer.start();
    const entry = ({ issuer }: TestIssuer) => ({ issuer, allowInsecure: true });
    await using api = await start({
      audience: false,
      scopesFrom: ['permissions'],
      issuers: [entry(first), { ...entry(second), scopesFrom: ['roles'] }],
    });
    const statusOf = async (issuer: TestIssuer, claims: Record<string, unknown>) =>
      (await api.call('/read', { token: await issuer.sign(claims) })).status;
    expect(await statusOf(first, { permissions: ['orders:read'] })).toBe(200);
    expect(await statusOf(first, { roles: ['orders:read'] })).toBe(403);
    expect(await statusOf(second, { permissions: ['orders:read'] })).toBe(403);
    expect(await statusOf(second, { roles: ['orders:read'] })).toBe(200);
  });

  it('are no matter of a client, which has no routes', () => {
    const options = { jwksUri: 'https://id.example.com/jwks', scopesFrom: ['roles'] };
    expect(() => new JwksClient(options)).toThrow(/no option "scopesFrom"/);
  });
});
