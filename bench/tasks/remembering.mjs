import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { TokenPool } from '../support/tokens.mjs';

const MEGABYTE = 1024 * 1024;

/** Heap that different good tokens leave behind. */
export async function tokens({ contender, setup, pool: file, count }) {
  const verify = await make(contender, setup);
  const pool = new TokenPool(file);
  await verify(pool.at(0));
  return grown(async () => {
    for (let index = 1; index <= count; index += 1) await verify(pool.at(index));
  });
}

/** Heap that the sets of many issuers take, each of them met once. */
export async function issuers({ contender, setup, pool: file }) {
  const pool = new TokenPool(file);
  const verify = await make(contender, setup);
  await verify(pool.at(0));
  return grown(async () => {
    for (let index = 1; index < setup.issuers.length; index += 1) await verify(pool.at(index));
  });
}

/** Heap that unsigned tokens with unknown keys leave behind. */
export async function unknownKids({ contender, setup, specimen, count }) {
  const verify = await make(contender, setup);
  const [header, payload, signature] = specimen.split('.');
  const { alg, typ } = JSON.parse(Buffer.from(header, 'base64url').toString());
  const stranger = () => {
    const unknown = Buffer.from(JSON.stringify({ alg, kid: randomUUID(), typ })).toString('base64url');
    return `${unknown}.${payload}.${signature}`;
  };
  await verify(specimen);
  const flood = async (size) => {
    for (let sent = 0; sent < size; sent += 1) {
      const isIn = await verify(stranger()).then(
        () => true,
        () => false,
      );
      if (isIn) throw new Error('accepts a token under an unknown key');
      // As between requests: whatever is due gets its turn.
      if (sent % 1_000 === 0) await turn();
    }
  };
  await flood(10_000);
  return grown(() => flood(count));
}

async function make(contender, setup) {
  const { verifier } = await import(`../contenders/verifiers/${contender}.mjs`);
  return verifier(setup);
}

async function grown(work) {
  const before = await settledHeap();
  await work();
  return { heap: ((await settledHeap()) - before) / MEGABYTE };
}

/** Under --expose-gc. */
async function settledHeap() {
  for (let pass = 0; pass < 4; pass += 1) {
    await turn();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}
