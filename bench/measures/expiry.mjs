import { setTimeout as pause } from 'node:timers/promises';
import { Agent, get } from 'node:http';
import { servers } from '../contenders/catalogue.mjs';
import { withChildren } from '../support/child.mjs';
import { quantile } from '../support/statistics.mjs';
import { qualifyServer } from '../support/statuses.mjs';
import { AUDIENCE } from '../support/tokens.mjs';

/**
 * In milliseconds. As long that a refresh ahead of time, at four fifths, is answered within it, as
 * it is in a life of ten minutes.
 */
const LIFETIME = 4_000;
const IDP_TAKES = 500;
const EVERY = 20;
const CLIENTS = 4;

/**
 * A steady trickle of requests while the set runs out again and again, and the identity provider is
 * in no hurry.
 */
export const expiry = {
  id: 'expiry',
  title: `Requests while sets expire and the identity provider takes ${IDP_TAKES} ms`,
  run(lab, sheet) {
    return withChildren(async (start) => {
      const running = [];
      for (const contender of servers.filter(({ kind }) => kind !== 'floor')) {
        try {
          running.push({ contender, ...(await startServer(start, lab, contender)) });
        } catch (error) {
          sheet.miss('Express', contender, error);
        }
      }
      // The first requests of a process are slow for reasons of their own, and so is the first one
      // after a long rest.
      await Promise.all(running.map((each) => trickle(each, LIFETIME / 2)));
      lab.idp.delay = IDP_TAKES;
      const time = LIFETIME * lab.pick({ full: 5, quick: 1.5 });
      await Promise.all(running.map(async (each) => record(sheet, each.contender, await trickle(each, time))));
      lab.idp.delay = 0;
    });
  },
};

async function startServer(start, lab, contender) {
  const child = await start('serving');
  const issuer = lab.issuer('RS256', { name: `expiring-${contender.name}` });
  const setup = { contender: contender.name, platform: 'express', issuer, audience: AUDIENCE, lifetime: LIFETIME };
  const port = await child.call('serve', setup);
  const specimens = lab.specimens('RS256', issuer);
  await qualifyServer(port, { specimens, rejects: contender.rejects });
  return { port, token: specimens.good };
}

async function trickle({ port, token }, time) {
  const until = performance.now() + time;
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const answers = [];
  const client = async (number) => {
    await pause((EVERY / CLIENTS) * number);
    while (performance.now() < until) {
      answers.push(await ask({ port, agent, token }));
      await pause(EVERY);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  agent.destroy();
  return answers;
}

function ask({ port, agent, token }) {
  const startedAt = performance.now();
  const options = { port, host: '127.0.0.1', path: '/orders', agent, headers: { authorization: `Bearer ${token}` } };
  return new Promise((resolve) => {
    const done = (status) => resolve({ status, took: performance.now() - startedAt });
    const request = get(options, (response) => response.resume().once('end', () => done(response.statusCode)));
    request.once('error', () => done(0));
  });
}

function record(sheet, contender, answers) {
  const times = answers.map(({ took }) => took);
  sheet.add('Express', contender, {
    slowest: [Math.max(...times)],
    typical: [quantile(times, 0.5)],
    slow: [(100 * times.filter((took) => took > 50).length) / times.length],
    failed: [answers.filter(({ status }) => status !== 200).length],
  });
}
