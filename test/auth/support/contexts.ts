import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { ExecutionContext, Type } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';

export interface Place {
  readonly controller?: Type<unknown>;
  readonly handler?: (...args: never[]) => unknown;
}

class NoController {}
const noHandler = (): void => {};

/** The context that Nest would make for a transport. */
export function contextOf(type: string, args: unknown[], place: Place = {}): ExecutionContext {
  const context = new ExecutionContextHost(args, place.controller ?? NoController, place.handler ?? noHandler);
  context.setType(type);
  return context;
}

/** What Express and Fastify hand on, as far as it matters here. */
export function httpRequest(headers: Record<string, unknown>, rawHeaders?: string[]): Record<string, unknown> {
  return { method: 'GET', headers, ...(rawHeaders ? { rawHeaders } : {}) };
}

/** Node's own request, which Express and Fastify hand on. */
export function nodeRequest(headers: Record<string, string>): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { method: 'GET', headers });
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** gRPC's Metadata, NATS's MsgHdrs and Nest's contexts, as far as we read them. */
export const grpcMetadata = (...values: unknown[]) => ({
  get: (name: string) => (name === 'authorization' ? values : []),
  getMap: () => ({}),
});

export const natsContext = (headers: Record<string, string[]> | undefined) => ({
  getSubject: () => 'orders',
  getHeaders: () =>
    headers && { get: (name: string) => headers[name]?.[0] ?? '', values: (name: string) => headers[name] ?? [] },
});

export const kafkaContext = (headers: Record<string, unknown> | undefined) => ({
  getTopic: () => 'orders',
  getMessage: () => ({ key: null, value: null, headers }),
});

export const rabbitContext = (headers: Record<string, unknown>) => ({
  getPattern: () => 'orders',
  getMessage: () => ({ fields: {}, properties: { headers } }),
});

export const mqttContext = (userProperties?: Record<string, unknown>) => ({
  getTopic: () => 'orders',
  getPacket: () => ({ topic: 'orders', properties: userProperties ? { userProperties } : undefined }),
});

export const tcpContext = () => ({ getSocketRef: () => ({}), getPattern: () => 'orders' });
