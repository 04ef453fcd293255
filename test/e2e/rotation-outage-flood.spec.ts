import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestIssuer } from '../../lib/testing/index.js';
import { figures } from './support/figures.js';
import { Site } from './support/site.js';
import { Traffic } from './support/traffic.js';

const FLOOD = 20_000;
const BATCH = 100;
const MEGABYTE = 1_048_576;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Tokens that anyone on the internet can make: each names a key that does not exist. */
function junkTokens(issuer: TestIssuer, count: number): string[] {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = encode({ iss: issuer.issuer, aud: 'orders-api', exp: Math.floor(Date.now() / 1000) + 300 });
  const header = () => encode({ alg: 'ES256', kid: randomBytes(12).toString('hex') });
  return Array.from({ length: count }, () => `${header()}.${claims}.${randomBytes(64).toString('base64url')}`);
}

/** Returns the codes of the errors. */
async function flood({ jwks, issuer }: Site): Promise<Set<string>> {
  const codes = new Set<string>();
  for (let sent = 0; sent < FLOOD; sent += BATCH) {
    const refused = junkTokens(issuer, BATCH).map((token) => jwks.verify(token).then(() => 'passed', codeOf));
    for (const code of await Promise.all(refused)) codes.add(code);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return codes;
}

const codeOf = (error: { code: string }) => error.code;

describe('A flood of tokens with invented kids', { timeout: 30_000 }, () => {
  // What the first one compiles and loads is no growth.
  beforeAll(async () => {
    await using site = await Site.start();
    await flood(site);
  }, 30_000);

  it.each<[mode: string, refusal: string, begin: (issuer: TestIssuer) => Promise<void>]>([
    ['works', 'key_not_found', (issuer) => issuer.up()],
    ['answers 500', 'jwks_unavailable', (issuer) => issuer.status(500)],
    ['hangs', 'jwks_unavailable', (issuer) => issuer.slow('1h')],
    ['serves an empty set', 'jwks_invalid', (issuer) => issuer.garbage({ keys: [] })],
  ])('harms no good token, while the endpoint %s', async (mode, refusal, begin) => {
    await using site = await Site.start({ http: { retries: 0, timeout: 300, deadline: 600 } });
    const { issuer } = site;
    const token = await issuer.sign();
    await site.pass(token);
    await begin(issuer);
    issuer.clearRequests();
    const before = heapUsed();
    const traffic = Traffic.start(() => site.pass(token));
    const codes = await flood(site);
    await traffic.stop();
    const grown = heapUsed() - before;
    const { answered: good, slowest } = traffic;
    figures(`flood, endpoint ${mode}`, { fetches: issuer.jwksRequests, good, slowest, grownMB: grown / MEGABYTE });
    // A kid that was not asked for, because the refetch limit is reached, may exist.
    const expected = mode === 'works' ? [refusal, 'jwks_unavailable'] : [refusal];
    expect([...codes].sort()).toEqual(expected.sort());
    expect(issuer.jwksRequests).toBeGreaterThan(0);
    // A failed refetch costs nothing of the limit, but there is at most one a second.
    const most = mode === 'works' ? 4 : 12;
    expect(issuer.jwksRequests).toBeLessThanOrEqual(most);
    expect(site.counters.fetches).toBeLessThanOrEqual(1 + most);
    expect(traffic.failures).toEqual([]);
    expect(traffic.answered).toBeGreaterThan(10);
    expect(grown).toBeLessThan(2 * MEGABYTE);
  });
});
