import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Publishing } from './support/endpoint.js';
import { nginxAvailable } from '../support/nginx.js';
import { NginxCache } from './support/nginx.js';

const PATH = '/.well-known/jwks.json';
const APP = 'https://app.example.com';

/** The endpoint over HTTP, where a test sees each request that reaches it. */
class Origin {
  readonly requests: IncomingMessage[] = [];
  private readonly server: Server;

  constructor(private readonly publishing: Publishing) {
    this.server = createServer((request, response) => {
      this.requests.push(request);
      const { method = '', headers } = request;
      const asked = { method, origin: headers.origin, ifNoneMatch: headers['if-none-match'] };
      void this.publishing
        .get(asked)
        .then((answer) => response.writeHead(answer.status, answer.headers).end(answer.body));
    });
  }

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

describe.skipIf(!nginxAvailable())('nginx as a CDN', () => {
  let publishing: Publishing;
  let origin: Origin;
  let cdn: NginxCache;

  beforeEach(async () => {
    publishing = await Publishing.start({ keys: {}, maxAge: '1s', cors: [APP] });
    origin = new Origin(publishing);
    cdn = await NginxCache.start(await origin.start());
  });
  afterEach(async () => {
    await cdn[Symbol.asyncDispose]();
    await origin.stop();
  });

  /** nginx has a clock of its own, of whole seconds. */
  const until = (cache: RegExp) =>
    vi.waitFor(
      async () => {
        const answer = await cdn.get(PATH);
        expect(answer.cache).toMatch(cache);
        return answer;
      },
      { timeout: 5_000, interval: 50 },
    );

  it('serves the set from its cache, and answers conditional requests itself', async () => {
    const first = await cdn.get(PATH);
    expect([first.status, first.cache]).toEqual([200, 'MISS']);
    expect(first.headers.get('content-type')).toBe('application/jwk-set+json');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"/);
    const hit = await cdn.get(PATH);
    expect([hit.cache, hit.body]).toEqual(['HIT', first.body]);
    expect((await cdn.get(PATH, { 'if-none-match': etag })).status).toBe(304);
    expect(origin.requests).toHaveLength(1);
  });

  it('revalidates an expired set by its tag, and takes over a changed one', async () => {
    const first = await cdn.get(PATH);
    await until(/REVALIDATED|EXPIRED/);
    const conditional = origin.requests.at(-1)?.headers['if-none-match'];
    expect(conditional).toBe(first.headers.get('etag'));
    await publishing.ring.rotate();
    await vi.waitFor(
      async () => {
        const { keys } = JSON.parse((await cdn.get(PATH)).body) as { keys: unknown[] };
        expect(keys).toHaveLength(2);
      },
      { timeout: 5_000, interval: 50 },
    );
  });

  it('serves the stale set while the endpoint is down, and keeps no 503', async () => {
    const first = await cdn.get(PATH);
    await origin.stop();
    const stale = await until(/STALE/);
    expect([stale.status, stale.body]).toEqual([200, first.body]);
  });

  it('keeps the origins of the list apart', async () => {
    const allowed = await cdn.get(PATH, { origin: APP });
    const other = await cdn.get(PATH, { origin: 'https://other.example.com' });
    expect(allowed.headers.get('access-control-allow-origin')).toBe(APP);
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.cache).toBe('MISS');
    expect((await cdn.get(PATH, { origin: APP })).cache).toBe('HIT');
  });
});
