import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { describe, expect, it, vi } from 'vitest';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import type { JwksClientOptions } from '../../lib/options/jwks-options.js';
import { testKey } from '../support/keys.js';
import { clientOf, faultOf, jwksOf, startIssuer, startServer } from './support.js';

const key = await testKey('ES256', 'first');
const spare = await testKey('ES256', 'spare');

/** A cache-manager cache whose entries can be looked at. */
function openStore() {
  const entries = new Map<string, string>();
  const store = createCache({ stores: [new Keyv({ store: entries })] });
  const sets = () => [...entries].filter(([name, value]) => name.includes('v2:') && value.includes('jwks'));
  return { store, entries, sets };
}

async function settled(client: { getSigningKeys(): Promise<unknown> }, done: () => unknown) {
  await client.getSigningKeys();
  await vi.waitFor(() => expect(done()).toBeTruthy());
}

describe('the chain of an issuer', () => {
  it('leaves the next member its turn where the first one hangs', async () => {
    const server = await startServer();
    server.on('/hangs', { fault: 'stall' }).on('/jwks', { body: jwksOf(key) });
    const http = { timeout: '5s', deadline: 2_000, retries: 0 };
    const client = clientOf({ jwksUri: server.url('/hangs'), failover: [server.url('/jwks')], http });
    expect(await client.getSigningKeys()).toHaveLength(1);
  });

  it('asks its members in order, the static backup last', async () => {
    const server = await startServer();
    server.on('/b', { body: jwksOf(key) });
    const options = {
      jwksUri: server.url('/a'),
      failover: [server.url('/b')],
      jwks: jwksOf(spare),
      http: { retries: 0 },
    };
    expect((await clientOf(options).getSigningKeys()).map(({ kid }) => kid)).toEqual(['first']);
    server.on('/b', { status: 500 });
    expect((await clientOf(options).getSigningKeys()).map(({ kid }) => kid)).toEqual(['spare']);
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/b', '/a', '/b']);
  });

  it('falls back from discovery', async () => {
    const issuer = await startIssuer();
    await issuer.down();
    const options = { ...issuer.options(), failover: [{ jwks: jwksOf(spare) }], http: { retries: 0 } };
    expect(await clientOf(options).getSigningKey('spare')).toBeDefined();
  });

  it('takes a set without a usable key for an answer, which no backup overrules', async () => {
    const server = await startServer();
    server.on('/empty', { body: { keys: [] } });
    const client = clientOf({ jwksUri: server.url('/empty'), jwks: jwksOf(spare), http: { retries: 0 } });
    for (let count = 0; count < 2; count += 1)
      expect(await faultOf(client.getSigningKey('spare'))).toMatchObject({ code: 'jwks_invalid' });
  });

  it.each<[string, () => unknown]>([
    ['throws', () => Promise.reject(new Error('vault sealed'))],
    [
      'throws at once',
      () => {
        throw new Error('vault sealed');
      },
    ],
    ['answers with nothing', async () => undefined],
    ['answers with a document', async () => jwksOf(key)],
  ])('makes an outage of a source of the application that %s', async (_, load) => {
    const client = clientOf({ source: { load } as never, http: { retries: 0 } });
    expect(await faultOf(client.getSigningKeys())).toMatchObject({ code: 'jwks_unavailable' });
  });

  it('asks a source that is down again, as often as http.retries says', async () => {
    const server = await startServer();
    server.on('/jwks', { status: 503 });
    const client = clientOf({ jwksUri: server.url('/jwks'), http: { retries: 1 } });
    await faultOf(client.getSigningKeys());
    expect(server.requests).toHaveLength(2);
  });

  it('reads http issuers where allowInsecure says so', async () => {
    const asked: string[] = [];
    const fetch = async (url: string | URL | Request) => {
      asked.push(String(url));
      const document = { issuer: 'http://id.example.com', jwks_uri: 'http://id.example.com/jwks' };
      return Response.json(asked.length === 1 ? document : jwksOf(key));
    };
    const options = { issuer: 'http://id.example.com', allowInsecure: true, http: { fetch } };
    expect(await clientOf(options).getSigningKeys()).toHaveLength(1);
    expect(asked.at(-1)).toBe('http://id.example.com/jwks');
  });
});

describe('the store of an issuer', () => {
  const options = async (): Promise<JwksClientOptions> => {
    const server = await startServer();
    server.on('/jwks', { body: jwksOf(key) });
    return { issuer: 'https://id.example.com', audience: false, jwksUri: server.url('/jwks') };
  };

  it('takes the set, under the prefix, without a word about the issuer in its key', async () => {
    const { store, sets } = openStore();
    await settled(clientOf({ ...(await options()), cache: { store, prefix: 'orders:' } }), () => sets().length === 1);
    expect(sets()[0]?.[0]).toMatch(/orders:v2:[\w-]{43}$/);
  });

  it('H1: is not believed where an entry lacks its HMAC', async () => {
    const { store, sets } = openStore();
    const plain = await options();
    await settled(clientOf({ ...plain, cache: { store } }), () => sets().length === 1);
    const guarded = clientOf({ ...plain, cache: { store, integrityKey: 'a secret of some length' } });
    const events: unknown[] = [];
    guarded.events$.subscribe((event) => events.push(event));
    expect(await guarded.getSigningKeys()).toHaveLength(1);
    expect(events).toContainEqual(expect.objectContaining({ type: 'store.failed', tampered: true }));
    expect(events).toContainEqual(expect.objectContaining({ type: 'set.loaded', from: 'source' }));
  });

  it.each<[string, () => JwksClientOptions]>([
    ['a static set', () => ({ issuer: 'https://id.example.com', jwks: jwksOf(key) })],
    [
      "A18: a source that can't be distinguished from another's",
      () => ({ issuer: 'https://id.example.com', source: customSource() }),
    ],
  ])('is not troubled with %s', async (_, make) => {
    const { store, entries } = openStore();
    const get = vi.spyOn(store, 'get');
    const client = clientOf({ ...make(), cache: { store } });
    expect(await client.getSigningKeys()).toHaveLength(1);
    await new Promise(setImmediate);
    expect([get.mock.calls, entries.size]).toEqual([[], 0]);
  });

  it('A18: takes the set of a source that has a name, apart from that of another name', async () => {
    const { store, sets } = openStore();
    for (const [index, name] of ['vault', 'kms'].entries()) {
      const client = clientOf({
        issuer: 'https://id.example.com',
        source: { ...customSource(), name },
        cache: { store },
      });
      await settled(client, () => sets().length === index + 1);
      expect(client.status().counters.fetches).toBe(1);
    }
  });

  it('is one of its own where none is given', async () => {
    const server = await startServer();
    server.on('/jwks', { body: jwksOf(key) });
    for (let made = 1; made <= 3; made += 1) {
      await clientOf({ jwksUri: server.url('/jwks') }).getSigningKeys();
      expect(server.requests).toHaveLength(made);
    }
  });
});

function customSource() {
  return { load: async () => ({ set: JwkSet.parse(jwksOf(key)), origin: 'vault' }) };
}
