import { connect } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, JwksModule, JwksService, type JwksModuleOptions, type VerifiedToken } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { testCertificates, type Certificate, type TestCertificates } from '../support/certificates.js';
import { OidcIdentityProvider } from '../support/oidc-provider.js';
import { ADAPTERS, Api, type Answer } from './support/api.js';

@Controller('orders')
class OrdersController {
  @Get()
  @Authenticated({ senderConstrained: true })
  list(@Req() { auth }: { auth: VerifiedToken }) {
    return { sub: auth.claims.sub, by: auth.senderConstrained };
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport(@Req() { auth }: { auth: VerifiedToken }) {
    return { sub: auth.claims.sub, by: auth.senderConstrained };
  }
}

let issuer: TestIssuer;
let certificates: TestCertificates;

beforeAll(async () => {
  [issuer, certificates] = await Promise.all([TestIssuer.start({ audience: 'orders-api' }), testCertificates()]);
});

afterAll(() => issuer.close());

const metadata = (options: Partial<JwksModuleOptions>) => ({
  imports: [JwksModule.forRoot({ ...issuer.options(), ...options } as JwksModuleOptions)],
  controllers: [OrdersController],
});

describe.each(ADAPTERS)('a certificate from a proxy, on %s', (_, makeAdapter) => {
  const start = (mtls: JwksModuleOptions['mtls'], others: Partial<JwksModuleOptions> = {}) =>
    Api.start(makeAdapter, metadata({ mtls, ...others } as JwksModuleOptions));
  const trustedProxies = ['127.0.0.0/8', '::1'];
  const pem = () => certificates.client.cert;
  const bound = (certificate = pem()) => issuer.sign({ sub: 'alice' }, { certificate });
  const escaped = () => ({ 'ssl-client-cert': encodeURIComponent(pem()) });

  it('P16: is checked against the token, also of one that is remembered', async () => {
    await using api = await start({ certificate: 'nginx', trustedProxies });
    const token = await bound();
    for (const path of ['/orders', '/orders', '/orders/passport']) {
      const { status, body } = await api.call(path, { token, headers: escaped() });
      expect([status, body]).toEqual([200, { sub: 'alice', by: 'mtls' }]);
    }
    for (const headers of [
      {},
      { 'ssl-client-cert': 'x' },
      { 'ssl-client-cert': encodeURIComponent(certificates.server.cert) },
    ]) {
      const { status, body, headers: answered } = await api.call('/orders', { token, headers });
      expect([status, body]).toEqual([401, expect.objectContaining({ code: 'claim_invalid' })]);
      expect(answered['www-authenticate']).toMatch(/^Bearer error="invalid_token", error_description="[^"]*"$/);
    }
    await expect(api.app.get(JwksService).verify(token)).rejects.toMatchObject({ claim: 'cnf' });
  });

  it('P19: counts only from a trusted proxy, whatever X-Forwarded-For says', async () => {
    await using api = await start({ certificate: 'nginx', trustedProxies: ['10.0.0.0/8'] });
    const headers = { ...escaped(), 'x-forwarded-for': '10.0.0.1' };
    expect((await api.call('/orders', { token: await bound(), headers })).status).toBe(401);
  });

  it.each<[string, JwksModuleOptions['mtls'], RegExp]>([
    ['another peer', { certificate: 'nginx', trustedProxies: ['10.0.0.0/8'] }, /peer .* not in "mtls\.trustedProxies"/],
    ['a proxy that sets no header', { certificate: 'xfcc', trustedProxies }, /has set no header/],
    ['a connection that is not TLS', { certificate: 'socket' }, /no TLS.* "mtls\.certificate" names its header/],
    ['a function', { certificate: () => undefined }, /the function .* found none/],
  ])('is missing, and the event has a hint: %s', async (__, mtls, hint) => {
    await using api = await start(mtls);
    const hints: unknown[] = [];
    api.app.get(JwksService).events$.subscribe((event) => hints.push('hint' in event && event.hint));
    await api.call('/orders', { token: await bound(), headers: escaped() });
    expect(hints).toContainEqual(expect.stringMatching(hint));
  });

  it('may be in a header of another name', async () => {
    await using api = await start({ certificate: { header: 'X-Client-Cert', format: 'nginx' }, trustedProxies });
    const token = await bound();
    const headers = { 'x-client-cert': encodeURIComponent(pem()) };
    expect((await api.call('/orders', { token, headers })).status).toBe(200);
    expect((await api.call('/orders', { token, headers: escaped() })).status).toBe(401);
  });

  it('may be found by a function; one that throws, hangs or returns nonsense is 503', async () => {
    const token = await bound();
    const found = async (certificate: () => unknown) => {
      await using api = await start({ certificate });
      return (await api.call('/orders', { token })).status;
    };
    expect(await found(() => pem())).toBe(200);
    expect(await found(() => Promise.resolve(Buffer.from(pem().replace(/-----[^-]+-----/g, ''), 'base64')))).toBe(200);
    expect(await found(() => undefined)).toBe(401);
    expect(await found(() => certificates.server.cert)).toBe(401);
    expect(await found(() => 1)).toBe(503);
    expect(await found(() => new Promise(() => undefined))).toBe(503);
    expect(
      await found(() => {
        throw new Error('broken');
      }),
    ).toBe(503);
  });

  it('must hold beside a DPoP proof where the token names both', async () => {
    await using api = await start({ certificate: 'nginx', trustedProxies }, { dpop: true });
    const key = await issuer.createDpopKey();
    const token = await issuer.sign({}, { dpop: key, certificate: pem() });
    const url = `${await api.app.getUrl()}/orders`;
    const call = async (headers: Record<string, string>) => {
      const dpop = await key.proof('GET', url, { accessToken: token });
      return api.call('/orders', { headers: { authorization: `DPoP ${token}`, dpop, ...headers } });
    };
    expect((await call(escaped())).body).toMatchObject({ by: 'dpop' });
    expect((await call({})).status).toBe(401);
    expect((await call({ ...escaped(), dpop: 'x' })).status).toBe(401);
    expect((await api.call('/orders', { token, headers: escaped() })).status).toBe(401);
  });

  it.each<[string, unknown]>([
    ['an empty cnf', {}],
    ['null', null],
    ['a text', 'x'],
    ['an unknown method', { kid: 'x' }],
    ['a key', { jwk: { kty: 'EC' } }],
    ['a thumbprint that is a number', { 'x5t#S256': 1 }],
    ['an empty thumbprint', { 'x5t#S256': '' }],
    ['a DPoP key, without the option', { jkt: 'x' }],
  ])('P2: a token with %s is rejected', async (__, cnf) => {
    await using api = await start({ certificate: 'nginx', trustedProxies });
    expect((await api.call('/orders', { token: await issuer.sign({ cnf }), headers: escaped() })).status).toBe(401);
  });

  it('P2: is accepted where cnf has further members, which are ignored', async () => {
    await using api = await start({ certificate: () => pem() });
    const bare = await bound();
    const cnf = JSON.parse(Buffer.from(String(bare.split('.')[1]), 'base64url').toString()).cnf as object;
    const token = await issuer.sign({ sub: 'alice', cnf: { ...cnf, jkt: null, kid: 'x' } });
    expect((await api.call('/orders', { token })).status).toBe(200);
  });

  it('binds a token of oidc-provider', async () => {
    await using idp = await oidcProvider();
    const options = {
      issuer: idp.provider.issuer,
      audience: idp.provider.audience,
      mtls: { certificate: 'nginx' as const, trustedProxies },
    };
    await using api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot(options)],
      controllers: [OrdersController],
    });
    const token = await idp.provider.certificateBoundToken(pem());
    expect((await api.call('/orders', { token, headers: escaped() })).body).toEqual({ sub: 'shop-mtls', by: 'mtls' });
    expect((await api.call('/orders', { token })).status).toBe(401);
  });

  it(`P15: boundTokens: 'verified-by-gateway' accepts what is not checked here`, async () => {
    await using api = await Api.start(makeAdapter, metadata({ boundTokens: 'verified-by-gateway' }));
    expect((await api.call('/orders', { token: await bound() })).body).toEqual({ sub: 'alice', by: 'gateway' });
  });
});

