// An application that the fuzzer sends requests to, with the guard on one route and Passport on
// another.
import 'reflect-metadata';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { Pool } from 'undici';
import { Authenticated, JwksModule, JwksService } from '../../dist/index.js';

export const PATHS = ['/guard', '/passport'];

/** Listens on loopback; `send(path, headers)` resolves to the status, and to all that was sent back. */
export async function start(adapter, { issuer, jwksUri }, connections, { logger = false, ...more } = {}) {
  const options = { issuer, audience: 'orders-api', jwksUri, http: { retries: 0 }, ...more };
  class AppModule {}
  const module = { module: AppModule, imports: [JwksModule.forRoot(options)], controllers: [ordersController()] };
  const app = await NestFactory.create(module, adapter, { logger });
  await app.listen(0, '127.0.0.1');
  const pool = new Pool(await app.getUrl(), { connections });
  const service = app.get(JwksService);
  // Without any set yet 503 is the right answer.
  await service.getJwkSet();
  return {
    app,
    service,
    async send(path, headers) {
      const { statusCode: status, headers: fields, body } = await pool.request({ path, method: 'GET', headers });
      return { status, fields, text: JSON.stringify(fields) + (await body.text()) };
    },
    async close() {
      await Promise.all([app.close(), pool.close()]);
    },
  };
}

function ordersController() {
  class OrdersController {
    guard() {
      return { in: true };
    }

    passport() {
      return { in: true };
    }
  }
  Controller()(OrdersController);
  for (const [name, protect] of [
    ['guard', Authenticated()],
    ['passport', UseGuards(AuthGuard('jwks'))],
  ]) {
    const descriptor = Object.getOwnPropertyDescriptor(OrdersController.prototype, name);
    for (const decorate of [Get(name), protect]) decorate(OrdersController.prototype, name, descriptor);
  }
  return OrdersController;
}
