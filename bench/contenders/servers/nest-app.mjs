import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

const ADAPTERS = { express: () => new ExpressAdapter(), fastify: () => new FastifyAdapter() };

/**
 * One Nest application with one route, `GET /orders`, the same for all; what protects it is the
 * contender's.
 */
export async function nestApp(platform, { protect, ...metadata }) {
  class OrdersController {
    list() {
      return { orders: [], total: 0 };
    }
  }
  const list = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'list');
  Get()(OrdersController.prototype, 'list', list);
  Controller('orders')(OrdersController);
  protect(OrdersController);

  class AppModule {}
  Module({ ...metadata, controllers: [OrdersController] })(AppModule);
  const app = await NestFactory.create(AppModule, ADAPTERS[platform](), { logger: false });
  await app.listen(0, '127.0.0.1');
  return app.getHttpServer().address().port;
}
