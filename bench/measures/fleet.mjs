import { setTimeout as pause } from 'node:timers/promises';
import { withChildren } from '../support/child.mjs';
import { startRedis } from '../support/redis.mjs';
import { AUDIENCE } from '../support/tokens.mjs';

/**
 * In milliseconds: one of ten minutes would take an hour to see. Two processes that find a set too
 * old at the same time are likelier in a short one.
 */
const LIFETIME = 5_000;
const EVERY = 50;
const SIZES = [1, 2, 4, 8];

const SHARED = { name: 'nestjs-jwks', title: 'nestjs-jwks, one store (Redis)', kind: 'ours' };
const ALONE = { name: 'nestjs-jwks-alone', title: 'nestjs-jwks, each for itself', kind: 'ours' };
const JOSE = { name: 'jose', title: 'jose, each for itself', kind: 'rival' };

/** How often a fleet of processes, all of them busy, fetches a set in the time that it is fresh. */
export const fleet = {
  id: 'fleet',
  title: 'Fetches of a fleet in the lifetime of a set',
  async run(lab, sheet) {
    const redis = await startRedis();
    try {
      await withChildren((start) => watch(lab, sheet, { start, redis }));
    } finally {
      redis?.stop();
    }
  },
};

export function fleetOf(size) {
  return size === 1 ? '1 process' : `${size} processes`;
}

async function watch(lab, sheet, { start, redis }) {
  const fleets = [];
  for (const size of lab.pick({ full: SIZES, quick: [1, 2] })) {
    for (const contender of [SHARED, ALONE, JOSE]) {
      if (contender === SHARED && !redis) {
        sheet.miss(fleetOf(size), contender, 'redis-server is not installed', { fault: false });
        continue;
      }
      fleets.push(await gather(lab, start, { contender, size, redis: contender === SHARED ? redis.url : undefined }));
    }
  }
  // The start is over when each process has refreshed its set.
  await pause(LIFETIME);
  const before = fleets.map(({ issuer }) => lab.idp.fetches(issuer));
  const lifetimes = lab.pick({ full: 6, quick: 1 });
  await pause(LIFETIME * lifetimes);
  for (const [index, { contender, size, issuer, children }] of fleets.entries()) {
    const fetches = (lab.idp.fetches(issuer) - before[index]) / lifetimes;
    const failed = (await Promise.all(children.map((child) => child.call('failures')))).reduce(
      (sum, each) => sum + each,
    );
    sheet.addRounds(fleetOf(size), contender, [{ fetches, failed }]);
  }
}

async function gather(lab, start, { contender, size, redis }) {
  const issuer = lab.issuer('RS256', { name: `fleet/${contender.name}-${size}` });
  const { good } = lab.specimens('RS256', issuer);
  const [name] = contender.name.split('-alone');
  const setup = { contender: name, issuer, audience: AUDIENCE, token: good, every: EVERY, lifetime: LIFETIME, redis };
  const children = await Promise.all(
    Array.from({ length: size }, async () => {
      const child = await start('fleeting');
      await child.call('join', setup);
      return child;
    }),
  );
  return { contender, size, issuer, children };
}
