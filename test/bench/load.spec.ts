import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { load, Requests } from '../../bench/support/load.mjs';

async function underLoad(listener: RequestListener) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization ?? '');
    listener(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const requests = new Requests(['first', 'second', 'third', 'fourth']);
  try {
    return { seen, ...(await load({ port, requests, connections: 2, depth: 2, seconds: 0.1 })) };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('the load of the bench', () => {
  it('counts an answer for each request, in whatever pieces it comes', async () => {
    const { seen, good, bad } = await underLoad((_request, response) => {
      response.write('{"orders":');
      setImmediate(() => response.end('[]}'));
    });
    expect(good).toBe(seen.length);
    expect(good).toBeGreaterThanOrEqual(4);
    expect(bad).toBe(0);
  });

  it('sends every token in turn', async () => {
    const { seen } = await underLoad((_request, response) => response.end());
    expect(new Set(seen)).toEqual(new Set(['Bearer first', 'Bearer second', 'Bearer third', 'Bearer fourth']));
  });

  it('distinguishes rejections from answers', async () => {
    const { good, bad, seen } = await underLoad((request, response) => {
      response.writeHead(request.headers.authorization?.endsWith('third') ? 401 : 200).end();
    });
    expect(bad).toBe(seen.filter((token) => token === 'Bearer third').length);
    expect(good).toBe(seen.length - bad);
  });

  it('fails where the server goes away', async () => {
    await expect(underLoad((request) => request.socket.destroy())).rejects.toThrow(/closed|ECONNRESET/);
  });
});
