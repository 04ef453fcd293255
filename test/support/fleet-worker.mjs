// One process of a fleet, as an application would be: verifies a token again and again, and counts.
// It attaches no error listener anywhere.
import { setTimeout as pause } from 'node:timers/promises';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';

const { lib, options, redis, every } = JSON.parse(process.env.FLEET_WORKER);
const { JwksClient } = await import(new URL('client/jwks-client.js', lib).href);
const store = redis && createCache({ stores: [createKeyv({ url: redis, disableOfflineQueue: true })] });
const client = new JwksClient({ ...options, cache: { ...options.cache, ...(store && { store }) } });

let steady;
let counted = start();
let before = { misses: 0, storeFailures: 0 };

function start() {
  return { verified: 0, failed: 0, slowest: 0, reasons: [] };
}

async function verify(token) {
  const startedAt = performance.now();
  const reason = await client.verify(token).then(
    () => undefined,
    (error) => error.code ?? String(error),
  );
  return { ok: reason === undefined, took: performance.now() - startedAt, ...(reason && { reason }) };
}

async function verifySteadily() {
  for (;;) {
    const { ok, took, reason } = await verify(steady);
    counted[ok ? 'verified' : 'failed'] += 1;
    counted.slowest = Math.max(counted.slowest, took);
    if (!ok && !counted.reasons.includes(reason)) counted.reasons.push(reason);
    await pause(every);
  }
}

const work = {
  async use(token) {
    const isFirst = steady === undefined;
    steady = token;
    if (isFirst) void verifySteadily();
  },
  verify,
  async report() {
    const { misses, storeFailures } = client.status().counters;
    const report = { ...counted, misses: misses - before.misses, storeFailures: storeFailures - before.storeFailures };
    before = { misses, storeFailures };
    counted = start();
    return report;
  },
};

process.on('message', async ({ id, task, token }) => process.send({ id, answer: await work[task](token) }));
process.on('disconnect', () => process.exit());
process.send({ id: 0 });
