import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Authenticated,
  JwksModule,
  JwksService,
  type AuthenticatedOptions,
  type JwksIssuerConfig,
  type JwksModuleOptions,
} from '../../lib/index.js';
import { testCertificates } from '../support/certificates.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { ExamplesProject } from './examples-project.js';
import { pages } from './pages.js';

/** Tokens as a provider makes them, and what its page must do with them. */
interface Provider {
  readonly page: string;
  /** The file of the example, without its ending. */
  readonly example?: string;
  /** What an access token for this API has. */
  readonly access: JWTPayload;
  /** What an ID token of the same provider has, or whatever else must not pass for an access token. */
  readonly idToken: JWTPayload;
  /** What differs in an access token of another client, or for another API. */
  readonly stranger: JWTPayload;
  /** The rule of the page for a route, and what an access token needs for it. */
  readonly rules?: Readonly<Record<string, JWTPayload>>;
  readonly alg?: string;
}

const GUID = '11111111-2222-3333-4444-555555555555';
const API = 'aaaaaaaa-0000-0000-0000-000000000000';
const CLIENT = 'bbbbbbbb-0000-0000-0000-000000000000';

const entra = {
  iss: `https://login.microsoftonline.com/${GUID}/v2.0`,
  aud: API,
  azp: CLIENT,
  tid: GUID,
  ver: '2.0',
  oid: 'o',
  scp: 'Orders.Read',
};
const { azp: _azp, scp: _scp, ...entraId } = entra;
const keycloak = {
  iss: 'https://keycloak.example.com/realms/shop',
  aud: ['orders-api', 'account'],
  azp: 'web',
  typ: 'Bearer',
  scope: 'openid profile',
  realm_access: { roles: ['reader'] },
};
const google = {
  aud: '1234567890-abc.apps.googleusercontent.com',
  azp: '1234567890-abc.apps.googleusercontent.com',
  hd: 'example.com',
  email_verified: true,
};

const PROVIDERS: readonly Provider[] = [
  {
    page: 'auth0',
    access: {
      iss: 'https://tenant.eu.auth0.com/',
      aud: ['https://orders.example.com', 'https://tenant.eu.auth0.com/userinfo'],
      azp: 'web',
      scope: 'openid profile',
    },
    idToken: { iss: 'https://tenant.eu.auth0.com/', aud: 'web', nonce: 'n' },
    stranger: { aud: 'https://billing.example.com' },
    rules: { mayWrite: { permissions: ['orders:write'] } },
  },
  {
    page: 'cognito',
    access: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI',
      token_use: 'access',
      client_id: 'web-client-id',
      scope: 'orders/read',
      'cognito:groups': ['user'],
    },
    idToken: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI',
      token_use: 'id',
      aud: 'web-client-id',
    },
    stranger: { client_id: 'another-client-id' },
    rules: { mayWrite: { scope: 'orders/read orders/write' }, isAdmin: { 'cognito:groups': ['user', 'admin'] } },
  },
  {
    page: 'entra-id',
    access: entra,
    idToken: entraId,
    stranger: { azp: API },
    rules: { mayWrite: { scp: 'Orders.Read Orders.Write' } },
  },
  { page: 'entra-id', example: 'entra-id-tenants', access: entra, idToken: entraId, stranger: { tid: API } },
  {
    page: 'entra-id',
    example: 'entra-external-id',
    access: { ...entra, iss: `https://contoso.b2clogin.com/${GUID}/v2.0/` },
    idToken: { ...entraId, iss: `https://contoso.b2clogin.com/${GUID}/v2.0/`, aud: CLIENT },
    stranger: { aud: CLIENT },
  },
  {
    page: 'keycloak',
    access: keycloak,
    idToken: { ...keycloak, typ: 'ID' },
    stranger: { azp: 'batch' },
    rules: { mayWrite: { resource_access: { 'orders-api': { roles: ['orders-writer'] } } } },
  },
  {
    page: 'keycloak',
    example: 'keycloak-docker',
    access: { ...keycloak, iss: 'http://localhost:8080/realms/shop' },
    idToken: { ...keycloak, iss: 'http://localhost:8080/realms/shop', aud: 'web' },
    stranger: { iss: 'http://keycloak:8080/realms/shop' },
  },
  {
    page: 'okta',
    access: {
      iss: 'https://example.okta.com/oauth2/default',
      aud: 'api://default',
      cid: '0oaWEB',
      scp: ['orders:read'],
      groups: ['staff'],
    },
    idToken: { iss: 'https://example.okta.com/oauth2/default', aud: '0oaWEB', amr: ['pwd'] },
    stranger: { cid: '0oaOTHER' },
    rules: { mayWrite: { scp: ['orders:read', 'orders:write'] }, isAdmin: { groups: ['staff', 'admin'] } },
  },
  {
    page: 'google-firebase',
    access: { iss: 'https://securetoken.google.com/my-project', aud: 'my-project', auth_time: 1, user_id: 'u' },
    idToken: { iss: 'https://accounts.google.com', ...google },
    stranger: { iss: 'https://securetoken.google.com/other', aud: 'other' },
    rules: { isAdmin: { admin: true } },
  },
  {
    page: 'google-firebase',
    example: 'google',
    access: { iss: 'accounts.google.com', ...google },
    idToken: { iss: 'https://securetoken.google.com/my-project', aud: 'my-project' },
    stranger: { hd: 'elsewhere.example' },
  },
  {
    page: 'supabase',
    alg: 'ES256',
    access: {
      iss: 'https://abcdefghijklmnop.supabase.co/auth/v1',
      aud: 'authenticated',
      role: 'authenticated',
      session_id: 's',
      app_metadata: { provider: 'email' },
    },
    idToken: { iss: 'https://abcdefghijklmnop.supabase.co/auth/v1', aud: 'client-of-the-oauth-server' },
    stranger: { role: 'service_role' },
    rules: { isAdmin: { app_metadata: { role: 'admin' } } },
  },
  {
    page: 'clerk',
    access: { iss: 'https://clerk.example.com', azp: 'https://app.example.com', sid: 'sess_1', org_role: 'org:member' },
    idToken: { iss: 'https://clerk.example.com', aud: 'oauth-client', azp: 'https://app.example.com' },
    stranger: { azp: 'https://evil.example' },
    rules: { isAdmin: { org_role: 'org:admin' } },
  },
  {
    page: 'ad-fs',
    access: {
      iss: 'http://adfs.example.com/adfs/services/trust',
      aud: 'microsoft:identityserver:orders-api',
      appid: 'web',
      scp: 'openid',
    },
    idToken: { iss: 'https://adfs.example.com/adfs', aud: 'web' },
    stranger: { appid: 'batch' },
    rules: { mayWrite: { scp: 'openid orders.write' } },
  },
  {
    page: 'github-actions',
    access: {
      iss: 'https://token.actions.githubusercontent.com',
      aud: 'https://deploy.example.com',
      repository: 'acme/orders',
      repository_owner_id: '12345',
      ref: 'refs/heads/main',
    },
    idToken: { iss: 'https://token.actions.githubusercontent.com', aud: 'https://github.com/acme' },
    stranger: { repository: 'mallory/orders', repository_owner_id: '666' },
    rules: { production: { environment: 'production' } },
  },
];

