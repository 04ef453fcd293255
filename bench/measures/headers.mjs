import { withChildren } from '../support/child.mjs';
import { headerShapes } from '../support/header-shapes.mjs';
import { median, quantile } from '../support/statistics.mjs';
import { AUDIENCE } from '../support/tokens.mjs';

/** Milliseconds of CPU that no shape may take in the middle of its questions. */
const LIMIT = 2;
/** `good`: the shapes that the guard accepts. ExtractJwt takes the first word for the token. */
const CONTENDERS = [
  { name: 'nestjs-jwks', title: 'the guard', good: ['a good token and blanks'] },
  {
    name: 'extract-jwt',
    title: 'the guard with ExtractJwt as tokenFrom',
    good: ['a good token and blanks', 'a good token, repeated'],
  },
];

/**
 * What an Authorization header of 16 kB costs, in whatever shape: no parser may look at it again
 * and again.
 */
export const headers = {
  id: 'headers',
  title: 'Headers of 16 kB',
  async run(lab, sheet) {
    const issuer = lab.issuer('RS256');
    const shapes = Object.entries(headerShapes(lab.specimens('RS256', issuer).good));
    for (const contender of CONTENDERS) {
      await withChildren(async (start) => {
        const child = await start('reading-headers');
        await child.call('prepare', { contender: contender.name, issuer, audience: AUDIENCE });
        const times = lab.pick({ full: 400, quick: 20 });
        // Twice: what is slow in the first round is compiled by the second.
        for (const [, header] of shapes) await child.call('ask', { header, times });
        for (const [shape, header] of shapes)
          add(sheet, { shape, contender, ...(await child.call('ask', { header, times })) });
      });
    }
  },
};

function add(sheet, { shape, contender, isAccepted, milliseconds }) {
  const figures = { headerCpu: median(milliseconds), headerCpuSlow: quantile(milliseconds, 0.99) };
  const row = { name: shape, title: shape, kind: 'ours' };
  if (isAccepted !== contender.good.includes(shape))
    sheet.miss(contender.title, row, isAccepted ? 'was accepted' : 'was rejected');
  else if (figures.headerCpu >= LIMIT) sheet.miss(contender.title, row, `took ${figures.headerCpu} ms of CPU`);
  else sheet.addRounds(contender.title, row, [figures]);
}
