import { lookups } from '../contenders/catalogue.mjs';
import { compare } from '../support/compare.mjs';

const SIZES = [1, 10, 100, 1_000];
/**
 * So many kids are asked for in turn, spread over the set: jwks-rsa fetches the whole set once for
 * each.
 */
const KIDS = 10;

/**
 * A warm look-up: the set is held, the kid is in it. All sizes in the same rounds, since they are
 * compared too.
 */
export const keyLookup = {
  id: 'key-lookup',
  title: 'A warm key look-up, by the size of the set',
  async run(lab, sheet) {
    const sets = await Promise.all(SIZES.map((size) => publish(lab, size)));
    await compare(sheet, ({ size }) => sizeName(size), {
      contenders: sets.flatMap((set) => lookups.map((contender) => ({ ...contender, ...set }))),
      tasks: 'looking-up',
      prepare: (child, { name, issuer, kids }) => child.call('prepare', { contender: name, issuer, kids }),
      run: (child, { name }) => child.call('lookUp', countOf(lab, name)),
      rounds: lab.pick({ full: 6, quick: 1 }),
      warmups: lab.pick({ full: 2, quick: 1 }),
    });
  },
};

export function sizeName(size) {
  return size === 1 ? '1 key' : `${size.toLocaleString('en')} keys`;
}

async function publish(lab, size) {
  const issuer = lab.issuer('RS256', { name: `set-of-${size}`, keys: size });
  const { keys } = await (await fetch(issuer.jwksUri)).json();
  return { size, issuer, kids: spread(keys.map(({ kid }) => kid)) };
}

/**
 * As many as make a round of some tenths of a second: a shorter one says more of the machine's
 * moods than of a look-up.
 */
const COUNTS = { 'nestjs-jwks': 400_000, 'jwks-rsa': 100_000, jose: 30_000, 'get-jwks': 2_000 };

function countOf(lab, name) {
  const full = COUNTS[name];
  return lab.pick({ full, quick: Math.min(full, 1_000) });
}

function spread(kids) {
  const step = Math.max(1, Math.floor(kids.length / KIDS));
  return kids.filter((_, index) => index % step === 0).slice(0, KIDS);
}
