import { afterEach, expect, it, vi } from 'vitest';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import { ScriptedServer } from '../support/http-server.js';

const loads = vi.hoisted(() => ({ count: 0 }));
vi.mock('undici', async (original) => {
  loads.count += 1;
  return original();
});

afterEach(() => vi.unstubAllEnvs());

it('loads undici on the first request that needs it, and not before', async () => {
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY']) vi.stubEnv(name, undefined);
  const server = (await ScriptedServer.start()).on('/', { body: 'hello' });
  const plain = createTransport({ allowPrivateAddresses: true });
  const own = createTransport({ allowPrivateAddresses: true, tls: {} });
  await (await plain.fetch(server.url(), {})).text();
  expect(loads.count).toBe(0);
  await (await own.fetch(server.url(), {})).text();
  await (await own.fetch(server.url(), {})).text();
  expect(loads.count).toBe(1);
  await own.close();
  await server.close();
});
