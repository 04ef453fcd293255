import { setTimeout as pause } from 'node:timers/promises';
import { PATIENCE, tally } from '../chaos/tally.mjs';

const situations = [];
let blamesToken;

/** Makes a verifier of a contender for each situation. */
export async function prepare({ contender, setups }) {
  const module = await import(`../contenders/verifiers/${contender}.mjs`);
  blamesToken = module.blamesToken;
  for (const { id, setup, tokens } of setups) situations.push({ id, tokens, verify: await module.verifier(setup) });
}

/** Brings every token at its time, situations beside each other; returns a tally of each. */
export async function face(starts) {
  const tallies = situations.map(async ({ id, tokens, verify }) => {
    const answers = [];
    for (const { at, counts, token } of tokens) {
      const due = starts[id] + at;
      await pause(Math.max(0, due - Date.now()));
      const behind = Math.max(0, Date.now() - due);
      answers.push(bring(verify, token).then((answer) => ({ counts, behind, ...answer })));
    }
    return [id, tally(await Promise.all(answers))];
  });
  return Object.fromEntries(await Promise.all(tallies));
}

async function bring(verify, token) {
  const startedAt = performance.now();
  const patience = new AbortController();
  const outcome = await Promise.race([
    outcomeOf(verify, token),
    pause(PATIENCE, 'late', { signal: patience.signal }).catch(() => 'late'),
  ]);
  patience.abort();
  return { outcome, took: performance.now() - startedAt };
}

async function outcomeOf(verify, token) {
  try {
    await verify(token);
    return 'accepted';
  } catch (error) {
    return blamesToken(error) ? 'blamed' : 'unavailable';
  }
}
