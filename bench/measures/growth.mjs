import { named, verifiers } from '../contenders/catalogue.mjs';
import { compare } from '../support/compare.mjs';
import { qualify } from './first-seen.mjs';
import { sizeName } from './key-lookup.mjs';

const COUNT = 1_000;
const ROUNDS = { full: 4, quick: 1 };
const WARMUPS = 2;

/** What a token costs as there is more to keep: keys in the set, trusted issuers. */
export const growth = {
  id: 'growth',
  title: 'A token never seen before (RS256), as there are more keys and more issuers',
  async run(lab, sheet) {
    for (const size of [1, 10, 100, 1_000]) {
      const issuer = lab.issuer('RS256', { name: `of-${size}-keys`, keys: size });
      const contenders = named(verifiers, 'nestjs-jwks', 'jose', 'jsonwebtoken', 'aws-jwt-verify');
      await run(lab, sheet, { group: sizeName(size), contenders, issuers: [issuer] });
    }
    for (const count of [10, 1_000]) {
      const issuers = Array.from({ length: count }, (_, index) =>
        lab.issuer('RS256', { name: `${count}/tenant-${index}` }),
      );
      const contenders = named(verifiers, 'nestjs-jwks', 'jose', 'aws-jwt-verify');
      await run(lab, sheet, { group: `${count.toLocaleString('en')} issuers`, contenders, issuers });
    }
  },
};

async function run(lab, sheet, { group, contenders, issuers }) {
  const [issuer] = issuers;
  // Warm-ups meet each issuer, and no token comes round again.
  const pool = await lab.pool('RS256', issuers, { name: group, count: COUNT * (ROUNDS.full + WARMUPS) });
  await compare(sheet, group, {
    contenders,
    tasks: 'verifying',
    prepare: (child, contender) =>
      qualify(lab, child, { contender, alg: 'RS256', issuer, pool, setup: lab.setup('RS256', ...issuers) }),
    run: (child) => child.call('firstSeen', { count: COUNT, within: 2_000, atOnce: 1 }),
    rounds: lab.pick(ROUNDS),
    warmups: WARMUPS,
  });
}
