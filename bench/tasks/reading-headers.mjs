import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { JwksAuthGuard, JwksModule } from 'nestjs-jwks';
import { ExtractJwt } from 'passport-jwt';

/**
 * Where the guard finds the token: by its own parser, or by the extractor that many applications
 * bring along.
 */
const OPTIONS = { 'nestjs-jwks': {}, 'extract-jwt': { tokenFrom: ExtractJwt.fromAuthHeaderAsBearerToken() } };

class Route {
  handle() {}
}
const response = { raw: {}, header() {}, getHeader() {} };
let guard;

/**
 * A guard that is asked in this process, without a server: what HTTP itself costs would hide the
 * rest.
 */
export async function prepare({ contender, issuer, audience }) {
  const imports = [JwksModule.forRoot({ ...issuer, audience, ...OPTIONS[contender] })];
  const module = { module: class AppModule {}, imports };
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false });
  await app.init();
  guard = app.get(JwksAuthGuard, { strict: false });
}

/**
 * Milliseconds of CPU for each of so many questions, and whether the guard accepted the request.
 */
export async function ask({ header, times }) {
  const milliseconds = [];
  let isAccepted = false;
  for (let time = 0; time < times; time += 1) {
    // Flat text, as a parser of HTTP makes it.
    const authorization = Buffer.from(header, 'latin1').toString('latin1');
    const request = {
      method: 'GET',
      headers: { authorization },
      raw: { rawHeaders: ['Authorization', authorization] },
    };
    const context = new ExecutionContextHost([request, response], Route, Route.prototype.handle);
    const before = process.cpuUsage();
    isAccepted = await Promise.resolve(guard.canActivate(context)).catch(() => false);
    const { user, system } = process.cpuUsage(before);
    milliseconds.push((user + system) / 1_000);
  }
  return { isAccepted, milliseconds };
}
