import { named, verifiers } from '../contenders/catalogue.mjs';
import { compare } from '../support/compare.mjs';
import { qualify } from './first-seen.mjs';

const CONTENDERS = [
  'nestjs-jwks',
  'jose',
  'jsonwebtoken',
  'aws-jwt-verify',
  'fast-jwt',
  'fast-jwt-cached',
  'fast-jwt-pem',
];

/** Repetitions of a round, and milliseconds that it may take. */
const FULL = { count: 40_000, within: 200 };
const QUICK = { count: 1_000, within: 100 };

/** One token again and again: what a cache of tokens saves. */
export const repeated = {
  id: 'repeated',
  title: 'The same token again',
  async run(lab, sheet) {
    const issuer = lab.issuer('RS256');
    const { good } = lab.specimens('RS256', issuer);
    await compare(sheet, 'RS256', {
      contenders: named(verifiers, ...CONTENDERS),
      tasks: 'verifying',
      prepare: (child, contender) => qualify(lab, child, { contender, alg: 'RS256', issuer }),
      run: (child) => child.call('repeated', { token: good, ...lab.pick({ full: FULL, quick: QUICK }) }),
      rounds: lab.pick({ full: 9, quick: 1 }),
      warmups: lab.pick({ full: 2, quick: 1 }),
    });
  },
};
