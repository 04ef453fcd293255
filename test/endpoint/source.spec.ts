import { describe, expect, it } from 'vitest';
import type { JwksModuleOptions } from '../../lib/options/jwks-options.js';
import { serviceOf } from '../client/support.js';
import { ManualClock } from '../support/manual-clock.js';
import { ISSUER, Publishing } from './support/endpoint.js';

describe('the ring as the source of a JwksModule', () => {
  const cases: Pick<JwksModuleOptions, 'cache'>[] = [{}, { cache: { ttl: '30m', respectHeaders: false } }];

  it.each(cases)(
    'rejects no token through rotations, and those of a revoked key within maxAge, with %j',
    async (options) => {
      // At the present, where jose sees it when it signs and verifies.
      const clock = new ManualClock(Date.now());
      const publishing = await Publishing.start({ keys: {}, maxAge: '20s' }, clock);
      const module = {
        issuer: ISSUER,
        audience: 'orders',
        source: publishing.ring.source(),
        ...options,
      } as JwksModuleOptions;
      const service = serviceOf(module, clock);
      const sign = () => publishing.signer.sign({}, { audience: 'orders', expiresIn: '1h' });
      for (let rotation = 0; rotation < 20; rotation += 1) {
        await publishing.ring.rotate();
        for (let step = 0; step < 5; step += 1) {
          await service.verify(await sign());
          await clock.pass('5s');
        }
      }
      const token = await sign();
      await service.verify(token);
      await publishing.ring.revoke(publishing.current ?? '');
      await service.verify(await sign());
      await clock.pass('20s');
      await expect(service.verify(token)).rejects.toMatchObject({ code: 'key_not_found' });
    },
  );
});
