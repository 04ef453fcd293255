import { servers } from '../contenders/catalogue.mjs';
import { withChildren } from '../support/child.mjs';
import { load, Requests } from '../support/load.mjs';
import { interleave } from '../support/rounds.mjs';
import { qualifyServer } from '../support/statuses.mjs';
import { AUDIENCE, TokenPool } from '../support/tokens.mjs';

const SHAPE = { connections: 16, depth: 8 };
const PLATFORMS = { express: 'Express', fastify: 'Fastify' };

/** A protected route under as much load as its process can bear. */
export const nest = {
  id: 'nest',
  title: 'A protected route of a Nest application',
  async run(lab, sheet) {
    const issuer = lab.issuer('RS256');
    const pool = new TokenPool(await lab.pool('RS256', [issuer]));
    const specimens = lab.specimens('RS256', issuer);
    const traffic = {
      'one token': () => new Requests(Array.from({ length: SHAPE.depth }, () => specimens.good)),
      'a new token each': () => new Requests(pool.take(pool.size)),
    };
    for (const platform of Object.keys(PLATFORMS)) {
      await withChildren(async (start) => {
        const running = await startServers(start, { sheet, platform, issuer, specimens });
        for (const [kind, requests] of Object.entries(traffic))
          await measure(lab, sheet, { group: `${PLATFORMS[platform]}, ${kind}`, running, requests: requests() });
      });
    }
  },
};

async function startServers(start, { sheet, platform, issuer, specimens }) {
  const running = [];
  for (const contender of servers.filter(({ platforms = [platform] }) => platforms.includes(platform))) {
    try {
      const child = await start('serving');
      const port = await child.call('serve', { contender: contender.name, platform, issuer, audience: AUDIENCE });
      await qualifyServer(port, { specimens, rejects: contender.rejects });
      running.push({ contender, child, port });
    } catch (error) {
      sheet.miss(PLATFORMS[platform], contender, error);
    }
  }
  return running;
}

async function measure(lab, sheet, { group, running, requests }) {
  // Many short rounds: the speed of a shared machine changes within seconds, and those of one round
  // are compared.
  const seconds = lab.pick({ full: 0.35, quick: 0.3 });
  const contenders = running.map(({ contender, child, port }) => ({
    name: contender.name,
    run: () => burden(child, { port, requests, seconds, ...SHAPE }),
  }));
  const samples = await interleave(contenders, lab.pick({ full: { rounds: 15, warmups: 3 }, quick: { rounds: 1 } }));
  const floor = samples.get('empty-guard');
  for (const { contender } of running) {
    const rounds = samples.get(contender.name);
    // What protecting the route costs; one that has no Nest is no guard on this floor.
    if (floor && contender.kind !== 'floor' && contender.platforms === undefined)
      rounds.forEach((round, index) => (round.added = round.requestCpu - floor[index].requestCpu));
    const bad = rounds.reduce((sum, round) => sum + round.bad, 0);
    if (bad > 0) sheet.miss(group, contender, `refused ${bad} good requests under load`);
    else
      sheet.addRounds(
        group,
        contender,
        rounds.map(({ bad: _none, ...metrics }) => metrics),
      );
  }
}

async function burden(child, shape) {
  const before = await child.call('cpu');
  const { good, bad, seconds } = await load(shape);
  const cpu = (await child.call('cpu')) - before;
  return { rate: good / seconds, requestCpu: cpu / (good + bad), busy: cpu / seconds / 10_000, bad };
}
