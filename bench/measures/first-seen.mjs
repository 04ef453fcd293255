import { named, verifiers } from '../contenders/catalogue.mjs';
import { compare } from '../support/compare.mjs';

const CONTENDERS = [
  'nestjs-jwks',
  'nestjs-jwks-uncached',
  'jose',
  'jsonwebtoken',
  'aws-jwt-verify-sync',
  'fast-jwt',
  'bare-crypto',
];

/**
 * Tokens of a round, and milliseconds that it may take. With 64 at once they are gone twice as
 * fast.
 */
const FULL = { 1: { count: 1_000, within: 300 }, 64: { count: 3_000, within: 300 } };
const QUICK = { count: 300, within: 200 };

/** First-seen tokens: the full cost of a verification. */
export const firstSeen = {
  id: 'first-seen',
  title: 'A token never seen before',
  async run(lab, sheet) {
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const issuer = lab.issuer(alg);
      const pool = await lab.pool(alg, [issuer]);
      for (const atOnce of [1, 64]) {
        await compare(sheet, `${alg}, ${atOnce === 1 ? 'one by one' : `${atOnce} at once`}`, {
          contenders: named(verifiers, ...CONTENDERS).filter(({ algorithms }) => algorithms.includes(alg)),
          tasks: 'verifying',
          prepare: (child, contender) => qualify(lab, child, { contender, alg, issuer, pool }),
          run: (child) => child.call('firstSeen', { ...lab.pick({ full: FULL[atOnce], quick: QUICK }), atOnce }),
          rounds: lab.pick({ full: alg === 'RS256' ? 11 : 5, quick: 1 }),
          warmups: lab.pick({ full: 3, quick: 1 }),
        });
      }
    }
  },
};

/** Makes the contender, tries it, and hands it its tokens. */
export async function qualify(lab, child, { contender, alg, issuer, pool, setup = lab.setup(alg, issuer) }) {
  const { name, rejects } = contender;
  await child.call('prepare', { contender: name, setup, specimens: lab.specimens(alg, issuer), rejects });
  if (pool) await child.call('openPool', pool);
}
