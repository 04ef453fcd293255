import { createHash } from 'node:crypto';
import { connect } from 'node:http2';
import { request as httpRequest, Agent } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { Controller, Get, Injectable, UseGuards, VersioningType, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { CompactSign } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Authenticated,
  bearerToken,
  Claims,
  JwksAuthGuard,
  JwksClient,
  JwksModule,
  JwksService,
  memoryReplayStore,
  type JwksModuleOptions,
} from '../../lib/index.js';
import { TestIssuer, type TestDpopKey } from '../../lib/testing/index.js';
import { ADAPTERS, Api, type MakeAdapter } from '../e2e/support/api.js';
import { testCertificates } from '../support/certificates.js';

const PUBLIC = 'https://api.example.com';

/** A guard of an application that makes a request of its own of what came. */
@Injectable()
class CopyingGuard extends JwksAuthGuard {
  protected override getRequest(context: ExecutionContext): unknown {
    const { headers, method, url } = context.switchToHttp().getRequest<Record<string, unknown>>();
    return { headers, method, url };
  }
}

/** One that finds the token elsewhere. */
@Injectable()
class HeaderGuard extends JwksAuthGuard {
  protected override getToken(request: unknown): string | undefined {
    return (request as { headers: Record<string, string> }).headers['x-token'];
  }
}

@Controller()
class OrdersController {
  @Get('orders')
  @Authenticated()
  list(@Claims('sub') sub: string) {
    return sub;
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport(@Claims('sub') sub: string) {
    return sub;
  }

  @Get('copying')
  @UseGuards(CopyingGuard)
  copying() {
    return {};
  }

  @Get('elsewhere')
  @UseGuards(HeaderGuard)
  elsewhere() {
    return {};
  }
}

/** Without Passport, which all applications of a process share. */
@Controller()
class PlainController {
  @Get('orders')
  @Authenticated()
  list(@Claims('sub') sub: string) {
    return sub;
  }
}

let issuer: TestIssuer;
let key: TestDpopKey;
let bound: string;
let pem: string;

beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
  key = await issuer.createDpopKey();
  bound = await issuer.sign({ sub: 'alice' }, { dpop: key });
  pem = (await testCertificates()).client.cert;
});

afterAll(() => issuer.close());

const imports = (options: Partial<JwksModuleOptions> = { dpop: { publicUrl: PUBLIC } }) => [
  JwksModule.forRoot({ ...issuer.options(), ...options } as JwksModuleOptions),
];
const start = (
  makeAdapter: MakeAdapter,
  options?: Partial<JwksModuleOptions>,
  prepare?: Parameters<typeof Api.start>[2],
) => Api.start(makeAdapter, { imports: imports(options), controllers: [OrdersController] }, prepare);

const proofFor = (path: string, origin = PUBLIC) => key.proof('GET', origin + path, { accessToken: bound });
const signed = async (path: string, origin?: string) => ({
  authorization: `DPoP ${bound}`,
  dpop: await proofFor(path, origin),
});

