import { resilience } from '../contenders/catalogue.mjs';
import { SITUATIONS, WARM_UP } from '../chaos/situations.mjs';
import { QUICK_SITUATIONS, timetable } from '../chaos/timetable.mjs';
import { schedule, sign, statesOf } from '../chaos/traffic.mjs';
import { withChildren } from '../support/child.mjs';
import { signingKey } from '../support/keys.mjs';
import { AUDIENCE } from '../support/tokens.mjs';

const ALG = 'RS256';
/** Milliseconds until all processes have their schedule. */
const LEAD = 1_000;

/** What becomes of good and of bad tokens while the provider is in trouble, and afterwards. */
export const chaos = {
  id: 'chaos',
  title: 'Good and bad tokens while the identity provider is in trouble',
  run: (lab, sheet) => withChildren((start) => watch(lab, sheet, start)),
};

async function watch(lab, sheet, start) {
  const situations = lab.pick({ full: SITUATIONS, quick: QUICK_SITUATIONS });
  const all = [WARM_UP, ...situations];
  const traffic = await makeTraffic(all);
  const provider = await start('providing');
  const names = resilience.flatMap((contender) => all.map((situation) => placeOf(contender, situation)));
  const uris = await provider.call('open', { jwks: traffic.jwks, names });
  const ready = await Promise.all(
    resilience.map(async (contender) => {
      const child = await start('facing');
      const setups = all.map((situation) => setupOf(situation, traffic, uris[placeOf(contender, situation)]));
      const error = await child.call('prepare', { contender: contender.verifier, setups }).catch((reason) => reason);
      return { contender, child, error };
    }),
  );
  const found = await runAll({ provider, ready, situations: all });
  for (const { contender, tallies, error } of found) {
    if (error) missEverywhere(sheet, situations, { contender, error });
    else for (const situation of situations) sheet.addRounds(situation.title, contender, [tallies[situation.id]]);
  }
}

/** Runs all situations; returns for each contender a tally of each situation, fetches included. */
async function runAll({ provider, ready, situations }) {
  const begins = timetable(situations.slice(1));
  const startsAt = Date.now() + LEAD;
  const beginOf = ({ id }) => startsAt + begins.get(id) * 1_000;
  const plays = ready.flatMap(({ contender }) =>
    situations.map((situation) => ({
      name: placeOf(contender, situation),
      startsAt: beginOf(situation),
      states: statesOf(situation),
    })),
  );
  const starts = Object.fromEntries(situations.map((situation) => [situation.id, beginOf(situation)]));
  const [, ...answers] = await Promise.all([
    provider.call('play', plays),
    ...ready.map(({ child, error }) => error ?? child.call('face', starts).catch((reason) => reason)),
  ]);
  const fetches = await provider.call('fetches');
  return ready.map(({ contender }, index) => {
    if (answers[index] instanceof Error) return { contender, error: answers[index] };
    const tallies = situations.map((situation) => {
      const fetched = fetches[placeOf(contender, situation)];
      return [situation.id, { ...answers[index][situation.id], fetched }];
    });
    return { contender, tallies: Object.fromEntries(tallies) };
  });
}

function missEverywhere(sheet, situations, { contender, error }) {
  for (const { title } of situations) sheet.miss(title, contender, error);
}

/** Keys, and the same signed tokens for every contender. */
async function makeTraffic(situations) {
  const keys = new Map();
  for (const [name, kid] of [['key-1'], ['key-2'], ['key-1-again', 'key-1']])
    keys.set(name, await signingKey(ALG, kid ?? name));
  const stranger = await signingKey(ALG);
  const tokens = new Map(
    situations.map((situation) => {
      const issuer = issuerOf(situation);
      return [situation.id, sign(schedule(situation), { issuer, keys, stranger })];
    }),
  );
  return { jwks: Object.fromEntries([...keys].map(([name, { jwk }]) => [name, jwk])), tokens };
}

function setupOf(situation, { tokens }, jwksUri) {
  const issuers = [{ issuer: issuerOf(situation), jwksUri }];
  const setup = { issuers, audience: AUDIENCE, algorithms: [ALG], lifetime: situation.lifetime };
  return { id: situation.id, setup, tokens: tokens.get(situation.id) };
}

function issuerOf({ id }) {
  return `https://${id}.example.com`;
}

function placeOf({ name }, { id }) {
  return `${name} in ${id}`;
}
