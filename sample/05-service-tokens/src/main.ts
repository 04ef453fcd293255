import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { setTimeout as pause } from 'node:timers/promises';
import type { JwksKeyRingEvent } from 'nestjs-jwks/endpoint';
import { Balancer } from './balancer.js';
import { OrdersModule } from './orders.module.js';
import { BillingProcess, RedisProcess } from './processes.js';
import { Traffic } from './traffic.js';

const ROTATIONS = 5;

if (!RedisProcess.installed) {
  console.error('This sample needs redis-server on the PATH: apt-get install redis-server, or brew install redis.');
  process.exit(1);
}

const redis = await RedisProcess.start();
const balancer = new Balancer();
const billingUrl = await balancer.listen();
const orders = await NestFactory.create(OrdersModule.for(billingUrl), { logger: ['error'] });
await orders.listen(0, '127.0.0.1');

const env = {
  REDIS_URL: redis.url,
  BILLING_URL: billingUrl,
  ORDERS_URL: `${await orders.getUrl()}/orders`,
  KEYS_ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
};
const processes = await Promise.all([BillingProcess.start(env), BillingProcess.start(env)]);
balancer.targets = processes.map(({ url }) => url);
console.log(
  '\nTwo processes of billing share a key ring on Redis. Each invoice is booked at orders with a token of its own.',
);

const signing = new Set<string>();
for (const [index, billing] of processes.entries()) {
  billing.onEvent((event: JwksKeyRingEvent) => {
    if (event.type === 'key.activated') signing.add(event.kid);
    console.log(`  process ${index + 1}: ${event.type} ${event.kid.slice(0, 8)}…`);
  });
}

const traffic = new Traffic(`${billingUrl}/invoices`);
const flowing = traffic.flow();
await pause(1_500);
for (let rotation = 1; rotation <= ROTATIONS; rotation += 1) {
  console.log(`\nRotation ${rotation}, by process ${((rotation - 1) % 2) + 1}; ${traffic.requests} invoices so far.`);
  processes[(rotation - 1) % 2]?.rotate();
  await pause(2_000);
}
traffic.stop();
await flowing;

await Promise.all(processes.map((billing) => billing.kill()));
balancer.close();
await orders.close();
await redis.kill();

const isGood = traffic.failures === 0 && traffic.requests > 0 && signing.size === ROTATIONS;
console.log(`\n${traffic.requests} invoices, ${traffic.failures} failures, ${signing.size} rotations.`);
console.log(isGood ? 'As it should be.' : 'Not as it should be.');
process.exit(isGood ? 0 : 1);
