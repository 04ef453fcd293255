// What an Authorization header of 16 kB costs, in whatever shape: npm run fuzz:headers [--
// --rounds=400] Asks the guard itself, in this process and warm, with the extractors that
// applications use too; tells median and slowest of each shape.
import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExtractJwt } from 'passport-jwt';
import { JwksAuthGuard, JwksModule } from '../dist/index.js';
import { TestIssuer } from '../dist/testing/index.js';
import { headerShapes } from './fuzz/headers.mjs';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '400' } } });
const rounds = Number(flags.rounds);
const LIMIT = 2;

class Route {
  handle() {}
}
const response = { raw: {}, header() {}, getHeader() {} };

const issuer = await TestIssuer.start({ audience: 'orders-api' });
const shapes = Object.entries(headerShapes(await issuer.sign()));
const slow = [];
await measure('guard', {}, ['a good token and blanks']);
// Takes the first word for the token.
const tokenFrom = ExtractJwt.fromAuthHeaderAsBearerToken();
await measure('guard with ExtractJwt', { tokenFrom }, ['a good token and blanks', 'a good token, repeated']);
await issuer.close();
console.log(slow.length === 0 ? '1 passed, 0 failed' : `over ${LIMIT} ms: ${slow.join(', ')}\n0 passed, 1 failed`);
process.exit(slow.length === 0 ? 0 : 1);

/** `good`: the shapes that are let in. */
async function measure(title, options, good) {
  const module = { module: class AppModule {}, imports: [JwksModule.forRoot({ ...issuer.options(), ...options })] };
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false });
  await app.init();
  const guard = app.get(JwksAuthGuard, { strict: false });
  // By turns, and twice: what is slow in the first round is compiled by the second.
  for (const run of ['warm', 'measured']) {
    const times = new Map(shapes.map(([name]) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, authorization] of shapes)
        times.get(name).push(await cost(guard, authorization, good.includes(name)));
    }
    if (run === 'measured') tell(title, times);
  }
  await app.close();
}

/**
 * Milliseconds of the processor to the guard's answer: what other programs take does not count.
 * Flat text, as a parser of HTTP makes it.
 */
async function cost(guard, shape, isGood) {
  const authorization = Buffer.from(shape, 'latin1').toString('latin1');
  const rawHeaders = ['Authorization', authorization];
  const request = { method: 'GET', headers: { authorization }, raw: { rawHeaders } };
  const context = new ExecutionContextHost([request, response], Route, Route.prototype.handle);
  const started = process.cpuUsage();
  let isIn = false;
  try {
    isIn = await guard.canActivate(context);
  } catch {
    // A refusal.
  }
  const { user, system } = process.cpuUsage(started);
  if (isIn !== isGood) throw new Error(`${isIn ? 'let in' : 'refused'}: ${shape.slice(0, 100)}`);
  return (user + system) / 1_000;
}

function tell(title, times) {
  console.log(`${title}, ${rounds} times each, CPU ms: median   99 %   slowest`);
  for (const [name, took] of times) {
    const sorted = took.toSorted((a, b) => a - b);
    const figures = [0.5, 0.99, 1].map((part) => sorted[Math.ceil(part * sorted.length) - 1]);
    console.log(`${name.padEnd(34)} ${figures.map((each) => each.toFixed(3).padStart(8)).join('')}`);
    if (figures[0] >= LIMIT) slow.push(`${title}: ${name}`);
  }
}
