// One process of billing: says where it listens, rotates on request, and goes when the one that
// started it goes.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { JwksKeyRing } from 'nestjs-jwks/endpoint';
import { BillingModule } from './billing.module.js';

const app = await NestFactory.create(BillingModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
const ring = app.get(JwksKeyRing);

process.on('message', () => void ring.rotate());
ring.events$.subscribe((event) => process.send?.(event));
process.on('disconnect', () => process.exit());
process.send?.(await app.getUrl());
