import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwksClient, JwksModule, JwksService, TokenError } from 'nestjs-jwks';

/** As it comes, tokenCache included; several issuers are a module's business. */
export function verifier({ issuers, lifetime, ...rest }) {
  const options = { ...rest, ...(lifetime && { cache: { ttl: lifetime, respectHeaders: false } }) };
  if (issuers.length > 1) return ofModule(issuers, options);
  const client = new JwksClient({ ...issuers[0], ...options });
  return (token) => client.verify(token);
}

/** Whether an error says that the token is bad (401), and not that keys are missing (503). */
export function blamesToken(error) {
  return error instanceof TokenError;
}

async function ofModule(issuers, options) {
  class BenchModule {}
  Module({ imports: [JwksModule.forRoot({ issuers, ...options, prefetch: false })] })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: false });
  const service = app.get(JwksService);
  return (token) => service.verify(token);
}
