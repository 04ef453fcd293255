import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock, wait } from '../core/clock.js';

/** One request that a {@link TestIssuer} answered. @publicApi */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What the server says to everybody, whatever they ask. @internal */
export type Mode =
  | { readonly kind: 'up' }
  | { readonly kind: 'slow'; readonly delay: number }
  | { readonly kind: 'fixed'; readonly reply: Reply };

/** @internal */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @internal */
export interface IssuerServerSettings {
  readonly port: number;
  readonly now: () => number;
}

/**
 * A real HTTP server on loopback that can be taken down and brought back on the same port.
 *
 * @internal
 */
export class IssuerServer {
  readonly requests: RecordedRequest[] = [];
  private readonly server = createServer((request, response) => void this.handle(request, response));
  private mode: Mode = { kind: 'up' };
  /** Aborted when the mode changes: answers that are held back go out. */
  private held = new AbortController();
  private port: number;

  constructor(
    private readonly settings: IssuerServerSettings,
    /** The page of a path, if there is one. */
    private readonly route: (path: string) => Reply | undefined,
  ) {
    this.port = settings.port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    if (this.server.listening) return;
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Closes the listening socket and resets every connection. */
  async shut(): Promise<void> {
    this.held.abort();
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  async behave(mode: Mode): Promise<void> {
    this.held.abort();
    this.held = new AbortController();
    this.mode = mode;
    await this.listen();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    this.requests.push({ method, path: url, headers, at: this.settings.now() });
    const { mode } = this;
    const reply = mode.kind === 'fixed' ? mode.reply : this.answer(request);
    if (mode.kind === 'slow') await wait(systemClock, mode.delay, this.held.signal).catch(() => undefined);
    if (request.socket.destroyed) return;
    response.writeHead(reply.status, reply.headers).end(reply.body);
  }

  private answer(request: IncomingMessage): Reply {
    if (request.method !== 'GET' && request.method !== 'HEAD') return problem(405, { allow: 'GET, HEAD' });
    const page = this.route(new URL(request.url ?? '/', this.origin).pathname);
    if (!page) return problem(404);
    const etag = `"${createHash('sha256').update(page.body).digest('base64url')}"`;
    const headers = { ...page.headers, etag };
    return matches(request.headers['if-none-match'], etag) ? { status: 304, headers, body: '' } : { ...page, headers };
  }
}

/** @internal */
export function problem(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ error: `status ${status}` }),
  };
}

/** RFC 9110 section 13.1.2: a list of entity tags, compared weakly. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (!ifNoneMatch) return false;
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
