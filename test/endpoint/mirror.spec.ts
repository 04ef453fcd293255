import { describe, expect, it } from 'vitest';
import { JwksModule } from '../../lib/index.js';
import { JwksEndpointModule, type JwksEndpointOptions } from '../../lib/endpoint/index.js';
import { mirrorOf } from '../../lib/endpoint/mirror.js';
import type { FreshnessHints } from '../../lib/sources/jwk-set-source.js';
import type { JwksModuleOptions } from '../../lib/options/jwks-options.js';
import { serviceOf, startIssuer } from '../client/support.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';
import { testKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { directive, Publishing } from './support/endpoint.js';

const ISSUER = 'https://id.example.com/';
const SECOND = 1_000;

interface Settings {
  /** Of the endpoint, in milliseconds. */
  readonly maxAge?: number;
  readonly hints?: FreshnessHints;
  readonly module?: Partial<JwksModuleOptions>;
}

async function mirror({ maxAge, hints = { maxAge: 600 * SECOND }, module }: Settings = {}) {
  const clock = new ManualClock();
  const source = new ScriptedSource(clock);
  const key = await testKey('ES256', 'provider-1');
  source.publishes([key], hints);
  const rules = { issuer: ISSUER, audience: 'orders', source, cache: { staleIfError: '1h' } } as const;
  const service = serviceOf({ ...rules, ...module } as JwksModuleOptions, clock);
  const publishing = await Publishing.start({ mirror: true }, clock);
  publishing.publishFrom(mirrorOf({ issuer: undefined, maxAge }, service));
  /** While the source fails a request waits for a moment. */
  const get = async () => {
    const answering = publishing.get();
    await clock.pass('1s');
    return answering;
  };
  return { clock, source, key, publishing, get };
}

describe('a mirror', () => {
  it('publishes the set of the issuer, public members of usable keys alone', async () => {
    const { source, publishing, key } = await mirror();
    const other = await testKey('ES384', 'private');
    source.publishesDocument({
      keys: [key.jwk, other.privateJwk, { kty: 'oct', k: 'c2VjcmV0' }, { ...key.jwk, kid: 'b', x5c: ['A'] }],
    });
    const { keys } = await publishing.set();
    expect(keys).toEqual([key.jwk, { ...key.jwk, kid: 'b' }]);
  });

  it('counts down what is left of the freshness of the set', async () => {
    const { clock, publishing } = await mirror();
    const ages: number[] = [];
    for (let minute = 0; minute < 7; minute += 1) {
      ages.push(directive(await publishing.get(), 'max-age'));
      await clock.pass('1m');
    }
    expect(ages).toEqual([600, 540, 480, 420, 360, 300, 240]);
  });

  it('lets others keep the set no longer than its own maxAge', async () => {
    const { publishing } = await mirror({ maxAge: 30 * SECOND });
    expect(directive(await publishing.get(), 'max-age')).toBe(30);
  });

  it('serves on while the provider is down, for as long as the module does, and lets others keep it no longer', async () => {
    const { clock, source, publishing, get } = await mirror();
    const first = await publishing.get();
    const end = clock.now() + 600 * SECOND + 3_600 * SECOND;
    source.fails();
    for (;;) {
      const answer = await get();
      const left = (end - clock.now()) / SECOND;
      if (answer.status !== 200) break;
      const [maxAge, swr, sie] = ['max-age', 'stale-while-revalidate', 'stale-if-error'].map((name) =>
        directive(answer, name),
      );
      // Counted from before the request waited.
      const longest = left + 1;
      expect((maxAge ?? 0) + Math.max(swr ?? 0, sie ?? 0)).toBeLessThanOrEqual(longest);
      if (longest <= 3_600) expect(maxAge).toBeLessThanOrEqual(60);
      expect(answer.body).toEqual(first.body);
      await clock.pass('97s');
    }
    expect(clock.now()).toBeGreaterThanOrEqual(end);
    const gone = await get();
    expect(gone.status).toBe(503);
    expect(gone.headers).toMatchObject({ 'Cache-Control': 'no-store' });
    expect(Number(gone.headers['Retry-After'])).toBeGreaterThan(0);
  });

  it('answers 503 while there has never been a set, and comes back by itself', async () => {
    const { clock, source, key, get } = await mirror();
    source.fails();
    const answering = get();
    await clock.pass('30s');
    expect((await answering).status).toBe(503);
    source.publishes([key]);
    await clock.pass('1m');
    expect((await get()).status).toBe(200);
  });

  it('publishes no empty set, whatever the provider does', async () => {
    const { clock, source, get } = await mirror();
    await get();
    for (const document of [{ keys: [] }, {}, null, { keys: [{ kty: 'oct', k: 'AAAA' }] }]) {
      source.publishesDocument(document);
      await clock.pass('9m');
      const answer = await get();
      if (answer.status === 200) expect(JSON.parse(answer.body.toString())).not.toEqual({ keys: [] });
      else expect(answer.status).toBe(503);
    }
  });

  it('lets nothing be kept where the module keeps nothing', async () => {
    const { publishing } = await mirror({ module: { cache: { store: false } } });
    expect(directive(await publishing.get(), 'max-age')).toBe(0);
  });

  it('takes a set that never ages for ten minutes', async () => {
    const { publishing } = await mirror({ hints: { maxAge: Number.POSITIVE_INFINITY } });
    const answer = await publishing.get();
    expect(directive(answer, 'max-age')).toBe(600);
    expect(answer.headers['Cache-Control']).not.toContain('Infinity');
  });
});

describe('the option mirror', () => {
  const [, makeAdapter] = ADAPTERS[0];
  const start = (options: JwksEndpointOptions, module?: JwksModuleOptions) =>
    Api.start(makeAdapter, {
      imports: [
        JwksEndpointModule.forRoot(options),
        ...(module ? [JwksModule.forRoot({ prefetch: false, ...module })] : []),
      ],
    });
  const several: JwksModuleOptions = { audience: 'a', issuers: [{ issuer: 'https://a' }, { issuer: 'https://b' }] };

  it('fails the start without JwksModule, for several issuers, and for one that is not trusted', async () => {
    await expect(start({ mirror: true })).rejects.toMatchObject({ option: 'mirror' });
    await expect(start({ mirror: true }, several)).rejects.toMatchObject({ option: 'mirror' });
    await expect(start({ mirror: 'https://c' }, several)).rejects.toMatchObject({ option: 'mirror' });
    const single: JwksModuleOptions = { issuer: 'https://a', audience: 'a' };
    await expect(start({ mirror: 'https://b' }, single)).rejects.toMatchObject({ option: 'mirror' });
    const dynamic: JwksModuleOptions = { audience: 'a', issuers: () => undefined };
    await expect(start({ mirror: true }, dynamic)).rejects.toMatchObject({ option: 'mirror' });
  });

  it('takes one of several issuers, by its name, and one that a function finds', async () => {
    const issuer = await startIssuer();
    const entry = { issuer: issuer.issuer, audience: 'a' };
    const issuers: JwksModuleOptions[] = [
      { issuers: [entry, { issuer: 'https://b', audience: 'b' }] },
      { issuers: (name) => (name === entry.issuer ? entry : undefined), http: { allowPrivateAddresses: true } },
    ];
    for (const module of issuers) {
      await using api = await start({ mirror: issuer.issuer }, module);
      expect((await api.call('/.well-known/jwks.json')).body).toMatchObject({ keys: issuer.jwks.keys });
    }
  });

  it('finds a JwksModule that is not global', async () => {
    const issuer = await startIssuer();
    const module = JwksModule.forRoot({ issuer: issuer.issuer, audience: 'a', isGlobal: false });
    await using api = await Api.start(makeAdapter, { imports: [module, JwksEndpointModule.forRoot({ mirror: true })] });
    expect((await api.call('/.well-known/jwks.json')).status).toBe(200);
  });
});