describe.each(ADAPTERS)('a stolen bound token, on %s', (_, makeAdapter) => {
  it('P16: does not pass on the connection of its owner, whose requests go on', async () => {
    await using api = await start(makeAdapter);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { hostname, port } = new URL(await api.app.getUrl());
    const send = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const request = httpRequest({ agent, hostname, port, path: '/orders', headers }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        });
        request.on('error', reject).end();
      });
    const headers = await signed('/orders');
    expect(await send(headers)).toBe(200);
    expect(await send({ authorization: `DPoP ${bound}` })).toBe(401);
    expect(await send({ authorization: `Bearer ${bound}` })).toBe(401);
    expect(await send(headers)).toBe(401);
    expect(await send(await signed('/orders'))).toBe(200);
    agent.destroy();
  });

  it('does not pass guards of an application without a proof, wherever they find it', async () => {
    await using api = await start(makeAdapter);
    expect((await api.call('/copying', { headers: { authorization: `DPoP ${bound}` } })).status).toBe(401);
    expect((await api.call('/copying', { token: bound })).status).toBe(401);
    expect((await api.call('/copying', { headers: await signed('/copying') })).status).toBe(401);
    const dpop = await proofFor('/elsewhere');
    expect((await api.call('/elsewhere', { headers: { 'x-token': bound } })).status).toBe(401);
    expect((await api.call('/elsewhere', { headers: { 'x-token': bound, dpop } })).status).toBe(401);
  });

  it('P15: does not pass from a cookie, and there too only with its own proof', async () => {
    const tokenFrom: JwksModuleOptions['tokenFrom'] = (request) =>
      (request.headers as Record<string, string>)['x-cookie'] ?? bearerToken(request);
    await using api = await start(makeAdapter, { dpop: { publicUrl: PUBLIC }, tokenFrom });
    const other = await issuer.createDpopKey();
    const theirs = await issuer.sign({ sub: 'mallory' }, { dpop: other });
    const dpop = await other.proof('GET', `${PUBLIC}/orders`, { accessToken: theirs });
    for (const path of ['/orders', '/passport']) {
      const cookie = { 'x-cookie': bound };
      expect((await api.call(path, { headers: cookie })).status).toBe(401);
      expect((await api.call(path, { headers: { ...cookie, dpop: await proofFor(path) } })).status).toBe(401);
      const mixed = { ...cookie, authorization: `DPoP ${theirs}`, dpop };
      expect((await api.call(path, { headers: mixed })).status).toBe(401);
    }
  });

  it('is no proof of itself, and a proof is no token', async () => {
    await using api = await start(makeAdapter);
    const dpop = await proofFor('/orders');
    expect((await api.call('/orders', { headers: { authorization: `DPoP ${bound}`, dpop: bound } })).status).toBe(401);
    expect((await api.call('/orders', { headers: { authorization: `DPoP ${dpop}`, dpop } })).status).toBe(401);
    expect((await api.call('/orders', { token: dpop })).status).toBe(401);
  });

  it('P5, P22: passes neither with two proofs on the wire, nor with an empty one before or after', async () => {
    await using api = await start(makeAdapter);
    const { hostname, port } = new URL(await api.app.getUrl());
    const statusOf = (lines: readonly string[]) =>
      new Promise<string>((resolve, reject) => {
        const socket = connectSocket(Number(port), hostname.replace(/[[\]]/g, ''));
        let text = '';
        socket.on('data', (chunk) => (text += String(chunk)));
        socket.on('end', () => resolve(text.slice(9, 12))).on('error', reject);
        const head = ['GET /orders HTTP/1.1', 'Host: x', 'Connection: close', `Authorization: DPoP ${bound}`, ...lines];
        socket.write(`${head.join('\r\n')}\r\n\r\n`);
      });
    const [one, other] = [await proofFor('/orders'), await proofFor('/orders')];
    expect(await statusOf([`DPoP: ${one}`, `dpop: ${other}`])).toBe('401');
    expect(await statusOf([`DPoP: ${one}`, `DPoP: ${one}`])).toBe('401');
    expect(await statusOf([`DPoP: ${one}`, 'DPoP:'])).toBe('401');
    expect(await statusOf(['DPoP:', `DPoP: ${one}`])).toBe('401');
    expect(await statusOf([`DPoP: ${one}`])).toBe('200');
  });

  it('P4: passes with no key of another kind than RFC 9449 wants, although its header was kept', async () => {
    await using api = await start(makeAdapter);
    const dpop = await proofFor('/orders');
    expect((await api.call('/orders', { headers: { authorization: `DPoP ${bound}`, dpop } })).status).toBe(200);
    const [header = '', payload = ''] = dpop.split('.');
    const other = await issuer.createDpopKey();
    const text = `${header}.${Buffer.from(JSON.stringify({ ...claimsOf(payload), jti: 'x' })).toString('base64url')}`;
    const signature = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' },
      other.privateKey as never,
      Buffer.from(text),
    );
    const forged = `${text}.${Buffer.from(signature).toString('base64url')}`;
    expect((await api.call('/orders', { headers: { authorization: `DPoP ${bound}`, dpop: forged } })).status).toBe(401);
  });

  it('is not passed on by another application or module of the process, which has its own store', async () => {
    await using one = await start(makeAdapter);
    const metadata = { imports: imports({ dpop: false }), controllers: [PlainController] };
    await using other = await Api.start(makeAdapter, metadata);
    const headers = await signed('/orders');
    expect((await one.call('/orders', { headers })).status).toBe(200);
    expect((await other.call('/orders', { headers })).status).toBe(401);
    expect((await other.call('/orders', { token: bound })).status).toBe(401);
  });

  it('passes once where applications of one process share a store', async () => {
    const dpop = { publicUrl: PUBLIC, replay: memoryReplayStore() };
    await using one = await start(makeAdapter, { dpop });
    await using other = await start(makeAdapter, { dpop });
    const headers = await signed('/orders');
    expect((await one.call('/orders', { headers })).status).toBe(200);
    expect((await other.call('/orders', { headers })).status).toBe(401);
  });

  it('is bound to the path that the client sent, with prefix and version', async () => {
    await using api = await start(makeAdapter, undefined, (app) => {
      app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '2' });
    });
    expect((await api.call('/api/v2/orders', { headers: await signed('/api/v2/orders') })).status).toBe(200);
    expect((await api.call('/api/v2/orders', { headers: await signed('/orders') })).status).toBe(401);
  });

  it.each(['cnf', 'jkt', 'dpop', 'proof', 'senderConstrained', 'isVerifiedByGateway', 'x5t#S256', 'ssl-client-cert'])(
    'does not pass by a polluted Object.prototype: %s',
    async (name) => {
      await using api = await start(makeAdapter, {
        dpop: { publicUrl: PUBLIC },
        mtls: { certificate: 'nginx', trustedProxies: ['127.0.0.0/8', '::1'] },
      });
      const certified = await issuer.sign({ sub: 'alice' }, { certificate: pem });
      const odd = await issuer.sign({ sub: 'alice', cnf: JSON.parse('{"__proto__":{"jkt":"x"}}') as object });
      const value =
        name === 'dpop' ? await proofFor('/orders') : name.startsWith('ssl') ? encodeURIComponent(pem) : 'x';
      Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
      try {
        for (const token of [bound, certified, odd]) {
          expect((await api.call('/orders', { token })).status).toBe(401);
          expect((await api.call('/orders', { headers: { authorization: `DPoP ${token}` } })).status).toBe(401);
        }
      } finally {
        delete (Object.prototype as Record<string, unknown>)[name];
      }
    },
  );

  it.each([
    { jwk: {} },
    { kid: 'x' },
    { jku: 'x' },
    { jwe: 'x' },
    {},
    { jkt: '' },
    { jkt: 1 },
    { 'x5t#S256': [] },
    [],
    'x',
    null,
  ])('P2: does not pass bound in another way: %j', async (cnf) => {
    await using api = await start(makeAdapter, {
      dpop: { publicUrl: PUBLIC },
      boundTokens: 'verified-by-gateway',
    });
    const token = await issuer.sign({ sub: 'alice', cnf } as never);
    expect((await api.call('/orders', { token })).status).toBe(401);
  });
});

