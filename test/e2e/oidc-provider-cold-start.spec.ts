import 'reflect-metadata';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Pool } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authenticated, JwksClient, JwksModule } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';

const CALLERS = 1000;
const KIDS = 8;
const KIND = [
  ['the same kid', 1],
  ['different kids', KIDS],
] as const;
/** The issuer answers when everybody waits, however long it takes a busy machine to get there. */
const http = { timeout: '1m', deadline: '1m' };

@Controller()
@Authenticated()
class ApiController {
  @Get()
  read() {
    return {};
  }
}

describe('a cold start with 1,000 concurrent callers', { timeout: 30_000 }, () => {
  let issuer: TestIssuer;

  beforeEach(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api' });
    for (let kid = 1; kid < KIDS; kid += 1) await issuer.rotate();
    await issuer.slow('1h');
  });

  afterEach(() => issuer.close());

  /** A token for each caller, signed by the first `kids` kids in turn. */
  async function tokens(kids: number): Promise<string[]> {
    const signed = await Promise.all(issuer.kids.slice(0, kids).map((kid) => issuer.sign({}, { kid })));
    return Array.from({ length: CALLERS }, (_, caller) => signed[caller % kids]!);
  }

  it.each(KIND)('fetches once for %s', async (_, kids) => {
    const client = new JwksClient({ ...issuer.options(), http });
    const verified = Promise.all((await tokens(kids)).map((token) => client.verify(token)));
    await issuer.up();
    expect(new Set((await verified).map(({ key }) => key)).size).toBe(kids);
    expect(issuer.jwksRequests).toBe(1);
    expect(issuer.requests).toHaveLength(2);
    await client.close();
  });

  it('fetches once more for an unknown kid, and answers each caller', async () => {
    const client = new JwksClient({ ...issuer.options(), http });
    const good = await issuer.sign();
    const bad = await issuer.sign({}, { header: { kid: 'nobody' } });
    const outcomes = Promise.allSettled(
      Array.from({ length: CALLERS }, (_, caller) => client.verify(caller % 2 ? good : bad)),
    );
    await issuer.up();
    const rejected = (await outcomes).filter((outcome) => outcome.status === 'rejected');
    expect(rejected).toHaveLength(CALLERS / 2);
    expect(new Set(rejected.map(({ reason }) => (reason as { code: string }).code))).toEqual(
      new Set(['key_not_found']),
    );
    expect(issuer.jwksRequests).toBe(2);
    await client.close();
  });

  describe.each([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ] as const)('over %s', (_, adapter) => {
    let app: INestApplication;
    let arrived = 0;

    beforeEach(async () => {
      const imports = [JwksModule.forRoot({ ...issuer.options(), http, prefetch: false })];
      const module = await Test.createTestingModule({ imports, controllers: [ApiController] }).compile();
      app = module.createNestApplication(adapter());
      arrived = 0;
      app.use((__: unknown, ___: unknown, next: () => void) => {
        arrived += 1;
        next();
      });
      await app.listen(0, '127.0.0.1');
    });

    afterEach(() => app.close());

    it.each(KIND)('fetches once for %s', async (__, kids) => {
      const pool = new Pool(await app.getUrl(), { connections: 20, pipelining: CALLERS / 20 });
      const ask = async (token: string) => {
        const headers = { authorization: `Bearer ${token}` };
        // Not blocking: the next request goes out on the same connection before this one is
        // answered.
        const response = await pool.request({ method: 'GET', path: '/', headers, blocking: false });
        await response.body.dump();
        return response.statusCode;
      };
      const statuses = Promise.all((await tokens(kids)).map(ask));
      await expect.poll(() => arrived, { timeout: 20_000 }).toBe(CALLERS);
      await issuer.up();
      expect(new Set(await statuses)).toEqual(new Set([200]));
      expect(issuer.jwksRequests).toBe(1);
      await pool.close();
    });
  });
});
