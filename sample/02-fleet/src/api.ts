// One API process: reports its port to its parent and ends with it.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit());
process.send?.(await app.getUrl());
