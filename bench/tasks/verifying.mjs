import { monitorEventLoopDelay } from 'node:perf_hooks';
import { TokenPool } from '../support/tokens.mjs';
import { timed } from './stopwatch.mjs';

const CHECK_EVERY = 16;

let verify;
let pool;

/**
 * Makes the verifier of a contender, and checks it with a good token and those that it must reject.
 */
export async function prepare({ contender, setup, specimens, rejects }) {
  const { verifier } = await import(`../contenders/verifiers/${contender}.mjs`);
  verify = await verifier(setup);
  await verify(specimens.good);
  for (const kind of rejects)
    if (await accepts(specimens[kind])) throw new Error(`accepts a token that is ${kind}, so it is not measured`);
  await verify(specimens.good);
}

export function openPool(file) {
  pool = new TokenPool(file);
}

/**
 * Tokens that it has not seen, or has long forgotten, so many at once; fewer of them where one
 * takes very long.
 */
export function firstSeen({ count, within, atOnce }) {
  return paced({ tokens: pool.take(count), within, atOnce });
}

/** One token again and again. */
export function repeated({ token, count, within }) {
  return paced({ tokens: Array.from({ length: count }, () => token), within, atOnce: 1 });
}

/** So many requests come in with each turn of the event loop, as a busy server has them. */
const A_TURN = 8;

/** Rejects tokens; how late the event loop was meanwhile, in milliseconds. */
export async function flood({ tokens }) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let at = 0; at < tokens.length; at += A_TURN) {
    await Promise.all(tokens.slice(at, at + A_TURN).map(accepts));
    await new Promise((resolve) => setImmediate(resolve));
  }
  delay.disable();
  return { loopDelay: delay.percentile(99) / 1e6, typical: delay.percentile(50) / 1e6 };
}

async function paced({ tokens, within, atOnce }) {
  let next = 0;
  const stop = performance.now() + within;
  const lane = async () => {
    while (next < tokens.length) {
      // The clock is no part of what is measured.
      if (next % CHECK_EVERY === 0 && performance.now() > stop) return;
      await verify(tokens[next++]);
    }
  };
  return timed(async () => {
    await (atOnce === 1 ? lane() : Promise.all(Array.from({ length: atOnce }, lane)));
    return next;
  });
}

async function accepts(token) {
  try {
    await verify(token);
    return true;
  } catch {
    return false;
  }
}
