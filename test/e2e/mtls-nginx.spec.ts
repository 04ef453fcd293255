import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Controller, Get, Req } from '@nestjs/common';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import { Authenticated, JwksModule, type VerifiedToken } from '../../lib/index.js';
import { TestIssuer, type TestCertificate } from '../../lib/testing/index.js';
import { Nginx, nginxAvailable } from '../support/nginx.js';
import { readText } from '../support/source-files.js';
import { ADAPTERS, Api } from './support/api.js';

@Controller('orders')
class OrdersController {
  @Get()
  @Authenticated({ senderConstrained: true })
  list(@Req() { auth }: { auth: VerifiedToken }) {
    return { sub: auth.claims.sub, by: auth.senderConstrained };
  }
}

/** The configuration that docs/sender-constrained.md shows, for certificates and addresses of a test. */
function documented({ port, folder, api }: { port: number; folder: string; api: string }): string {
  const [, block = ''] = /```nginx\n([^]*?)```/.exec(readText('docs/sender-constrained.md')) ?? [];
  return block
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('http://orders:3000', api)
    .replaceAll('/etc/tls/', `${folder}/`);
}

describe.skipIf(!nginxAvailable())('nginx, as the documentation configures it', () => {
  it.each(ADAPTERS)('hands on the certificate of its client, and no header of it: %s', async (_, makeAdapter) => {
    await using issuer = await TestIssuer.start({ audience: 'orders-api' });
    const [server, client, thief] = await Promise.all([
      issuer.createCertificate(),
      issuer.createCertificate(),
      issuer.createCertificate(),
    ]);
    const mtls = { certificate: 'nginx' as const, trustedProxies: ['127.0.0.1'] };
    await using api = await Api.start(makeAdapter, {
      imports: [JwksModule.forRoot({ ...issuer.options(), mtls })],
      controllers: [OrdersController],
    });
    await using nginx = await Nginx.start(async ({ folder, port }) => {
      await writeFile(join(folder, 'tls.crt'), server.cert);
      await writeFile(join(folder, 'tls.key'), server.key);
      return documented({ port, folder, api: await api.app.getUrl() });
    });
    const token = await issuer.sign({ sub: 'alice' }, { certificate: client });
    const call = async (own: Partial<TestCertificate>, others: Record<string, string> = {}) => {
      const dispatcher = new Agent({ connect: { ...own, ca: server.cert } });
      const headers = { ...others, authorization: `Bearer ${token}` };
      const { statusCode, body } = await request(`https://127.0.0.1:${nginx.port}/orders`, { dispatcher, headers });
      const answer = { status: statusCode, body: await body.json() };
      await dispatcher.close();
      return answer;
    };
    const forged = { 'ssl-client-cert': encodeURIComponent(client.cert) };
    expect(await call(client)).toEqual({ status: 200, body: { sub: 'alice', by: 'mtls' } });
    expect(await call(client, forged)).toMatchObject({ status: 200 });
    expect(await call(thief, forged)).toMatchObject({ status: 401, body: { code: 'claim_invalid' } });
    expect(await call({}, forged)).toMatchObject({ status: 401, body: { code: 'claim_invalid' } });
  });
});
