// Sends mutated tokens, headers and key sets through running applications, on Express and on Fastify:
// npm run fuzz [-- --seed=1 --count=100000]. A good token in its own words is let in; anything else that is, a 5xx, an unheard rejection or a
// heap that grows is told with its number (the same seed and number make the same case) and ends it with 1.
import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { parseArgs } from 'node:util';
import { Controller, Get } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Pool } from 'undici';
import { Authenticated, isJwksError, JwksModule, JwksService } from '../dist/index.js';
import { TestIssuer } from '../dist/testing/index.js';
import { headerCase, makeMaterial, randomOf, setCase, tokenCase } from './fuzz-cases.mjs';

const { values: flags } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '100000' } },
});
const [seed, count] = [Number(flags.seed), Number(flags.count)];
const AT_ONCE = 64;
const MAX_GROWTH = 32 * 1024 * 1024;
const violations = [];
const statuses = {};
const kinds = {};

setFlagsFromString('--expose-gc');
for (const fault of ['unhandledRejection', 'uncaughtException']) {
  process.on(fault, (error) => violate(fault, error?.stack ?? error));
}

const started = performance.now();
const issuer = await TestIssuer.start({ audience: 'orders-api', alg: ['ES256', 'EdDSA', 'RS256'] });
const changing = await TestIssuer.start({ audience: 'orders-api' });
const material = await makeMaterial(issuer, changing);
const steady = [await start(new ExpressAdapter(), issuer), await start(new FastifyAdapter(), issuer)];
const shaky = await start(new FastifyAdapter(), changing);

let next = 0;
let sets = Promise.resolve();
const marks = [];
await Promise.all(Array.from({ length: AT_ONCE }, worker));
await sets;
await mark();

const growth = marks.at(-1) - marks[0];
if (growth > MAX_GROWTH) violate('heap', `grew by ${mebibytes(growth)}`);
for (const { app, pool } of [...steady, shaky]) await Promise.all([app.close(), pool.close()]);
await Promise.all([issuer.close(), changing.close()]);
report();

/** Of a hundred cases one is a good token, three are sets, sixteen are headers, the others tokens. */
async function worker() {
  while (next < count && violations.length < 20) {
    const number = next++;
    if (number === Math.floor(count / 5)) await mark();
    const random = randomOf(seed, number);
    const part = random.below(100);
    if (part < 3) {
      // One at a time: an application has one set.
      await (sets = sets.then(() => tryOut(number, 'set', () => trySet(number, random))));
    } else {
      const target = steady[number % steady.length];
      const make =
        part < 4
          ? () => material.original(random)
          : part < 20
            ? () => headerCase(random, material)
            : () => tokenCase(random, material);
      const kind = part < 4 ? 'good token' : part < 20 ? 'header' : 'token';
      await tryOut(number, kind, async () => {
        const { authorization, isGood, isEither } = make();
        const status = await send(target, authorization);
        judge({ number, kind, status, isGood, isEither, sent: authorization });
      });
    }
  }
}

async function tryOut(number, kind, work) {
  kinds[kind] = (kinds[kind] ?? 0) + 1;
  try {
    await work();
  } catch (error) {
    violate(`case ${number} (${kind})`, error.stack);
  }
}

/** Whatever the issuer publishes, nobody but its own keys lets a token in. */
async function trySet(number, random) {
  const { body, forged } = setCase(random, material);
  await changing.garbage(body);
  // While no set can be had, a kid that is not known is nobody's fault: 503 and no other 5xx.
  const isOutage = await shaky.service.getJwkSet({ refresh: true }).then(
    () => false,
    (error) => {
      if (!isJwksError(error)) throw error;
      return true;
    },
  );
  const sent = JSON.stringify(body).slice(0, 300);
  for (const token of forged) {
    const status = await send(shaky, `Bearer ${token}`);
    judge({ number, kind: 'set', status, isGood: false, isOutage, sent: `${sent} ${token}` });
  }
  const status = await send(shaky, `Bearer ${material.changing}`);
  judge({ number, kind: 'set', status, isEither: true, isOutage, sent });
}

function judge({ number, kind, status, isGood, isEither, isOutage, sent }) {
  statuses[status] = (statuses[status] ?? 0) + 1;
  const isRefused = status === 400 || status === 401 || (isOutage && status === 503);
  const isRight = isEither ? status === 200 || isRefused : isGood ? status === 200 : isRefused;
  if (!isRight) violate(`case ${number} (${kind})`, `${status} for ${JSON.stringify(sent).slice(0, 1_500)}`);
}

function violate(where, what) {
  violations.push(`${where}: ${what}`);
}

async function send({ pool }, authorization) {
  const headers = authorization === undefined ? {} : { authorization };
  const { statusCode, body } = await pool.request({ path: '/', method: 'GET', headers });
  await body.dump();
  return statusCode;
}

async function start(adapter, { issuer: iss, jwksUri }) {
  class OrdersController {
    list() {
      return { in: true };
    }
  }
  Controller()(OrdersController);
  const { value } = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'list');
  for (const decorate of [Get(), Authenticated()]) decorate(OrdersController.prototype, 'list', { value });
  class AppModule {}
  const options = { issuer: iss, audience: 'orders-api', jwksUri, http: { retries: 0 } };
  const module = { module: AppModule, imports: [JwksModule.forRoot(options)], controllers: [OrdersController] };
  const app = await NestFactory.create(module, adapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const service = app.get(JwksService);
  // Without any set yet 503 is the right answer.
  await service.getJwkSet();
  return { app, pool: new Pool(url, { connections: AT_ONCE }), service };
}

async function mark() {
  for (let round = 0; round < 3; round += 1) {
    await new Promise(setImmediate);
    globalThis.gc?.();
  }
  marks.push(process.memoryUsage().heapUsed);
}

function mebibytes(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function report() {
  for (const violation of violations.slice(0, 20)) console.error(violation);
  const seconds = (performance.now() - started) / 1_000;
  const told = (counts) =>
    Object.entries(counts)
      .map(([name, times]) => `${times} ${name}`)
      .join(', ');
  console.log(`seed ${seed}, ${next} cases in ${seconds.toFixed(1)} s: ${told(kinds)}`);
  console.log(
    `answers: ${told(Object.fromEntries(Object.entries(statuses).map(([status, times]) => [`x ${status}`, times])))}`,
  );
  console.log(`heap after a fifth: ${mebibytes(marks[0])}, in the end: ${mebibytes(marks.at(-1))}`);
  console.log(`violations: ${violations.length}`);
  console.log(violations.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
  process.exit(violations.length === 0 && next === count ? 0 : 1);
}