function claimsOf(payload: string): object {
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
}

describe('a stolen bound token', () => {
  const [express, fastify] = ADAPTERS;

  it('P20: does not pass verify(), a client of an issuer, or a client without Nest', async () => {
    await using api = await start(express[1]);
    const jwks = api.app.get(JwksService);
    expect((await api.call('/orders', { headers: await signed('/orders') })).status).toBe(200);
    const alone = new JwksClient({ ...issuer.options() });
    for (const verifier of [jwks, jwks.client(), jwks.client(issuer.issuer), alone])
      await expect(verifier.verify(bound)).rejects.toMatchObject({ code: 'claim_invalid', claim: 'cnf' });
    await alone.close();
  });

  it('P6: is bound to the path before a mount', async () => {
    await using api = await Api.start(express[1], { imports: imports(), controllers: [OrdersController] }, (app) => {
      const rewritten = app as NestExpressApplication;
      rewritten.use((request: { url: string }, _: unknown, next: () => void) => {
        request.url = request.url.replace(/^\/shop/, '');
        next();
      });
    });
    expect((await api.call('/shop/orders', { headers: await signed('/shop/orders') })).status).toBe(200);
    expect((await api.call('/shop/orders', { headers: await signed('/orders') })).status).toBe(401);
  });

  it('is bound to :authority over HTTP/2, and rejected with another host beside it', async () => {
    const module = await Test.createTestingModule({
      imports: imports({ dpop: true }),
      controllers: [OrdersController],
    }).compile();
    const app = module.createNestApplication(new FastifyAdapter({ http2: true } as never), { logger: false });
    await app.listen(0, '127.0.0.1');
    const origin = await app.getUrl();
    const session = connect(origin);
    const send = (headers: Record<string, string>) =>
      new Promise<unknown>((resolve, reject) => {
        const stream = session.request({ ':path': '/orders', ...headers });
        stream.on('response', (answer) => resolve(answer[':status']));
        stream.on('error', reject).resume().end();
      });
    const authority = new URL(origin).host;
    expect(await send(await signed('/orders', origin))).toBe(200);
    expect(await send({ ...(await signed('/orders', origin)), host: authority })).toBe(200);
    expect(await send({ ...(await signed('/orders', origin)), host: 'api.example.com' })).toBe(401);
    expect(await send({ ...(await signed('/orders', PUBLIC)), host: 'api.example.com' })).toBe(401);
    session.close();
    await app.close();
  });

  it('is accepted with its proof by requests that are injected', async () => {
    await using api = await start(fastify[1]);
    const app = api.app.getHttpAdapter().getInstance() as {
      inject(request: object): Promise<{ statusCode: number }>;
    };
    for (const url of ['/orders', '/passport']) {
      expect((await app.inject({ url, headers: await signed(url) })).statusCode).toBe(200);
      expect((await app.inject({ url, headers: { authorization: `DPoP ${bound}` } })).statusCode).toBe(401);
    }
  });

  it('P1: is rejected with two Host headers where the public URL is not known', async () => {
    await using api = await start(express[1], { dpop: true });
    const origin = await api.app.getUrl();
    const { hostname, port, host } = new URL(origin);
    const { authorization, dpop } = await signed('/orders', origin);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connectSocket(Number(port), hostname.replace(/[[\]]/g, ''));
      socket.on('data', (chunk) => resolve(String(chunk).slice(9, 12))).on('error', reject);
      const lines = [`Host: ${host}`, 'Host: api.example.com', `Authorization: ${authorization}`, `DPoP: ${dpop}`];
      socket.write(`GET /orders HTTP/1.1\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    });
    expect(Number(answer)).toBeGreaterThanOrEqual(400);
  });

  it('has one proof, whose last of members with one name counts for all checks', async () => {
    await using api = await start(express[1]);
    const ath = createHash('sha256').update(bound).digest('base64url');
    const claims = `"jti":"a","htm":"GET","htu":"${PUBLIC}/orders","iat":${Math.floor(Date.now() / 1000)},"ath":"${ath}"`;
    const send = async (payload: string, jwk: object = key.jwk) => {
      const dpop = await new CompactSign(Buffer.from(`{${payload}}`))
        .setProtectedHeader({ alg: key.alg, typ: 'dpop+jwt', jwk })
        .sign(key.privateKey);
      return (await api.call('/orders', { headers: { authorization: `DPoP ${bound}`, dpop } })).status;
    };
    expect(await send(`"jti":"b",${claims}`)).toBe(200);
    expect(await send(`"jti":"c",${claims}`)).toBe(401);
    expect(await send(`${claims},"jti":"d","htm":"POST"`)).toBe(401);
    expect(await send(`${claims},"jti":"e","__proto__":{"jti":"f"}`)).toBe(200);
  });
});
