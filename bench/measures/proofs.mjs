import { compare } from '../support/compare.mjs';

const CONTENDERS = [
  { name: 'nestjs-jwks', title: 'the guard, with its replay store in memory', kind: 'ours' },
  { name: 'bare-crypto', title: 'bare crypto.verify of the proof', kind: 'floor' },
];
const COUNT = 1_000;

/** What it costs to check that a known token is with its owner, anew with each request. */
export const proofs = {
  id: 'proofs',
  title: 'A known bound token with a new DPoP proof (ES256)',
  async run(lab, sheet) {
    await compare(sheet, 'ES256', {
      contenders: CONTENDERS,
      tasks: 'proving',
      prepare: (child, { name }) => child.call('prepare', { contender: name }),
      run: (child) => child.call('prove', { count: lab.pick({ full: COUNT, quick: 200 }) }),
      rounds: lab.pick({ full: 15, quick: 1 }),
      warmups: lab.pick({ full: 3, quick: 1 }),
    });
  },
};
