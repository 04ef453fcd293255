import { Controller, Get, Req } from '@nestjs/common';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, JwksModule, type JwksModuleOptions, type VerifiedToken } from '../../lib/index.js';
import { OidcIdentityProvider } from '../support/oidc-provider.js';
import { ADAPTERS, Api, type MakeAdapter } from './support/api.js';

@Controller('orders')
class OrdersController {
  @Get()
  @Authenticated({ senderConstrained: true })
  list(@Req() { auth }: { auth: VerifiedToken }) {
    return { sub: auth.claims.sub, by: auth.senderConstrained };
  }
}

const INSECURE = { [oauth.allowInsecureRequests]: true };

describe.each(ADAPTERS)('a client of oauth4webapi with a token of oidc-provider, on %s', (_, makeAdapter) => {
  let idp: OidcIdentityProvider;

  beforeAll(async () => {
    idp = await OidcIdentityProvider.start();
  });

  afterAll(() => idp.close());

  const apiWith = (dpop: JwksModuleOptions['dpop']) =>
    startApi(makeAdapter, { ...trust(idp), dpop } as JwksModuleOptions);

  it.each(['ES256', 'RS256', 'PS256', 'Ed25519'])('sends DPoP-bound tokens with proofs of %s', async (alg) => {
    await using api = await apiWith(true);
    const { call } = await clientOf(idp, api, alg);
    for (let time = 0; time < 3; time += 1) {
      const response = await call();
      expect([response.status, await response.json()]).toEqual([200, { sub: 'shop', by: 'dpop' }]);
    }
  });

  it('repeats its request with the nonce that it is given, and uses that later', async () => {
    await using api = await apiWith({ nonce: { secret: 'a secret of at least 32 characters' } });
    const { call } = await clientOf(idp, api, 'ES256');
    const refused: unknown = await call().catch((error: unknown) => error);
    expect(oauth.isDPoPNonceError(refused)).toBe(true);
    for (let time = 0; time < 3; time += 1) expect((await call()).status).toBe(200);
  });

  it('reads the challenges of a request without a token', async () => {
    await using api = await apiWith(true);
    const { call } = await clientOf(idp, api, 'ES256', 'x.y.z');
    const refused = (await call().catch((error: unknown) => error)) as oauth.WWWAuthenticateChallengeError;
    const parameters = expect.objectContaining({ error: 'invalid_token', algs: 'ES256 EdDSA Ed25519 PS256 RS256' });
    expect(refused.cause).toEqual([{ scheme: 'dpop', parameters }]);
  });
});

interface Client {
  call(): Promise<Response>;
}

async function clientOf(idp: OidcIdentityProvider, api: Api, alg: string, token?: string): Promise<Client> {
  const as = await oauth
    .discoveryRequest(new URL(idp.issuer), INSECURE)
    .then((response) => oauth.processDiscoveryResponse(new URL(idp.issuer), response));
  const { client_id, client_secret, resource } = idp.client;
  const client: oauth.Client = { client_id };
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair(alg));
  const grant = await oauth.clientCredentialsGrantRequest(
    as,
    client,
    oauth.ClientSecretPost(client_secret),
    { scope: 'orders:read', resource },
    { DPoP, ...INSECURE },
  );
  const { access_token, token_type } = await oauth.processClientCredentialsResponse(as, client, grant);
  expect(token_type).toBe('dpop');
  const url = new URL(`${await api.app.getUrl()}/orders`);
  const call = () =>
    oauth.protectedResourceRequest(token ?? access_token, 'GET', url, undefined, undefined, { DPoP, ...INSECURE });
  return { call };
}

function trust({ issuer, audience }: OidcIdentityProvider) {
  return { issuer, audience };
}

function startApi(makeAdapter: MakeAdapter, options: JwksModuleOptions): Promise<Api> {
  return Api.start(makeAdapter, { imports: [JwksModule.forRoot(options)], controllers: [OrdersController] });
}
