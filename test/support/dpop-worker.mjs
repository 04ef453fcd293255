// One process of an API that takes DPoP-bound tokens and shares a replay store. Nest without
// decorators, which Node does not read.
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createClient } from '@keyv/redis';

const { lib, options, redis } = JSON.parse(process.env.DPOP_WORKER);
const { Authenticated, JwksModule, redisReplayStore } = await import(lib);

const client = createClient({ url: redis, disableOfflineQueue: true });
client.on('error', () => undefined);
await client.connect();

class Orders {
  list() {
    return {};
  }
}
const list = Object.getOwnPropertyDescriptor(Orders.prototype, 'list');
Get()(Orders.prototype, 'list', list);
Authenticated()(Orders.prototype, 'list', list);
Controller('orders')(Orders);

class App {}
const dpop = { publicUrl: 'https://api.example.com', replay: redisReplayStore(client) };
Module({ imports: [JwksModule.forRoot({ ...options, dpop })], controllers: [Orders] })(App);

const app = await NestFactory.create(App, { logger: false });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit());
process.send({ url: await app.getUrl() });