interface Page {
  readonly trust: JwksModuleOptions;
  readonly [rule: string]: JwksModuleOptions | AuthenticatedOptions;
}

const NOW = Math.floor(Date.now() / 1000);
const LIFE = { sub: 'alice', iat: NOW, exp: NOW + 300 };

let project: ExamplesProject;
beforeAll(() => {
  project = new ExamplesProject();
  // Of the page for many tenants of Entra ID.
  Object.assign(globalThis, { customers: { has: async (tenant: string) => tenant === GUID } });
});
afterAll(() => project.remove());

async function load(name: string, replacements: Record<string, string> = {}): Promise<Page> {
  return (await import(/* @vite-ignore */ project.variant(`providers/${name}.ts`, replacements))) as Page;
}

/** The options of a page, with these keys in place of those that the provider publishes. */
function withKeys(trust: JwksModuleOptions, jwks: JSONWebKeySet): JwksModuleOptions {
  const keyed = <T extends object>(given: T) => {
    const rules = Object.entries(given).filter(([name]) => !['jwksUri', 'discoveryUri', 'http'].includes(name));
    return { ...Object.fromEntries(rules), jwks } as unknown as T;
  };
  const { issuers } = trust;
  if (issuers === undefined) return keyed(trust);
  if (typeof issuers !== 'function') return { ...trust, issuers: issuers.map(keyed) };
  return {
    ...trust,
    issuers: async (issuer) => {
      const found = await issuers(issuer);
      return found && (keyed(found) as JwksIssuerConfig);
    },
  };
}

async function start(trust: JwksModuleOptions, rules: Readonly<Record<string, AuthenticatedOptions>> = {}) {
  @Controller()
  @Authenticated()
  class PlainController {
    @Get('plain')
    plain() {}
  }
  const ruled = Object.entries(rules).map(([name, rule]) => {
    @Controller(name)
    @Authenticated(rule)
    class RuledController {
      @Get()
      get() {}
    }
    return RuledController;
  });
  @Module({ imports: [JwksModule.forRoot(trust)], controllers: [PlainController, ...ruled] })
  class AppModule {}
  const app: INestApplication = await NestFactory.create(AppModule, { logger: false });
  app.use((request: { headers: { cookie?: string }; cookies?: unknown }, _: unknown, next: () => void) => {
    const [name = '', value = ''] = (request.headers.cookie ?? '').split('=');
    request.cookies = { [name]: value };
    next();
  });
  await app.listen(0, '127.0.0.1');
  const send = async (path: string, headers: Record<string, string>) =>
    (await fetch(`${await app.getUrl()}/${path}`, { headers })).status;
  const ask = (path: string, token: string) => send(path, { authorization: `Bearer ${token}` });
  return { app, send, ask, [Symbol.asyncDispose]: () => app.close() };
}