describe('a certificate from the socket', () => {
  it.each(['Express', 'Fastify'])('is checked against the token, whoever has signed it: %s', async (name) => {
    const { server, ca } = certificates;
    const httpsOptions = { ...server, ca, requestCert: true, rejectUnauthorized: false };
    const module = await Test.createTestingModule(metadata({ mtls: { certificate: 'socket' } })).compile();
    const app =
      name === 'Express'
        ? module.createNestApplication(new ExpressAdapter(), { logger: false, httpsOptions })
        : module.createNestApplication(new FastifyAdapter({ https: httpsOptions } as never), { logger: false });
    await app.listen(0, '127.0.0.1');
    const hints: unknown[] = [];
    app.get(JwksService).events$.subscribe((event) => hints.push('hint' in event && event.hint));
    const { port } = app.getHttpServer().address() as AddressInfo;
    const token = await issuer.sign({ sub: 'alice' }, { certificate: certificates.client.cert });
    const call = (certificate?: Certificate) => callTls(port, { ca, token, certificate });
    expect(await call(certificates.client)).toMatchObject({ status: 200, body: { sub: 'alice', by: 'mtls' } });
    expect(await call(certificates.expired)).toMatchObject({ status: 401 });
    expect(await call()).toMatchObject({ status: 401 });
    expect(hints.at(-1)).toContain('requestCert: true');
    await app.close();
  });

  it('is that of the session where a client resumes one, and of the connection over HTTP/2', async () => {
    const { server, ca, client } = certificates;
    const https = { ...server, ca, requestCert: true, rejectUnauthorized: false, allowHTTP1: true };
    const module = await Test.createTestingModule(metadata({ mtls: { certificate: 'socket' } })).compile();
    const adapter = new FastifyAdapter({ http2: true, https } as never);
    const app = module.createNestApplication(adapter, { logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const token = await issuer.sign({ sub: 'alice' }, { certificate: client.cert });

    const agent = new Agent({ keepAlive: false, maxCachedSessions: 10 });
    const resumed: boolean[] = [];
    for (let time = 0; time < 2; time += 1) {
      const { status } = await callTls(port, { ca, token, certificate: client, agent }, (socket) =>
        resumed.push(socket.isSessionReused()),
      );
      expect(status).toBe(200);
    }
    expect(resumed).toEqual([false, true]);

    for (const [certificate, expected] of [
      [client, 200],
      [certificates.expired, 401],
      [{}, 401],
    ] as const) {
      const session = connect(`https://127.0.0.1:${port}`, { ca, ...certificate });
      const status = await new Promise<unknown>((resolve, reject) => {
        const stream = session.request({ ':path': '/orders', authorization: `Bearer ${token}` });
        stream.on('response', (answer) => resolve(answer[':status'])).on('error', reject);
        stream.resume().end();
      });
      expect(status).toBe(expected);
      session.close();
    }
    await app.close();
  });
});

function callTls(
  port: number,
  {
    ca,
    token,
    certificate,
    agent = false,
  }: { ca: string; token: string; certificate: Certificate | undefined; agent?: Agent | false },
  onSocket: (socket: TLSSocket) => void = () => undefined,
): Promise<Pick<Answer, 'status' | 'body'>> {
  const headers = { authorization: `Bearer ${token}` };
  const options = { host: '127.0.0.1', port, path: '/orders', headers, ca, agent, ...certificate };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options, (response) => {
      onSocket(response.socket as TLSSocket);
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) as unknown }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

async function oidcProvider() {
  const provider = await OidcIdentityProvider.start();
  return { provider, [Symbol.asyncDispose]: () => provider.close() };
}
