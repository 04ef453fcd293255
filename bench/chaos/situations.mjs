// What happens to the identity provider, in seconds from the start of a situation. Every contender
// gets the same states and the same tokens at the same times.
import * as provider from './states.mjs';

/**
 * @typedef {object} Situation
 * @property {string} id
 * @property {string} title what happens, as the tables say it
 * @property {number} seconds how long tokens come
 * @property {number} every milliseconds between two good tokens; changes fall between them
 * @property {number} [lifetime] milliseconds that a set stays fresh; a contender's default if absent
 * @property {Record<number, import('./states.mjs').State>} states by the second of their start
 * @property {Record<number, string[]>} signedWith keys of good tokens from a second on, in turn
 * @property {[from: number, to: number]} [uncounted] when refusing a good token is right
 * @property {number} [grace] seconds after that in which good tokens may still be refused
 * @property {[from: number, key: string]} [retired] a key whose tokens are bad from a second on
 * @property {{ from: number, to: number, every: number }} [madeUpKids] tokens with kids that the
 *   provider never had, in seconds and one in so many milliseconds
 */

/** Four cycles of refreshing in 20 s: a set of ten minutes would need an hour. */
const SHORT_LIFE = 3_000;
const SHORT = { seconds: 20, every: 80 };
/** jose does not fetch for unknown kids within 30 s of a fetch. Changes come later than that. */
const LONG = { seconds: 70, every: 280 };

const ONE = provider.serves('key-1');
const BOTH = provider.serves('key-1', 'key-2');
const REFUSES_FOR_AN_HOUR = provider.status(503, { 'retry-after': '3600' });

/** The provider is in this state for ten seconds, and well before and after. Sets run out then. */
function outage(id, title, state, more) {
  const states = { 0: ONE, 4: state, 14: ONE };
  return { id, title, ...SHORT, lifetime: SHORT_LIFE, states, signedWith: { 0: ['key-1'] }, ...more };
}

function rotation(id, title, { at, states = { 0: ONE, [at]: BOTH }, ...more }) {
  return {
    id,
    title,
    ...LONG,
    states,
    signedWith: { 0: ['key-1'], [at]: ['key-2'] },
    ...more,
  };
}

function coldStart(id, title, { state, until, ...more }) {
  return {
    id,
    title,
    ...SHORT,
    states: { 0: state, [until]: ONE },
    signedWith: { 0: ['key-1'] },
    ...more,
  };
}

/** @type {Situation[]} */
const OUTAGES = [
  outage('status-500', '500 for 10 s', provider.status(500)),
  outage('status-429', '429 for 10 s', provider.status(429)),
  outage('status-404', '404 for 10 s', provider.status(404)),
  outage('retry-after', '503 with `Retry-After: 3600` for 10 s', REFUSES_FOR_AN_HOUR),
  outage('hang', 'no answer for 10 s', provider.hangs()),
  outage('stall', 'half an answer and then silence for 10 s', provider.stalls()),
  outage('half', 'half an answer and then the end for 10 s', provider.breaksOff()),
  outage('reset', 'connections reset for 10 s', provider.resets()),
  outage('closed', 'a closed port for 10 s', provider.closed()),
  outage('html', 'an HTML page for 10 s', provider.html()),
  outage('garbage', 'broken JSON for 10 s', provider.garbage()),
  outage('redirect', 'a redirect to a sign-in page for 10 s', provider.redirects()),
  outage('oversized', '16 MB, gzip where accepted, for 10 s', provider.oversized()),
  outage('slow', 'answers that take 2 s', provider.slow(2_000, ONE)),
  outage('flapping', '500 every other second for 10 s', undefined, {
    states: {
      0: ONE,
      ...Object.fromEntries(Array.from({ length: 10 }, (_, n) => [4 + n, n % 2 ? ONE : provider.status(500)])),
      14: ONE,
    },
  }),
  // Nothing is served from an empty set. Within 2 s of its end the good one is to be back.
  outage('empty', 'an empty set for 5 s, then a good one', provider.serves(), {
    states: { 0: ONE, 4: provider.serves(), 9: ONE },
    uncounted: [4, 9],
    grace: 2,
  }),
];

