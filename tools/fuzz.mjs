// Sends mutated tokens and headers, and then mutated key sets, to running applications, on Express
// and on Fastify: npm run fuzz [-- --seed=1 --count=100000 --sets=3000]
// Exits with 1 when anything but a good token is accepted, at a 5xx, at an unhandled rejection and
// when the heap grows. A violation is shrunk and printed with the command that repeats it:
// npm run fuzz -- --only=tokens --seed=... --path=...
import { parseArgs } from 'node:util';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { isJwksError } from '../dist/index.js';
import { TestIssuer } from '../dist/testing/index.js';
import { PATHS, start } from './fuzz/application.mjs';
import { explore, replay, seedsOf } from './fuzz/explore.mjs';
import { heapUsed, slopeOf } from './fuzz/heap.mjs';
import { forgedTokens, setBodies, setMaterial } from './fuzz/sets.mjs';
import { requests, tokenMaterial } from './fuzz/tokens.mjs';

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '100000' },
    sets: { type: 'string', default: '3000' },
    only: { type: 'string' },
    path: { type: 'string' },
  },
});
const [seed, count, sets] = [flags.seed, flags.count, flags.sets].map(Number);
const AT_ONCE = 64;
/** The heap is measured after each of so many parts of the run. */
const PARTS = 20;
const MAX_GROWTH = 8;
const violations = [];

for (const fault of ['unhandledRejection', 'uncaughtException']) {
  process.on(fault, (error) => violations.push(`${fault}: ${error?.stack ?? error}`));
}
if (flags.only !== 'sets') await fuzzTokens();
if (flags.only !== 'tokens') await fuzzSets();
for (const violation of violations) console.error(violation);
console.log(`violations: ${violations.length}`);
console.log(violations.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
process.exit(violations.length === 0 ? 0 : 1);

/**
 * Keys stay what they are: 200 for a good token, 400 or 401 for everything else, and never a 5xx.
 */
async function fuzzTokens() {
  const issuer = await TestIssuer.start({ audience: 'orders-api', alg: ['ES256', 'EdDSA', 'RS256'] });
  const apis = [];
  for (const adapter of [new ExpressAdapter(), new FastifyAdapter()]) apis.push(await start(adapter, issuer, AT_ONCE));
  const answers = tally();
  const marks = [];

  const predicate = async ({ api, path, kind, authorization, isGood }) => {
    const status = await apis[api].send(PATHS[path], authorization);
    answers.count(kind, status);
    if (isGood ? status === 200 : status === 400 || status === 401) return;
    throw new Error(`${kind}: ${status} for ${JSON.stringify(authorization).slice(0, 1_500)}`);
  };
  await run('tokens', requests(await tokenMaterial(issuer)), predicate, {
    count,
    atOnce: AT_ONCE,
    parts: PARTS,
    onPart: async () => marks.push(await heapUsed()),
  });
  for (const api of apis) await api.close();
  await issuer.close();
  answers.print('mutated tokens and headers');
  if (marks.length === PARTS) checkHeap(marks);
}

function checkHeap(marks) {
  const steady = marks.slice(PARTS / 5 - 1);
  const growth = steady.at(-1) - steady[0];
  console.log(`heap in MiB after each of ${PARTS} parts: ${marks.map((mark) => mark.toFixed(1)).join(' ')}`);
  const slope = (slopeOf(steady) * PARTS * 100_000) / count;
  console.log(`after the first fifth: ${growth.toFixed(2)} MiB to the end, ${slope.toFixed(2)} MiB for 100,000 cases`);
  if (!(growth < MAX_GROWTH)) violations.push(`heap: grew by ${growth.toFixed(1)} MiB`);
}

/**
 * Whatever an issuer publishes, only a token that its own keys have signed is accepted. 503 is
 * right while the set that the fuzzer has just published cannot be used: the error is the
 * provider's then, not the client's.
 */
async function fuzzSets() {
  const issuer = await TestIssuer.start({ audience: 'orders-api' });
  const material = await setMaterial(issuer);
  const api = await start(new FastifyAdapter(), issuer, 1);
  const answers = tally();
  let tried = 0;

  const predicate = async (body) => {
    await issuer.garbage(body);
    issuer.clearRequests();
    const isUsable = await refresh(api.service);
    const path = PATHS[tried++ % 2];
    for (const [kind, token] of [...forgedTokens(material).map((each) => ['forged', each]), ['own', material.token]]) {
      const status = await api.send(path, `Bearer ${token}`);
      answers.count(isUsable ? kind : `${kind} (no set)`, status);
      if (status === 401 || (!isUsable && status === 503) || (kind === 'own' && status === 200)) continue;
      throw new Error(`${kind}: ${status} for ${token} with ${JSON.stringify(body).slice(0, 1_000)}`);
    }
  };
  await run('sets', setBodies(material), predicate, { count: sets });
  await api.close();
  await issuer.close();
  answers.print('mutated sets');
}

/** Everything, or with `--path` the one case of that seed. The first violation is shrunk. */
async function run(name, arbitrary, predicate, { parts = 1, onPart = () => {}, ...how }) {
  const started = performance.now();
  const found = flags.path === undefined ? [] : [{ seed, path: flags.path }];
  for (const part of flags.path === undefined ? seedsOf(seed, parts) : []) {
    found.push(...(await explore(arbitrary, predicate, { ...how, seed: part, count: Math.ceil(how.count / parts) })));
    await onPart();
    if (found.length > 0) break;
  }
  if (found.length > 0) found[0] = (await replay(arbitrary, predicate, found[0])) ?? found[0];
  violations.push(...found.filter(({ error }) => error).map((violation) => describe(name, violation)));
  console.log(`${name}, seed ${seed}, ${((performance.now() - started) / 1_000).toFixed(0)} s`);
}

function describe(name, { seed: of, path, error }) {
  return `${error.message}\n  repeat it: npm run fuzz -- --only=${name} --seed=${of} --path=${path}`;
}

async function refresh(service) {
  try {
    await service.getJwkSet({ refresh: true });
    return true;
  } catch (error) {
    if (isJwksError(error)) return false;
    throw error;
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
