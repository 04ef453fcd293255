import 'reflect-metadata';
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

/** The same cases on both, by `describe.each`. */
export const ADAPTERS = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
] as const;

export type MakeAdapter = (typeof ADAPTERS)[number][1];

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

export interface CallOptions {
  readonly token?: string | undefined;
  readonly method?: string;
  /** A list sends the header several times. */
  readonly headers?: OutgoingHttpHeaders;
}

/** An application that listens on loopback. */
export class Api implements AsyncDisposable {
  private constructor(
    readonly app: INestApplication,
    private readonly url: string,
  ) {}

  static async start(
    makeAdapter: MakeAdapter,
    metadata: ModuleMetadata,
    prepare: (app: INestApplication) => unknown = () => undefined,
  ): Promise<Api> {
    const module = await Test.createTestingModule(metadata).compile();
    const app = module.createNestApplication(makeAdapter(), { logger: false });
    await prepare(app);
    await app.listen(0, '127.0.0.1');
    return new Api(app, await app.getUrl());
  }

  call(path: string, { token, method = 'GET', headers = {} }: CallOptions = {}): Promise<Answer> {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const options = { method, headers: { ...authorization, ...headers }, agent: false };
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${this.url}${path}`, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = parsed(Buffer.concat(chunks).toString());
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      request.on('error', reject);
      request.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
