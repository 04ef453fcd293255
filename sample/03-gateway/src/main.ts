import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { TestIssuer } from 'nestjs-jwks/testing';
import { Edge } from './edge.js';
import { GatewayModule } from './gateway.module.js';
import { ServiceModule } from './service.module.js';

const apps = new Set<INestApplication>();
let failures = 0;

async function start(module: DynamicModule): Promise<[INestApplication, string]> {
  const app = await NestFactory.create(module, { logger: false });
  await app.listen(0, '127.0.0.1');
  apps.add(app);
  return [app, await app.getUrl()];
}

/** Sends a request through the edge and compares its answer. */
async function expectStatus(what: string, path: string, token: string, expected: number): Promise<void> {
  const response = await fetch(`${edgeUrl}/${path}`, { headers: { authorization: `Bearer ${token}` } });
  const isGood = response.status === expected;
  if (!isGood) failures += 1;
  console.log(`  ${isGood ? '✓' : '✗'} ${what}: ${response.status} ${await response.text()}`);
}

const provider = await TestIssuer.start({ audience: 'shop' });
const [, gateway] = await start(GatewayModule.for(provider.issuer));
const [orders, ordersUrl] = await start(ServiceModule.for(provider.issuer, gateway));
const [, invoicesUrl] = await start(ServiceModule.for(provider.issuer, gateway));
const services = new Map([
  ['orders', ordersUrl],
  ['invoices', invoicesUrl],
]);
const edge = new Edge(gateway, services);
const edgeUrl = await edge.listen();

async function mirrored(): Promise<void> {
  const { status, headers } = await fetch(`${gateway}/.well-known/jwks.json`);
  console.log(`  the gateway publishes the keys: ${status}, ${headers.get('cache-control')}`);
}

console.log('\nA gateway before two services. Only the gateway asks the identity provider.');
const token = await provider.sign({ sub: 'alice' });
await expectStatus('a good token, orders', 'orders', token, 200);
await expectStatus('a good token, invoices', 'invoices', token, 200);
await expectStatus('a token for another audience', 'orders', await provider.sign({ aud: 'another' }), 401);
await mirrored();

console.log('\nThe identity provider goes down, and the sets grow stale.');
await provider.down();
const asked = provider.jwksRequests;
await pause(4_000);
await expectStatus('the same token', 'orders', token, 200);
await expectStatus('a token that was never seen before', 'invoices', await provider.sign({ sub: 'bob' }), 200);
await expectStatus('a forged token', 'orders', `${token.slice(0, -8)}AAAAAAAA`, 401);
await mirrored();

console.log('\nThe orders service is started anew while the provider is down: it finds the keys at the gateway.');
apps.delete(orders);
await orders.close();
const [, renewed] = await start(ServiceModule.for(provider.issuer, gateway));
services.set('orders', renewed);
await expectStatus('the same token', 'orders', token, 200);
if (provider.jwksRequests !== asked) failures += 1;

console.log('\nThe identity provider is back, with another key.');
await provider.up();
await provider.rotate();
// An attempt that failed is not repeated at once.
const rotated = await provider.sign({ sub: 'alice' });
for (let left = 20; left > 0; left -= 1) {
  const { status } = await fetch(`${edgeUrl}/orders`, { headers: { authorization: `Bearer ${rotated}` } });
  if (status === 200) break;
  if (status === 401) failures += 1;
  await pause(500);
}
await expectStatus('a token of the new key, orders', 'orders', rotated, 200);
await expectStatus('a token of the new key, invoices', 'invoices', rotated, 200);
await mirrored();

edge.close();
for (const app of apps) await app.close();
await provider.close();
console.log(
  failures === 0 ? '\nEvery answer was as it should be.' : `\n${failures} answers were not as they should be.`,
);
process.exit(failures === 0 ? 0 : 1);
