import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Get } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import { Authenticated, JwksModule } from '../../lib/index.js';
import { redisAvailable } from '../support/redis-server.js';
import { ADAPTERS, Api } from './support/api.js';
import { figures } from './support/figures.js';
import { INTEGRITY_KEY, RedisScene, type Member, ON_REDIS } from './support/redis-scene.js';

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  list() {
    return [];
  }
}

const [, makeAdapter] = ADAPTERS[0];

/** One more process: a Nest application. */
function startApi(scene: RedisScene): Promise<Api> {
  const keys = { ...scene.issuer.options(), jwksUri: scene.issuer.jwksUri };
  const cache = { store: scene.store(), integrityKey: INTEGRITY_KEY };
  const imports = [JwksModule.forRoot({ ...keys, cache })];
  return Api.start(makeAdapter, { imports, controllers: [OrdersController] });
}

describe.runIf(redisAvailable()).concurrent('A process that starts during an outage', ON_REDIS, () => {
  it('serves what another one stored, without a fetch', async () => {
    await using scene = await RedisScene.start();
    await scene.fill();
    const token = await scene.issuer.sign();
    await scene.issuer.down();
    await scene.restart(async (member) => {
      await member.verify(token);
      expect(member.counters).toMatchObject({ fetches: 0, storeReads: 1, misses: 1 });
    });
  });

  it('serves what is past its freshness, after one attempt', async () => {
    await using scene = await RedisScene.start();
    const cache = { ttl: '100ms', respectHeaders: false };
    await scene.fill({ cache });
    const token = await scene.issuer.sign();
    await scene.issuer.down();
    await pause(200);
    const servesStale = async (member: Member) => {
      await member.verify(token);
      expect(member.client.status()).toMatchObject({ state: 'stale', counters: { fetches: 1 } });
    };
    await scene.restart(servesStale, { cache });
  });

  it('takes what Redis answers too late for the first request', async () => {
    await using scene = await RedisScene.start();
    await scene.fill();
    const token = await scene.issuer.sign();
    await scene.issuer.down();
    scene.redis.freeze();
    const restarted = scene.start();
    await expect(restarted.verify(token)).rejects.toMatchObject({ code: 'jwks_unavailable' });
    scene.redis.thaw();
    await vi.waitFor(() => restarted.verify(token), { timeout: 500 });
    expect(restarted.client.status().state).toBe('fresh');
  });

  it('and finds no Redis either, starts, answers 503, and heals by itself within 2 s of the return', async () => {
    await using scene = await RedisScene.start();
    const token = await scene.issuer.sign();
    await scene.issuer.down();
    await scene.redis.kill();
    await using api = await startApi(scene);
    const refused = await api.call('/orders', { token });
    expect(refused).toMatchObject({ status: 503, body: { code: 'jwks_unavailable' } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    await scene.issuer.up();
    const back = performance.now();
    await vi.waitFor(async () => expect((await api.call('/orders', { token })).status).toBe(200), { timeout: 5_000 });
    const healed = performance.now() - back;
    figures('healed after the return', { healed });
    expect(healed).toBeLessThan(2_000);
  });
});
