import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

export interface RecordedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Common name of the client certificate, where the server asked for one. */
  readonly clientName?: string | undefined;
}

/**
 * What goes wrong on the wire: nothing is ever sent; headers and half of the body; one byte at a
 * time for ever; the connection is reset before the headers or in the body; the connection ends
 * before `content-length` is reached.
 */
export type WireFault = 'stall' | 'stall-in-body' | 'drip' | 'reset' | 'reset-in-body' | 'truncate';

export interface Reply {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Record<string, string | string[]>;
  /**
   * Text and bytes go as they are, an iterable chunk by chunk as fast as the client reads, anything
   * else as JSON.
   */
  readonly body?: unknown;
  readonly gzip?: boolean;
  readonly fault?: WireFault;
}

/** A promise holds the answer back until it settles. */
export type Answer = Reply | ((request: RecordedRequest) => Reply | Promise<Reply>);

/**
 * A small real HTTP or HTTPS server on loopback that answers as configured and remembers what it was
 * asked.
 */
export class ScriptedServer {
  readonly requests: RecordedRequest[] = [];
  private readonly standing = new Map<string, Answer>();
  private readonly queued = new Map<string, Answer[]>();
  private readonly sockets = new Set<Socket>();
  private readonly answering = new Set<ServerResponse>();
  private readonly watchers = new Set<() => void>();
  private opened = 0;
  private server: Server | undefined;
  private port = 0;

  private constructor(private readonly tls: ServerOptions | undefined) {}

  static async start(options: { tls?: ServerOptions } = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(options.tls);
    await server.restart();
    return server;
  }

  get origin(): string {
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /** How many answers are under way: 0 once each is complete or its connection gone. */
  get busy(): number {
    return this.answering.size;
  }

  /** How many connections were opened so far. */
  get connections(): number {
    return this.opened;
  }

  url(path = '/'): string {
    return this.origin + path;
  }

  /** What a path answers from now on. Other paths answer 404. */
  on(path: string, answer: Answer): this {
    this.standing.set(path, answer);
    return this;
  }

  /** What the next requests for a path get, one each, before what {@link on} says. */
  once(path: string, ...answers: Answer[]): this {
    this.queued.set(path, [...(this.queued.get(path) ?? []), ...answers]);
    return this;
  }

  requestsTo(path: string): RecordedRequest[] {
    return this.requests.filter((request) => request.path === path);
  }

  /** Resolves once that many requests have come in all. */
  received(count = 1): Promise<void> {
    return this.until(() => this.requests.length >= count);
  }

  /**
   * Resolves once no answer is under way: after a fault, once the client has let its connection go.
   */
  idle(): Promise<void> {
    return this.until(() => this.busy === 0);
  }

  /** Stops listening and cuts every connection: from now on connections are refused. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Listens again, on the port it had. */
  async restart(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.answer(request, response);
    const server = this.tls ? createTlsServer(this.tls, answer) : createServer(answer);
    server.on('connection', (socket: Socket) => {
      this.opened += 1;
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const recorded = record(request);
    this.requests.push(recorded);
    this.answering.add(response);
    response.once('close', () => {
      this.answering.delete(response);
      this.notify();
    });
    const answer = this.queued.get(recorded.path)?.shift() ?? this.standing.get(recorded.path) ?? { status: 404 };
    this.notify();
    const reply = typeof answer === 'function' ? await answer(recorded) : answer;
    response.on('error', () => undefined);
    send(reply, response);
  }

  private until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.watchers.delete(check);
        resolve();
      };
      this.watchers.add(check);
      check();
    });
  }

  private notify(): void {
    for (const check of this.watchers) check();
  }
}

function record(request: IncomingMessage): RecordedRequest {
  const socket = request.socket as Socket & { getPeerCertificate?: () => { subject?: { CN?: string } } };
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    clientName: socket.getPeerCertificate?.().subject?.CN,
  };
}

function send(reply: Reply, response: ServerResponse): void {
  if (reply.fault === 'stall') return;
  if (reply.fault === 'reset') return void (response.socket as Socket).resetAndDestroy();
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  response.statusCode = reply.status ?? 200;
  if (isStreamed(reply.body)) {
    Readable.from(reply.body)
      .on('error', () => undefined)
      .pipe(response);
    return;
  }
  const plain = bytesOf(reply.body, response);
  const bytes = reply.gzip ? gzipSync(plain) : plain;
  if (reply.gzip) response.setHeader('content-encoding', 'gzip');
  if (reply.fault) sendBroken(reply.fault, bytes, response);
  else response.end(bytes);
}

function sendBroken(fault: WireFault, bytes: Buffer, response: ServerResponse): void {
  const half = bytes.subarray(0, Math.ceil(bytes.length / 2));
  if (fault === 'drip') return drip(bytes, response);
  response.setHeader('content-length', bytes.length);
  response.write(half, () => {
    if (fault === 'reset-in-body') (response.socket as Socket).resetAndDestroy();
    if (fault === 'truncate') (response.socket as Socket).end();
  });
}

function drip(bytes: Buffer, response: ServerResponse): void {
  let sent = 0;
  const timer = setInterval(() => response.write(bytes.subarray(sent % bytes.length, (sent++ % bytes.length) + 1)), 2);
  response.on('close', () => clearInterval(timer));
}

function isStreamed(body: unknown): body is Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof body !== 'object' || body === null || ArrayBuffer.isView(body) || Array.isArray(body)) return false;
  return Symbol.iterator in body || Symbol.asyncIterator in body;
}

function bytesOf(body: unknown, response: ServerResponse): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  return Buffer.from(JSON.stringify(body));
}
