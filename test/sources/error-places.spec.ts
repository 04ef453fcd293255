import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../lib/core/clock.js';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import { HttpSource } from '../../lib/sources/http-source.js';
import { ScriptedServer } from '../support/http-server.js';
import { TestProxy } from './test-proxy.js';

const PROXY_VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];

beforeEach(() => {
  for (const name of PROXY_VARIABLES) vi.stubEnv(name, undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function startProxy(): Promise<TestProxy> {
  const proxy = await TestProxy.start();
  onTestFinished(() => proxy.close());
  return proxy;
}

async function startServer(): Promise<ScriptedServer> {
  const server = await ScriptedServer.start();
  onTestFinished(() => server.close());
  return server;
}

/** The message of the error that loading a set ends with. */
async function messageOf(uri: string): Promise<string> {
  const transport = createTransport({ allowPrivateAddresses: true });
  onTestFinished(() => transport.close());
  const settings = { uri, timeout: 5_000, headers: {}, maxResponseSize: 10_000 };
  const source = new HttpSource(settings, transport, systemClock);
  const loading = source.load({ signal: new AbortController().signal, reload: false });
  return loading.then(
    () => expect.unreachable('the load should fail'),
    (error: Error) => error.message,
  );
}

describe('an error of a source', () => {
  it('names the URL of what is not a JWK Set, without its query', async () => {
    const server = await startServer();
    server.on('/application/o/shop/jwks/?secret=1', { body: {} });
    expect(await messageOf(server.url('/application/o/shop/jwks/?secret=1'))).toBe(
      `The JWK Set has no array of "keys" (${server.url('/application/o/shop/jwks/')})`,
    );
  });

  it('names the proxy that rejected, and its status, but not its credentials', async () => {
    const proxy = await startProxy();
    proxy.refuseWith = 407;
    vi.stubEnv('HTTPS_PROXY', `http://user:secret@${proxy.host}`);
    expect(await messageOf('https://id.example.com/jwks')).toBe(
      `https://id.example.com/jwks could not be reached through the proxy ${proxy.url}, which answered with status 407`,
    );
  });

  it('names a proxy that is down', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9');
    expect(await messageOf('https://id.example.com/jwks')).toBe(
      'https://id.example.com/jwks could not be reached through the proxy http://127.0.0.1:9 (ECONNREFUSED)',
    );
  });

  it('names the proxy where a status may be its own', async () => {
    const proxy = await startProxy();
    const server = await startServer();
    proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(server.origin).port) };
    vi.stubEnv('HTTP_PROXY', proxy.url);
    expect(await messageOf('http://id.example.com/jwks')).toBe(
      `http://id.example.com/jwks answered with status 404 through the proxy ${proxy.url}`,
    );
  });

  it.each(['127.0.0.1', '*', 'other,127.0.0.1', 'other 127.0.0.1:PORT'])(
    'names no proxy that was passed by for NO_PROXY=%s',
    async (value) => {
      const proxy = await startProxy();
      const server = await startServer();
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubEnv('NO_PROXY', value.replace('PORT', new URL(server.origin).port));
      expect(await messageOf(server.url('/jwks'))).toBe(`${server.url('/jwks')} answered with status 404`);
      expect(proxy.asked).toEqual([]);
    },
  );

  it('agrees with undici about names below those of NO_PROXY', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy:1');
    vi.stubEnv('NO_PROXY', 'example.com, .internal,*.local,other.net:8443');
    const transport = createTransport({ allowPrivateAddresses: true });
    const through = (url: string) => transport.proxyFor?.(url) !== undefined;
    expect(
      ['https://example.com/', 'https://id.example.com/', 'https://a.internal/', 'https://b.local/'].map(through),
    ).toEqual([false, false, false, false]);
    expect(['https://badexample.com/', 'https://other.net/', 'https://id.net/'].map(through)).toEqual([
      true,
      true,
      true,
    ]);
    expect(through('https://other.net:8443/')).toBe(false);
  });
});
