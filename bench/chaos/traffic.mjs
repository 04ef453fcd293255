import { createHmac, createPublicKey } from 'node:crypto';
import { AUDIENCE, claimsFor, signer } from '../support/tokens.mjs';

/** What is wrong with bad tokens that come all the time, one with every fifth good one. */
const FAULTS = ['forged', 'expired', 'elsewhere', 'unsigned', 'confused'];
const GOOD_FOR_A_BAD = 5;
const RETIRED_EVERY = 1_000;
const HOUR = 3_600;

/**
 * Milliseconds of a moment of a situation, moved to the middle between two good tokens: a token is
 * clearly before a change or after it, for every contender.
 */
export function moment({ every }, second) {
  return Math.round((second * 1_000) / every) * every;
}

/** States of a provider as `[milliseconds, state]`. */
export function statesOf(situation) {
  return timeline(situation, situation.states);
}

/**
 * The tokens of a situation in the order in which they come, unsigned.
 *
 * @returns {import('./traffic.mjs').Scheduled[]} with their times in milliseconds
 */
export function schedule(situation) {
  return [...goodTokens(situation), ...badTokens(situation)].sort((a, b) => a.at - b.at);
}

function goodTokens(situation) {
  const { seconds, every, uncounted = [0, 0] } = situation;
  const [from, to] = uncounted.map((second) => moment(situation, second));
  return Array.from({ length: Math.floor((seconds * 1_000) / every) }, (_, index) => {
    const at = (index + 0.5) * every;
    return { at, counts: at >= from && at < to ? 'uncounted' : 'good', key: keyAt(situation, at, index) };
  });
}

function badTokens(situation) {
  const { seconds, every, retired, madeUpKids } = situation;
  const end = seconds * 1_000;
  // A bad token comes after a good one: the first token after a change is always a good one.
  const usual = spread(every, end, every * GOOD_FOR_A_BAD).map((at, index) => ({
    at: at + every * 0.75,
    fault: FAULTS[index % FAULTS.length],
    key: keyAt(situation, at, 0),
  }));
  const old = retired ? spread(retired[0] * 1_000, end, RETIRED_EVERY) : [];
  const madeUp = madeUpKids ? spread(madeUpKids.from * 1_000, madeUpKids.to * 1_000, madeUpKids.every) : [];
  return [
    ...usual,
    ...old.map((at) => ({ at, fault: 'retired', key: retired[1] })),
    ...madeUp.map((at) => ({ at, fault: 'made-up', key: keyAt(situation, at, 0) })),
  ].map((token) => ({ ...token, counts: 'bad' }));
}

/** The key that signs at a moment; where there are several, they take turns. */
function keyAt(situation, at, index) {
  const [, keys] = timeline(situation, situation.signedWith).findLast(([since]) => since <= at);
  return keys[index % keys.length];
}

function timeline(situation, bySecond) {
  return Object.entries(bySecond)
    .map(([second, value]) => [moment(situation, Number(second)), value])
    .sort(([a], [b]) => a - b);
}

function spread(from, to, every) {
  return Array.from({ length: Math.ceil((to - from) / every) }, (_, index) => from + index * every);
}

/** Signs the tokens of a schedule; `keys` by name, `stranger` a key that the issuer never had. */
export function sign(tokens, { issuer, keys, stranger }) {
  const signers = new Map([...keys].map(([name, key]) => [name, signer(key)]));
  const makers = {
    undefined: ({ key, id }) => signers.get(key)(claimsFor(issuer, id)),
    retired: ({ key, id }) => signers.get(key)(claimsFor(issuer, id)),
    forged: ({ key, id }) => signer({ ...stranger, kid: keys.get(key).kid })(claimsFor(issuer, id)),
    'made-up': ({ id }) => signer({ ...stranger, kid: `made-up-${id}` })(claimsFor(issuer, id)),
    expired: ({ key, id }) => signers.get(key)(claimsFor(issuer, id, expired())),
    elsewhere: ({ key, id }) => signers.get(key)(claimsFor(issuer, id, { aud: `not-${AUDIENCE}` })),
    unsigned: ({ key, id }) => `${headAndBody({ alg: 'none', kid: keys.get(key).kid }, claimsFor(issuer, id))}.`,
    confused: ({ key, id }) => confused(keys.get(key), claimsFor(issuer, id)),
  };
  return tokens.map(({ at, counts, key, fault }, id) => ({ at, counts, token: makers[fault]({ key, id }) }));
}

function expired() {
  const past = Math.floor(Date.now() / 1_000) - HOUR;
  return { iat: past - HOUR, exp: past };
}

/** An HMAC under the public key. */
function confused({ kid, jwk }, claims) {
  const input = headAndBody({ alg: 'HS256', kid }, claims);
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
}

function headAndBody(header, claims) {
  return [{ ...header, typ: 'at+jwt' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
}