describe('the options of the provider pages', () => {
  it('are tested for every page', () => {
    const documented = pages.flatMap(({ path }) => /^docs\/providers\/([a-z0-9-]+)\.md$/.exec(path)?.[1] ?? []);
    expect([...new Set([...PROVIDERS.map(({ page }) => page), 'kubernetes'])].sort()).toEqual(documented.sort());
  });

  describe.each(PROVIDERS.map((provider) => ({ name: provider.example ?? provider.page, provider })))(
    '$name',
    ({ name, provider }) => {
      const { access, idToken, stranger, rules = {}, alg = 'RS256' } = provider;
      let key: TestKey;
      let page: Page;
      const sign = (claims: JWTPayload) => signToken(key, { ...LIFE, ...claims });
      beforeAll(async () => {
        key = await testKey(alg);
        page = await load(name);
      });

      it('accept an access token, and reject an ID token and the tokens of others', async () => {
        await using api = await start(withKeys(page.trust, { keys: [key.jwk] }));
        expect(await api.ask('plain', await sign(access))).toBe(200);
        expect(await api.ask('plain', await sign(idToken))).toBe(401);
        expect(await api.ask('plain', await sign({ ...access, ...stranger }))).toBe(401);
      });

      if (Object.keys(rules).length === 0) return;
      it('require what a route does, else 403', async () => {
        const named = Object.fromEntries(Object.keys(rules).map((rule) => [rule, page[rule] as AuthenticatedOptions]));
        await using api = await start(withKeys(page.trust, { keys: [key.jwk] }), named);
        for (const [rule, granted] of Object.entries(rules)) {
          expect(await api.ask(rule, await sign(access)), rule).toBe(403);
          expect(await api.ask(rule, await sign({ ...access, ...granted })), rule).toBe(200);
        }
      });
    },
  );

  it('take the session token of Clerk from its cookie too', async () => {
    const key = await testKey('RS256');
    const { access } = PROVIDERS.find(({ page }) => page === 'clerk')!;
    await using api = await start(withKeys((await load('clerk')).trust, { keys: [key.jwk] }));
    const cookie = `__session=${await signToken(key, { ...LIFE, ...access })}`;
    expect(await api.send('plain', { cookie })).toBe(200);
    expect(await api.send('plain', {})).toBe(401);
  });

  it('read the keys of Kubernetes with a private CA and a token that rotates', async () => {
    const key = await testKey('RS256');
    const { ca, server: certificate } = await testCertificates();
    const account = mkdtempSync(join(tmpdir(), 'nestjs-jwks-account-'));
    writeFileSync(join(account, 'ca.crt'), ca);
    writeFileSync(join(account, 'token'), 'first');
    let expected = 'first';
    const apiServer = createServer(certificate, (request, response) => {
      const isKnown = request.headers.authorization === `Bearer ${expected}`;
      response.writeHead(isKnown ? 200 : 403, { 'content-type': 'application/jwk-set+json' });
      response.end(JSON.stringify(isKnown ? { keys: [key.jwk] } : { kind: 'Status' }));
    });
    await new Promise<void>((resolve) => apiServer.listen(0, '127.0.0.1', resolve));
    const { port } = apiServer.address() as AddressInfo;
    const { trust, checkoutOnly } = await load('kubernetes', {
      "'/var/run/secrets/kubernetes.io/serviceaccount'": JSON.stringify(account),
      'https://kubernetes.default.svc/openid': `https://localhost:${port}/openid`,
    });
    const pod = {
      ...LIFE,
      iss: 'https://kubernetes.default.svc.cluster.local',
      aud: ['orders-api'],
      sub: 'system:serviceaccount:shop:checkout',
      'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'checkout', uid: 'u' } },
    };
    try {
      await using api = await start(trust, { checkout: checkoutOnly as AuthenticatedOptions });
      expect(await api.ask('checkout', await signToken(key, pod))).toBe(200);
      const other = { ...pod, sub: 'system:serviceaccount:shop:batch' };
      expect(await api.ask('plain', await signToken(key, other))).toBe(200);
      expect(await api.ask('checkout', await signToken(key, other))).toBe(403);
      const foreign = { ...pod, 'kubernetes.io': { namespace: 'default' } };
      expect(await api.ask('plain', await signToken(key, foreign))).toBe(401);
      const ofApiServer = { ...pod, aud: ['https://kubernetes.default.svc.cluster.local'] };
      expect(await api.ask('plain', await signToken(key, ofApiServer))).toBe(401);

      expected = 'second';
      writeFileSync(join(account, 'token'), expected);
      await api.app.get(JwksService).getJwkSet({ refresh: true });
      expect(api.app.get(JwksService).status()[0]?.counters).toMatchObject({ fetches: 2, failures: 0 });
    } finally {
      await new Promise((resolve) => apiServer.close(resolve));
      rmSync(account, { recursive: true, force: true });
    }
  });
});
