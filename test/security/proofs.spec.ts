import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Claims, JwksModule } from '../../lib/index.js';
import { TestIssuer, type TestDpopKey } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  list(@Claims('sub') sub: string) {
    return { sub };
  }

  @Get('optional')
  @Authenticated({ optional: true })
  optional() {
    return {};
  }
}

const PUBLIC = 'https://api.example.com';

let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await TestIssuer.start({ audience: 'orders-api' });
});

afterAll(() => issuer.close());

interface Client {
  readonly sub: string;
  readonly key: TestDpopKey;
  readonly token: string;
}

async function newClient(sub: string, alg = 'ES256'): Promise<Client> {
  const key = await issuer.createDpopKey({ alg });
  return { sub, key, token: await issuer.sign({ sub }, { dpop: key }) };
}

describe.each(ADAPTERS)('DPoP on %s', (_, makeAdapter) => {
  let api: Api;

  beforeAll(async () => {
    // A signature by ES384 is checked on the thread pool: requests overtake each other.
    const dpop = { publicUrl: PUBLIC, algorithms: ['ES256', 'ES384'] };
    const imports = [JwksModule.forRoot({ ...issuer.options(), dpop })];
    api = await Api.start(makeAdapter, { imports, controllers: [OrdersController] });
  });

  afterAll(() => api[Symbol.asyncDispose]());

  const send = (token: string, dpop?: string, path = '/orders') =>
    api.call(path, { headers: { authorization: `DPoP ${token}`, ...(dpop !== undefined && { dpop }) } });
  const proofOf = ({ key, token }: Client, options = {}) =>
    key.proof('GET', `${PUBLIC}/orders`, { accessToken: token, ...options });

  it('P4: checks each of many proofs at once with the key of its own request', async () => {
    const clients = await Promise.all(
      Array.from({ length: 20 }, (__, index) => newClient(`user-${index}`, index % 2 ? 'ES384' : 'ES256')),
    );
    const calls = Array.from({ length: 10 }, () => clients).flat();
    const outcomes = await Promise.all(
      calls.map(async (client, index) => {
        const thief = clients[(index + 1 + (index % 7)) % clients.length] as Client;
        const [own, stolen] = await Promise.all([
          send(client.token, await proofOf(client)),
          send(client.token, await proofOf({ ...thief, token: client.token })),
        ]);
        return [own.status, own.body, stolen.status];
      }),
    );
    expect(outcomes).toEqual(calls.map(({ sub }) => [200, { sub }, 401]));
  });

  it('P8: responds with 401 to a malformed key or URL in a proof', async () => {
    const client = await newClient('alice');
    const keys = [undefined, null, 1, 'x', [], {}, { kty: 'EC' }, { kty: 'RSA', n: 'AQAB', e: 'AQAB' }];
    const points = [{ x: 1 }, { x: '' }, { y: 'x'.repeat(5_000) }, { crv: 'P-512' }, { __proto__: null, crv: {} }];
    const jwks = [...keys, ...points.map((member) => ({ ...client.key.jwk, ...member }))];
    const urls = [
      '',
      '/orders',
      'http://',
      'https://[',
      'https://a:99999/',
      'https://%zz',
      'x:',
      '\0',
      `${PUBLIC}/%`,
      1,
    ];
    const proofs = await Promise.all([
      ...jwks.map((jwk) => proofOf(client, { header: { jwk } })),
      ...urls.map((htu) => proofOf(client, { claims: { htu } })),
    ]);
    const answers = await Promise.all(proofs.map((dpop) => send(client.token, dpop)));
    expect(answers.map(({ status }) => status)).toEqual(proofs.map(() => 401));
    expect((await send(client.token, await proofOf(client))).status).toBe(200);
  });

  it('P16: asks for a proof also once the token is remembered', async () => {
    const client = await newClient('alice');
    const dpop = await proofOf(client);
    expect((await send(client.token, dpop)).status).toBe(200);
    for (const path of ['/orders', '/orders/optional']) {
      expect((await send(client.token, undefined, path)).status).toBe(401);
      expect((await send(client.token, dpop, path)).status).toBe(401);
      expect((await api.call(path, { token: client.token })).status).toBe(401);
      expect((await api.call(path, { headers: { authorization: client.token } })).status).toBe(401);
    }
    expect((await send(client.token, await proofOf(client))).status).toBe(200);
  });
});
