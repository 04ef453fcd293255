// Sends mutated tokens and headers, then mutated DPoP proofs and client certificates, and then
// mutated key sets, to running applications, on Express and on Fastify:
// npm run fuzz [-- --seed=1 --count=100000 --proofs=100000 --sets=3000]
// Exits with 1 when anything but a good token is accepted, at a 5xx, at an unhandled rejection, when
// a proof or certificate stands in a response or in the log, and when the heap grows. A violation is shrunk and printed with the command that repeats it:
// npm run fuzz -- --only=tokens --seed=... --path=...
import { parseArgs } from 'node:util';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { isJwksError } from '../dist/index.js';
import { TestIssuer } from '../dist/testing/index.js';
import { PATHS, start } from './fuzz/application.mjs';
import { explore, replay, seedsOf } from './fuzz/explore.mjs';
import { heapUsed, slopeOf } from './fuzz/heap.mjs';
import { FORMATS, hasNonces, MARK, proofMaterial, provenRequests, PUBLIC_URL } from './fuzz/proofs.mjs';
import { forgedTokens, setBodies, setMaterial } from './fuzz/sets.mjs';
import { requests, tokenMaterial } from './fuzz/tokens.mjs';

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '100000' },
    proofs: { type: 'string', default: '100000' },
    sets: { type: 'string', default: '3000' },
    only: { type: 'string' },
    path: { type: 'string' },
  },
});
const [seed, count, proofs, sets] = [flags.seed, flags.count, flags.proofs, flags.sets].map(Number);
const AT_ONCE = 64;
/** The heap is measured after each of so many parts of the run. */
const PARTS = 20;
const MAX_GROWTH = 8;
/** What proofs, tokens and certificates look like in a log. */
const LOGGED = new RegExp(`${MARK}|eyJ[\\w-]{8}|BEGIN|[\\w+/]{60}`);
const violations = [];

for (const fault of ['unhandledRejection', 'uncaughtException']) {
  process.on(fault, (error) => violations.push(`${fault}: ${error?.stack ?? error}`));
}
const runs = [
  ['tokens', fuzzTokens],
  ...FORMATS.map((format) => [`proofs-${format}`, (name) => fuzzProofs(name, format)]),
  ['sets', fuzzSets],
];
for (const [name, fuzz] of runs) if (name.startsWith(flags.only ?? '')) await fuzz(name);
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
    const { status } = await apis[api].send(PATHS[path], { authorization });
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
  if (marks.length === PARTS) checkHeap(marks, count);
}

function checkHeap(marks, count) {
  const parts = marks.length;
  const steady = marks.slice(parts / 5 - 1);
  const growth = steady.at(-1) - steady[0];
  console.log(`heap in MiB after each of ${parts} parts: ${marks.map((mark) => mark.toFixed(1)).join(' ')}`);
  const slope = (slopeOf(steady) * parts * 100_000) / count;
  console.log(`after the first fifth: ${growth.toFixed(2)} MiB to the end, ${slope.toFixed(2)} MiB for 100,000 cases`);
  if (!(growth < MAX_GROWTH)) violations.push(`heap: grew by ${growth.toFixed(1)} MiB`);
}

/**
 * A bound token passes with its own proof or certificate alone, and nothing of those that are wrong
 * comes back or is logged.
 */
async function fuzzProofs(name, format) {
  const issuer = await TestIssuer.start({ audience: 'orders-api' });
  const lines = [];
  const log = (...parts) => lines.push(parts.map(String).join(' '));
  const logger = Object.fromEntries(['log', 'error', 'warn', 'debug', 'verbose', 'fatal'].map((level) => [level, log]));
  const nonce = { secret: 'a secret of at least 32 characters', lifetime: '1h' };
  const dpop = { publicUrl: PUBLIC_URL, ...(hasNonces(format) ? { nonce } : { proofMaxAge: '10m' }) };
  const options = { logger, dpop, mtls: { certificate: format, trustedProxies: ['127.0.0.1', '::1'] } };
  const apis = [];
  for (const adapter of [new ExpressAdapter(), new FastifyAdapter()])
    apis.push(await start(adapter, issuer, AT_ONCE, options));
  const material = await proofMaterial(issuer, async (headers) => {
    const { fields } = await apis[0].send(PATHS[0], headers);
    return fields['dpop-nonce'];
  });
  const answers = tally();
  const marks = [];

  const predicate = async ({ api, path, kind, headers, isProven, isGood }) => {
    const sent = isProven ? { ...headers, dpop: material.fresh(path) } : headers;
    const { status, text } = await apis[api].send(path, sent);
    answers.count(kind, status);
    const leaked = [...piecesOf(sent), MARK].find((piece) => text.includes(piece));
    const logged = lines.splice(0).find((line) => LOGGED.test(line));
    if (leaked === undefined && logged === undefined && status === (isGood ? 200 : 401)) return;
    throw new Error(`${kind}: ${status}, ${leaked ?? logged ?? ''} for ${JSON.stringify(sent).slice(0, 3_000)}`);
  };
  const [share, parts] = [proofs, PARTS].map((all) => Math.ceil(all / FORMATS.length));
  await run(name, provenRequests(material, format, PATHS), predicate, {
    from: flags.path === undefined ? seed + FORMATS.indexOf(format) : seed,
    count: share,
    atOnce: AT_ONCE,
    parts,
    onPart: async () => marks.push(await heapUsed()),
  });
  for (const api of apis) await api.close();
  await issuer.close();
  answers.print(`mutated proofs and certificates, ${format}`);
  if (marks.length === parts) checkHeap(marks, share);
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
      const { status } = await api.send(path, { authorization: `Bearer ${token}` });
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
async function run(name, arbitrary, predicate, { from = seed, parts = 1, onPart = () => {}, ...how }) {
  const started = performance.now();
  const found = flags.path === undefined ? [] : [{ seed: from, path: flags.path }];
  for (const part of flags.path === undefined ? seedsOf(from, parts) : []) {
    found.push(...(await explore(arbitrary, predicate, { ...how, seed: part, count: Math.ceil(how.count / parts) })));
    await onPart();
    if (found.length > 0) break;
  }
  if (found.length > 0) found[0] = (await replay(arbitrary, predicate, found[0])) ?? found[0];
  violations.push(...found.filter(({ error }) => error).map((violation) => describe(name, violation)));
  console.log(`${name}, seed ${from}, ${((performance.now() - started) / 1_000).toFixed(0)} s`);
}

/** What must not come back: enough of each long header to know it again. */
function piecesOf(headers) {
  return Object.values(headers)
    .filter((value) => value.length > 40)
    .flatMap((value) => [value.slice(-20), value.slice(value.length / 2, value.length / 2 + 20)]);
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
