import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestIssuer, type TestDpopKey } from '../../lib/testing/index.js';
import { CompiledLib } from '../support/compiled-lib.js';
import { ON_REDIS } from './support/redis-scene.js';
import { redisAvailable, RedisServer } from '../support/redis-server.js';

const WORKER = fileURLToPath(new URL('../support/dpop-worker.mjs', import.meta.url));
const PROCESSES = 4;
const URL_OF_ORDERS = 'https://api.example.com/orders';

describe.skipIf(!redisAvailable())('four processes that share a replay store in Redis', () => {
  let redis: RedisServer;
  let lib: CompiledLib;
  let issuer: TestIssuer;
  let key: TestDpopKey;
  let token: string;
  let workers: ChildProcess[];
  let urls: string[];
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  beforeAll(async () => {
    [redis, lib, issuer] = await Promise.all([
      RedisServer.start(),
      CompiledLib.make(),
      TestIssuer.start({ audience: 'orders-api' }),
    ]);
    key = await issuer.createDpopKey();
    token = await issuer.sign({}, { dpop: key });
    const settings = { lib: lib.url, options: issuer.options(), redis: redis.url };
    const env = { ...process.env, DPOP_WORKER: JSON.stringify(settings) };
    workers = Array.from({ length: PROCESSES }, () => fork(WORKER, { env }));
    const ready = await Promise.all(workers.map((worker) => once(worker, 'message')));
    urls = ready.map(([message]) => (message as { url: string }).url);
  });

  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    agent.destroy();
    await issuer.close();
    await redis[Symbol.asyncDispose]();
    await lib[Symbol.asyncDispose]();
  });

  function send(url: string | undefined, dpop: string): Promise<number> {
    const headers = { authorization: `DPoP ${token}`, dpop };
    return new Promise((resolve, reject) => {
      httpRequest(`${url}/orders`, { headers, agent }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
  }

  const proof = () => key.proof('GET', URL_OF_ORDERS, { accessToken: token });

  it('P10: accept one proof once that is sent to them a thousand times at once', ON_REDIS, async () => {
    const dpop = await proof();
    const statuses = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => send(urls[index % PROCESSES], dpop)),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    // 503: a busy machine that did not read the answer of Redis within a second.
    expect(statuses.filter((status) => ![200, 401, 503].includes(status))).toEqual([]);
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThan(500);
  });

  it('P11: respond with 503 while the store is down or hangs, and accept nothing', async () => {
    redis.freeze();
    const hung = await Promise.all(urls.map(async (url) => send(url, await proof())));
    redis.thaw();
    await redis.kill();
    const down = await Promise.all(urls.map(async (url) => send(url, await proof())));
    expect([...hung, ...down]).toEqual(Array.from({ length: 2 * PROCESSES }, () => 503));
  });
});
