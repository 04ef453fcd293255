import { X509Certificate, createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { request as httpsRequest, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Controller, Get, Req } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, JwksModule, type VerifiedToken } from '../../lib/index.js';
import { TestIssuer, type TestCertificate } from '../../lib/testing/index.js';

@Controller('orders')
class OrdersController {
  @Get()
  @Authenticated({ senderConstrained: true })
  list(@Req() { auth }: { auth: VerifiedToken }) {
    return { sub: auth.claims.sub, by: auth.senderConstrained };
  }
}

let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
});

afterAll(() => issuer.close());

const three = () => Promise.all([issuer.createCertificate(), issuer.createCertificate(), issuer.createCertificate()]);

describe('a certificate of a TestIssuer', () => {
  it('is an X.509 certificate of its own key, self-signed, for any client and for servers on loopback', async () => {
    const { cert, key, thumbprint } = await issuer.createCertificate();
    const certificate = new X509Certificate(cert);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')).toBe(thumbprint);
  });

  it('has another key and serial number each time', async () => {
    const [one, other] = await Promise.all([issuer.createCertificate(), issuer.createCertificate()]);
    expect(one.thumbprint).not.toBe(other.thumbprint);
    expect(new X509Certificate(one.cert).serialNumber).not.toBe(new X509Certificate(other.cert).serialNumber);
  });

  it.each([
    ['today', Date.now()],
    ['in 1970', 0],
    ['in 1949', Date.UTC(1949, 5, 1)],
    ['around the change of the format of times', Date.UTC(2049, 11, 31, 12)],
    ['in 2100', Date.UTC(2100, 0, 1)],
  ])('is valid by the clock of the issuer: %s', async (_, now) => {
    await using other = await TestIssuer.start({ now: () => now });
    const { validFrom, validTo } = new X509Certificate((await other.createCertificate()).cert);
    const second = Math.floor(now / 1000) * 1000;
    expect([Date.parse(validFrom), Date.parse(validTo)]).toEqual([second - 3_600_000, second + 25 * 3_600_000]);
  });

  it('is what a server can trust by itself', async () => {
    const [server, client, stranger] = await three();
    const listener = createServer({ ...server, ca: client.cert, requestCert: true }, (_, response) => response.end());
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const call = (own: Partial<TestCertificate>) => authorized(port, server.cert, own);
    expect(await call(client)).toBe(true);
    await expect(call(stranger)).rejects.toThrow();
    await expect(call({})).rejects.toThrow();
    listener.closeAllConnections();
    listener.close();
  });

  it('is checked by an application that ends TLS itself', async () => {
    const [server, client, other] = await three();
    const module = await Test.createTestingModule({
      imports: [JwksModule.forRoot({ ...issuer.options(), mtls: { certificate: 'socket' } })],
      controllers: [OrdersController],
    }).compile();
    const httpsOptions = { ...server, requestCert: true, rejectUnauthorized: false };
    const app = module.createNestApplication({ logger: false, httpsOptions });
    await app.listen(0, '127.0.0.1');
    const call = async (connect: Partial<TestCertificate>, token: string) => {
      const dispatcher = new Agent({ connect: { ...connect, ca: server.cert } });
      const headers = { authorization: `Bearer ${token}` };
      const { statusCode, body } = await request(`${await app.getUrl()}/orders`, { dispatcher, headers });
      const answer = { status: statusCode, body: await body.json() };
      await dispatcher.close();
      return answer;
    };
    const token = await issuer.sign({ sub: 'alice' }, { certificate: client });
    expect(await call(client, token)).toEqual({ status: 200, body: { sub: 'alice', by: 'mtls' } });
    expect(await call(client, await issuer.sign({ sub: 'alice' }, { certificate: client.cert }))).toMatchObject({
      status: 200,
    });
    expect(await call(other, token)).toMatchObject({ status: 401, body: { code: 'claim_invalid' } });
    expect(await call({}, token)).toMatchObject({ status: 401 });
    await app.close();
  });
});

/** Whether the server of a connection accepts the certificate of its client; rejects where it hangs up. */
function authorized(port: number, ca: string, own: Partial<TestCertificate>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const call = httpsRequest({ host: '127.0.0.1', port, ca, agent: false, ...own }, (response) => {
      const { authorized: isServerTrusted } = response.socket as TLSSocket;
      response.resume().on('end', () => resolve(isServerTrusted && response.statusCode === 200));
    });
    call.on('error', reject);
    call.end();
  });
}
