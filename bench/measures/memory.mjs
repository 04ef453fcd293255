import { named, verifiers } from '../contenders/catalogue.mjs';
import { withChildren } from '../support/child.mjs';
import { setOf } from '../support/keys.mjs';

const COUNTS = { tokens: 10_000, issuers: 1_000, keysEach: 10, kids: 1_000_000 };

const CACHED_TOKENS = '10,000 tokens kept';
const ISSUERS = '1,000 issuers of 10 keys';
const UNKNOWN_KIDS = '1,000,000 unknown kids';

/** Heap after the garbage is collected, less what there was before. */
export const memory = {
  id: 'memory',
  title: 'Heap growth',
  async run(lab, sheet) {
    const shrink = lab.pick({ full: 1, quick: 20 });
    const jobs = [...(await tokenJobs(lab, shrink)), ...(await issuerJobs(lab, shrink)), ...kidJobs(lab, shrink)];
    const order = jobs.map(({ group, contender }) => `${group} ${contender.name}`);
    // Two at a time: it is not time that is measured.
    const lane = async () => {
      for (let job = jobs.shift(); job; job = jobs.shift()) await weigh(sheet, job);
    };
    await Promise.all([lane(), lane()]);
    const place = ({ group, contender }) => order.indexOf(`${group} ${contender}`);
    sheet.rows.sort((a, b) => place(a) - place(b));
  },
};

async function tokenJobs(lab, shrink) {
  const issuer = lab.issuer('RS256');
  const setup = lab.setup('RS256', issuer);
  const pool = await lab.pool('RS256', [issuer]);
  return named(verifiers, 'nestjs-jwks', 'fast-jwt-cached').map((contender) => ({
    contender,
    group: CACHED_TOKENS,
    task: 'tokens',
    args: { setup, pool, count: COUNTS.tokens / shrink },
  }));
}

async function issuerJobs(lab, shrink) {
  const jwks = setOf(COUNTS.keysEach, lab.key('RS256').jwk);
  const issuers = Array.from({ length: COUNTS.issuers / shrink }, (_, index) => lab.idp.publish(`wide/${index}`, jwks));
  const pool = await lab.pool('RS256', issuers, { name: 'wide', count: issuers.length });
  return named(verifiers, 'nestjs-jwks', 'jose', 'aws-jwt-verify').map((contender) => ({
    contender,
    group: ISSUERS,
    task: 'issuers',
    args: { setup: lab.setup('RS256', ...issuers), pool },
  }));
}

function kidJobs(lab, shrink) {
  const issuer = lab.issuer('RS256');
  const { good } = lab.specimens('RS256', issuer);
  return named(verifiers, 'nestjs-jwks', 'jose', 'aws-jwt-verify').map((contender) => ({
    contender,
    group: UNKNOWN_KIDS,
    task: 'unknownKids',
    args: { setup: lab.setup('RS256', issuer), specimen: good, count: COUNTS.kids / shrink },
  }));
}

function weigh(sheet, { group, contender, task, args }) {
  return withChildren(async (start) => {
    try {
      const child = await start('remembering', { execArgv: ['--expose-gc'] });
      sheet.addRounds(group, contender, [await child.call(task, { contender: contender.name, ...args })]);
    } catch (error) {
      sheet.miss(group, contender, error);
    }
  });
}