/** @type {Situation[]} */
const KEYS = [
  rotation('rotation', 'a new key', { at: 31 }),
  rotation('rotation-early', 'a new key, 5 s after the start', { at: 5, ...SHORT }),
  rotation('rotation-down', 'a new key during an outage of 15 s', {
    at: 36,
    states: { 0: ONE, 31: provider.status(500), 46: BOTH },
  }),
  // 1.2 s: no token comes just before or after a second look for the key, a second after the first.
  rotation('rotation-late', 'a new key, published a second after its first token', {
    at: 31,
    states: { 0: ONE, 32.2: BOTH },
  }),
  rotation('retry-after-rotation', 'one 503 with `Retry-After: 3600`, then a new key', {
    at: 8,
    ...SHORT,
    lifetime: SHORT_LIFE,
    states: { 0: ONE, 2: provider.once(REFUSES_FOR_AN_HOUR, ONE), 8: BOTH },
  }),
  rotation('edges', 'a new key that every other answer lacks for 20 s', {
    at: 31,
    signedWith: { 0: ['key-1'], 31: ['key-1', 'key-2'] },
    states: { 0: ONE, 31: provider.edges(ONE, BOTH), 51: BOTH },
  }),
  rotation('edges-short', 'the same with sets of 3 s', {
    at: 4,
    ...SHORT,
    lifetime: SHORT_LIFE,
    signedWith: { 0: ['key-1'], 4: ['key-1', 'key-2'] },
    states: { 0: ONE, 4: provider.edges(ONE, BOTH), 14: BOTH },
  }),
  rotation('flood', 'five made-up kids a second, then a new key', {
    at: 36,
    madeUpKids: { from: 31, to: 70, every: 200 },
  }),
  rotation('trickle', 'a made-up kid every 5 s, then a new key', {
    at: 41,
    madeUpKids: { from: 3, to: 70, every: 5_000 },
  }),
  rotation('flood-down', 'five made-up kids a second in an outage, then a new key', {
    at: 46,
    states: { 0: ONE, 31: provider.status(500), 46: BOTH },
    madeUpKids: { from: 31.5, to: 45, every: 200 },
  }),
  // Lifetime, the second of the change and three more are over: nothing excuses the old key then.
  outage('removed', 'a key taken out of the set', undefined, {
    states: { 0: BOTH, 1: provider.serves('key-2') },
    signedWith: { 0: ['key-2'] },
    retired: [8, 'key-1'],
  }),
  outage('reused', 'another key under the same kid', undefined, {
    states: { 0: ONE, 1: provider.serves('key-1-again') },
    signedWith: { 0: ['key-1'], 1: ['key-1-again'] },
    retired: [8, 'key-1'],
  }),
];

/** @type {Situation[]} */
const COLD_STARTS = [
  coldStart('cold-retry-after', 'started, one 503 with `Retry-After: 3600`', {
    state: provider.once(REFUSES_FOR_AN_HOUR, ONE),
    until: 10,
  }),
  coldStart('cold-429', 'started, one 429 with `Retry-After: 3600`', {
    state: provider.once(provider.status(429, { 'retry-after': '3600' }), ONE),
    until: 10,
  }),
  coldStart('cold-5', 'started in an outage of 5 s', { state: provider.status(500), until: 5 }),
  coldStart('cold-hang', 'started while the provider does not answer for 7 s', { state: provider.hangs(), until: 7 }),
  coldStart('cold-closed', 'started while the port is closed for 10 s', { state: provider.closed(), until: 10 }),
  coldStart('cold-60', 'started in an outage of 60 s', {
    ...LONG,
    seconds: 75,
    every: 300,
    state: provider.status(500),
    until: 60,
  }),
];

export const SITUATIONS = [...OUTAGES, ...KEYS, ...COLD_STARTS];

/** Before all others, and in no table: what a process is slow at in its first seconds. */
export const WARM_UP = { ...outage('warm-up', 'nothing', ONE), seconds: 2 };
