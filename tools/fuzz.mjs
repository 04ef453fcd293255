// Sends mutated tokens and headers, and then mutated key sets, through running applications, on
// Express and on Fastify: npm run fuzz [-- --seed=1 --count=100000 --sets=3000]. A good token in
// its own words is let in; anything else that is, a 5xx, an unheard rejection or a heap that grows
// is told with its number (the same seed and number make the same case) and ends it with 1.
import { parseArgs } from 'node:util';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { isJwksError } from '../dist/index.js';
import { TestIssuer } from '../dist/testing/index.js';
import { PATHS, start } from './fuzz/application.mjs';
import { heapUsed, slopeOf } from './fuzz/heap.mjs';
import { randomOf } from './fuzz/random.mjs';
import { setCase, setMaterial } from './fuzz/sets.mjs';
import { goodCase, headerCase, tokenCase, tokenMaterial } from './fuzz/tokens.mjs';

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '100000' },
    sets: { type: 'string', default: '3000' },
  },
});
const [seed, count, sets] = [flags.seed, flags.count, flags.sets].map(Number);
const AT_ONCE = 64;
/** The heap is looked at after each of so many parts of the run. */
const PARTS = 20;
const MAX_GROWTH = 8;
const MOST_VIOLATIONS = 20;
const violations = [];

for (const fault of ['unhandledRejection', 'uncaughtException']) {
  process.on(fault, (error) => violations.push(`${fault}: ${error?.stack ?? error}`));
}
await fuzzTokens();
await fuzzSets();
for (const violation of violations.slice(0, MOST_VIOLATIONS)) console.error(violation);
console.log(`violations: ${violations.length}`);
console.log(violations.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
process.exit(violations.length === 0 ? 0 : 1);

/**
 * Keys stay what they are: 200 for a good token, 400 or 401 for everything else, and never a 5xx.
 */
async function fuzzTokens() {
  const started = performance.now();
  const issuer = await TestIssuer.start({ audience: 'orders-api', alg: ['ES256', 'EdDSA', 'RS256'] });
  const material = await tokenMaterial(issuer);
  const apis = [];
  for (const adapter of [new ExpressAdapter(), new FastifyAdapter()]) apis.push(await start(adapter, issuer, AT_ONCE));
  const told = tally();
  const marks = [];
  let next = 0;

  const tryOut = async (number) => {
    const random = randomOf(seed, number);
    const [kind, make] = random.below(6) === 0 ? ['header', headerCase] : ['token', tokenCase];
    const cases = [[kind, make(random, material)]];
    // Now and then one that must be let in: else an application that refuses everything would do.
    if (number % 50 === 0) cases.push(['good token', goodCase(random, material)]);
    for (const [of, { authorization, isGood }] of cases) {
      const status = await apis[number % 2].send(PATHS[random.below(2)], authorization);
      told.count(of, status);
      if (isGood ? status === 200 : status === 400 || status === 401) continue;
      violations.push(`case ${number} (${of}): ${status} for ${JSON.stringify(authorization).slice(0, 1_500)}`);
    }
  };
  for (let part = 1; part <= PARTS && violations.length < MOST_VIOLATIONS; part += 1) {
    const end = Math.round((count * part) / PARTS);
    const worker = async () => {
      while (next < end) await tryOut(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    marks.push(await heapUsed());
  }
  for (const api of apis) await api.close();
  await issuer.close();
  told.print(`seed ${seed}, ${next} mutated tokens and headers in ${secondsSince(started)}`);
  judgeHeap(marks);
}

function judgeHeap(marks) {
  const steady = marks.slice(PARTS / 5 - 1);
  const growth = steady.at(-1) - steady[0];
  console.log(`heap in MiB after each of ${PARTS} parts: ${marks.map((mark) => mark.toFixed(1)).join(' ')}`);
  const slope = (slopeOf(steady) * PARTS * 100_000) / count;
  console.log(`after the first fifth: ${growth.toFixed(2)} MiB to the end, ${slope.toFixed(2)} MiB for 100,000 cases`);
  if (!(growth < MAX_GROWTH)) violations.push(`heap: grew by ${growth.toFixed(1)} MiB`);
}

/**
 * Whatever an issuer publishes, nobody but its own keys lets a token in. 503 is right while the set
 * that the fuzzer has just published cannot be used: a kid that is not known is nobody's fault
 * then.
 */
async function fuzzSets() {
  const started = performance.now();
  const changing = await TestIssuer.start({ audience: 'orders-api' });
  const material = await setMaterial(changing);
  const api = await start(new FastifyAdapter(), changing, 1);
  const told = tally();
  let [tried, refused] = [0, 0];

  for (; tried < sets && violations.length < MOST_VIOLATIONS; tried += 1) {
    const { body, forged } = setCase(randomOf(seed, tried), material);
    await changing.garbage(body);
    changing.clearRequests();
    const isUsable = await refresh(api.service);
    if (!isUsable) refused += 1;
    for (const [kind, token] of [...forged.map((each) => ['forged', each]), ['own', material.token]]) {
      const status = await api.send(PATHS[tried % 2], `Bearer ${token}`);
      told.count(isUsable ? kind : `${kind} (no set)`, status);
      const isRefused = status === 401 || (!isUsable && status === 503);
      if (isRefused || (kind === 'own' && status === 200)) continue;
      violations.push(`set ${tried}: ${status} for ${token} with ${JSON.stringify(body).slice(0, 1_000)}`);
    }
  }
  await api.close();
  await changing.close();
  told.print(`${tried} mutated sets in ${secondsSince(started)}, of which ${refused} could not be used`);
}

async function refresh(service) {
  try {
    await service.getJwkSet({ refresh: true });
    return true;
  } catch (error) {
    if (isJwksError(error)) return false;
    violations.push(`refresh: ${error?.stack ?? error}`);
    return false;
  }
}

function tally() {
  const counts = new Map();
  return {
    count(kind, status) {
      const name = `${kind} ${status}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    print(title) {
      const lines = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
      console.log(`${title}: ${lines.map(([name, times]) => `${name} x ${times}`).join(', ')}`);
    },
  };
}

function secondsSince(started) {
  return `${((performance.now() - started) / 1_000).toFixed(0)} s`;
}
