import { setupServer } from 'msw/node';
import { http, HttpResponse } from 'msw';
import nock from 'nock';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SourceError } from '../../lib/core/errors.js';
import { JwkSet } from '../../lib/keys/jwk-set.js';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import { HttpSource } from '../../lib/sources/http-source.js';
import type { FreshnessHints, LoadRequest, PreviousAnswer, SourceAnswer } from '../../lib/sources/jwk-set-source.js';
import { ScriptedServer, type Reply } from '../support/http-server.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoTimers } from './scripted-source.js';

describe('a set at a URL', () => {
  let key: TestKey;
  let server: ScriptedServer;
  let clock: ManualClock;
  let source: HttpSource;

  beforeAll(async () => {
    key = await testKey();
  });

  beforeEach(async () => {
    server = await ScriptedServer.start();
    clock = new ManualClock();
    source = sourceAt(server.url('/jwks'));
  });

  afterEach(async () => {
    await server.close();
    expectNoTimers(clock);
  });

  function sourceAt(uri: string, headers: Record<string, string> = {}): HttpSource {
    const transport = createTransport({ allowPrivateAddresses: true, proxy: false });
    return new HttpSource({ uri, headers, timeout: 5_000, maxResponseSize: 1_048_576 }, transport, clock);
  }

  const keys = () => ({ keys: [key.jwk] });
  const request = (more: Partial<LoadRequest> = {}): LoadRequest => ({
    signal: new AbortController().signal,
    reload: false,
    ...more,
  });
  const load = (more: Partial<LoadRequest> = {}) => source.load(request(more));
  const answering = (reply: Reply) => server.on('/jwks', { body: keys(), ...reply });

  async function fault(attempt: Promise<unknown>): Promise<SourceError> {
    return attempt.then(
      () => expect.unreachable('the load should fail'),
      (error: SourceError) => error,
    );
  }

  it('is validated and names the URL it comes from', async () => {
    answering({});
    const answer = await load();
    expect(answer.set).toBeInstanceOf(JwkSet);
    expect(answer.set.get(key.kid)?.jwk).toMatchObject({ kty: 'EC' });
    expect(answer).toMatchObject({ origin: server.url('/jwks') });
    expect(answer.notModified).toBeUndefined();
  });

  it.each(['text/plain', 'application/octet-stream', 'text/html', ''])(
    'R11: is taken with the content type %j',
    async (type) => {
      answering({ headers: { 'content-type': type } });
      expect((await load()).set.size).toBe(1);
    },
  );

  it.each<[string, unknown]>([
    ['HTML', '<!doctype html>'],
    ['null', 'null'],
    ['an array', '[]'],
    ['an object without keys', '{}'],
    ['keys that are no array', '{"keys":{}}'],
    ['a string', '"keys"'],
    ['1,001 keys', { keys: Array(1_001).fill({ kty: 'x' }) }],
    ['2 MiB', Buffer.alloc(2_097_152, ' ')],
  ])('R14: is rejected when it is %s, and the stale set may serve', async (_, body) => {
    answering({ body });
    expect(await fault(load())).toMatchObject({
      code: 'jwks_invalid',
      retryable: false,
      failsOver: true,
      allowsStale: true,
    });
  });

  it('R13: is rejected when it lost its keys, and the stale set may not serve', async () => {
    answering({ body: { keys: [] } });
    expect(await fault(load())).toMatchObject({ code: 'jwks_invalid', allowsStale: false });
  });

  it('serves its good keys where others are bad', async () => {
    answering({ body: { keys: [null, { kty: 'oct', k: 'AA' }, key.jwk, { kty: 'RSA' }] } });
    const { set } = await load();
    expect([...set].map(({ kid }) => kid)).toEqual([key.kid]);
    expect(set.dropped).toHaveLength(3);
  });

  it.each([
    ...[400, 401, 403, 404, 410, 451].map((status) => [status, false] as const),
    ...[408, 429, 500, 502, 503, 504].map((status) => [status, true] as const),
    ...[201, 202, 203, 204, 206, 301, 302, 303, 307, 308, 304].map((status) => [status, false] as const),
  ])('R5, R7: are unavailable with a status of %i: may be tried again %s', async (status, retryable) => {
    server.on('/jwks', { status, headers: { location: server.url('/elsewhere') } });
    const error = await fault(load());
    expect(error).toMatchObject({ code: 'jwks_unavailable', retryable, failsOver: true, allowsStale: true });
    expect(error.message).toContain(`${server.url('/jwks')} answered with status ${status}`);
    expect(server.requestsTo('/elsewhere')).toHaveLength(0);
  });

  it.each([
    ['7', 7_000],
    ['999999', 3_600_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Thu, 01 Jan 2025 00:00:00 GMT', undefined],
    ['-5', undefined],
    ['soon', undefined],
  ])('R6: says with Retry-After: %s when it may be asked again', async (value, retryAfter) => {
    for (const status of [429, 503]) {
      server.on('/jwks', { status, headers: { 'retry-after': value } });
      expect((await fault(load())).retryAfter).toBe(retryAfter);
    }
  });

  it('gets the headers of the settings', async () => {
    answering({});
    await sourceAt(server.url('/jwks'), { authorization: 'Bearer s', 'X-Api-Key': 'k' }).load(request());
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer s', 'x-api-key': 'k' });
  });

  it('is asked for past all caches on a reload, and only then', async () => {
    answering({});
    await load();
    await load({ reload: true });
    expect(server.requests[0]?.headers).not.toHaveProperty('cache-control');
    expect(server.requests[0]?.headers).not.toHaveProperty('pragma');
    expect(server.requests[1]?.headers).toMatchObject({ 'cache-control': 'no-cache', pragma: 'no-cache' });
  });

  describe('with validators', () => {
    const validators = { etag: '"v1"', 'last-modified': 'Wed, 31 Dec 2025 00:00:00 GMT' };
    const previousOf = ({ set, origin, etag, lastModified }: SourceAnswer): PreviousAnswer => ({
      set,
      origin,
      ...(etag && { etag }),
      ...(lastModified && { lastModified }),
    });

    it('hands them out and sends them back, on a reload as well', async () => {
      answering({ headers: validators });
      const first = await load();
      expect(first).toMatchObject({ etag: '"v1"', lastModified: validators['last-modified'] });
      await load({ previous: previousOf(first), reload: true });
      expect(server.requests[1]?.headers).toMatchObject({
        'if-none-match': '"v1"',
        'if-modified-since': validators['last-modified'],
        'cache-control': 'no-cache',
      });
    });

    it('takes a 304 for the set that is held', async () => {
      answering({ headers: validators });
      const first = await load();
      server.on('/jwks', { status: 304, headers: { etag: '"v2"' } });
      const second = await load({ previous: previousOf(first) });
      expect(second).toMatchObject({
        notModified: true,
        origin: first.origin,
        etag: '"v2"',
        lastModified: validators['last-modified'],
      });
      expect(second.set).toBe(first.set);
    });

    it('takes the set where the server sends one all the same', async () => {
      answering({ headers: validators });
      const first = await load();
      const second = await load({ previous: previousOf(first) });
      expect(second.notModified).toBeUndefined();
      expect(second.set).not.toBe(first.set);
    });

    it('R9: keeps those of another source to itself, and takes no 304 then', async () => {
      answering({ headers: validators });
      const first = await load();
      server.on('/jwks', { status: 304 });
      const elsewhere = { ...previousOf(first), origin: server.url('/other') };
      expect(await fault(load({ previous: elsewhere }))).toMatchObject({ code: 'jwks_unavailable', retryable: false });
      expect(server.requests[1]?.headers).not.toHaveProperty('if-none-match');
      expect(server.requests[1]?.headers).not.toHaveProperty('if-modified-since');
    });

    it('sends nothing that a header cannot hold, wherever it came from', async () => {
      answering({});
      const { set, origin } = await load();
      for (const junk of ['"a"\r\nx: y', '"é"', ' ', 'x'.repeat(1_025), '\u0000'])
        await load({ previous: { set, origin, etag: junk, lastModified: junk } });
      for (const { headers } of server.requests) expect(headers).not.toHaveProperty('if-none-match');
    });

    it('hands out no validator that it would not send back', async () => {
      answering({ headers: { etag: `"${'x'.repeat(2_000)}"` } });
      expect(await load()).not.toHaveProperty('etag');
    });
  });

  describe('says how long it is fresh', () => {
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const hour = 'Thu, 01 Jan 2026 01:00:00 GMT';

    it.each<[Record<string, string>, FreshnessHints]>([
      [{}, {}],
      [{ 'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT', date }, {}],
      [{ 'cache-control': 'public, immutable' }, {}],
      [{ 'cache-control': 'immutable', expires: hour, date }, { maxAge: 3_600_000 }],
      [{ 'cache-control': 'max-age=600' }, { maxAge: 600_000 }],
      [{ 'cache-control': 'Max-Age=600, Must-Revalidate' }, { maxAge: 600_000 }],
      [{ 'cache-control': 'max-age="600"' }, { maxAge: 600_000 }],
      [{ 'cache-control': 'private, s-maxage=1, max-age=600' }, { maxAge: 600_000 }],
      [{ 'cache-control': 'max-age=600', age: '100' }, { maxAge: 500_000 }],
      [{ 'cache-control': 'max-age=600', age: '700' }, { maxAge: 0 }],
      [{ 'cache-control': 'max-age=600', age: '-700' }, { maxAge: 600_000 }],
      [{ 'cache-control': 'max-age=0' }, { maxAge: 0 }],
      [{ 'cache-control': 'max-age=-5' }, { maxAge: 0 }],
      [{ 'cache-control': 'max-age=junk' }, { maxAge: 0 }],
      [{ 'cache-control': `max-age=${'9'.repeat(400)}` }, { maxAge: 0 }],
      [{ 'cache-control': 'no-cache, max-age=600' }, { maxAge: 0 }],
      [{ 'cache-control': 'no-store' }, { maxAge: 0 }],
      [{ pragma: 'no-cache' }, { maxAge: 0 }],
      [{ pragma: 'no-cache', 'cache-control': 'max-age=60' }, { maxAge: 60_000 }],
      [{ expires: hour, date }, { maxAge: 3_600_000 }],
      [{ expires: hour, date, 'cache-control': 'max-age=60' }, { maxAge: 60_000 }],
      [{ expires: hour, date, age: '1800' }, { maxAge: 1_800_000 }],
      [{ expires: date, date: hour }, { maxAge: 0 }],
      [{ expires: '0', date }, { maxAge: 0 }],
      [{ vary: '*' }, { maxAge: 0 }],
      [{ vary: 'accept', 'cache-control': 'max-age=60' }, { maxAge: 60_000 }],
      [{ 'cache-control': 'max-age=60, stale-if-error=3600' }, { maxAge: 60_000, staleIfError: 3_600_000 }],
      [{ 'cache-control': 'stale-if-error=0' }, { staleIfError: 0 }],
      [{ 'cache-control': 'stale-if-error, stale-while-revalidate=9' }, {}],
    ])('with %j', async (headers, hints) => {
      answering({ headers: { date, ...headers } });
      expect((await load()).hints).toEqual(hints);
    });

    it('counted from when it was asked for', async () => {
      server.on('/jwks', async () => {
        await clock.pass(1_500);
        return { headers: { 'cache-control': 'max-age=600', age: '10' }, body: keys() };
      });
      expect((await load()).hints).toEqual({ maxAge: 588_500 });
    });

    it('by the handed-in clock where the server names no date', async () => {
      const fetch = async () => Response.json(keys(), { headers: { expires: hour } });
      const dateless = new HttpSource(
        { uri: server.url('/jwks'), headers: {}, timeout: 5_000, maxResponseSize: 1_048_576 },
        createTransport({ allowPrivateAddresses: true, fetch }),
        clock,
      );
      expect((await dateless.load(request())).hints).toEqual({ maxAge: 3_600_000 });
    });

    it('again on a 304: what that repeats replaces, what it leaves out stays, and age begins anew', async () => {
      answering({ headers: { etag: '"1"', 'cache-control': 'max-age=600, must-revalidate', age: '300' } });
      const first = await load();
      expect(first.hints).toEqual({ maxAge: 300_000 });
      server.on('/jwks', { status: 304, headers: { etag: '"1"' } });
      const previous = { set: first.set, origin: first.origin, etag: '"1"' };
      expect((await load({ previous })).hints).toEqual({ maxAge: 600_000 });
      server.on('/jwks', { status: 304, headers: { etag: '"1"', 'cache-control': 'max-age=60' } });
      expect((await load({ previous })).hints).toEqual({ maxAge: 60_000 });
      server.on('/jwks', { status: 304, headers: { etag: '"1"' } });
      expect((await load({ previous })).hints).toEqual({ maxAge: 60_000 });
    });

    it('on a 304 for a set of another process by that answer alone', async () => {
      answering({ headers: { etag: '"1"', 'cache-control': 'max-age=600' } });
      const { set, origin } = await load();
      server.on('/jwks', { status: 304 });
      expect((await load({ previous: { set, origin, etag: '"from the store"' } })).hints).toEqual({});
    });
  });

  describe('as a document', () => {
    it('is what the server sent, without private and secret members', async () => {
      const secret = { kty: 'oct', kid: 's', k: 'c2VjcmV0' };
      const rsa = {
        kty: 'RSA',
        kid: 'r',
        n: 'AQAB',
        e: 'AQAB',
        d: 'x',
        p: 'x',
        q: 'x',
        dp: 'x',
        dq: 'x',
        qi: 'x',
        oth: [],
      };
      answering({
        body: {
          note: 'as it came',
          keys: [{ ...key.privateJwk, ext: true }, key.jwk, secret, rsa, { kty: 'AKP', priv: 'x' }, null, 5],
        },
      });
      expect(await source.fetchDocument(request())).toEqual({
        note: 'as it came',
        keys: [
          { ...publicOf(key), ext: true },
          key.jwk,
          { kty: 'oct', kid: 's' },
          { kty: 'RSA', kid: 'r', n: 'AQAB', e: 'AQAB' },
          { kty: 'AKP' },
          null,
          5,
        ],
      });
    });

    it('is rejected where it is no set', async () => {
      answering({ body: { keys: {} } });
      expect(await fault(source.fetchDocument(request()))).toMatchObject({ code: 'jwks_invalid' });
    });

    it('is asked for without conditions', async () => {
      answering({ headers: { etag: '"1"' } });
      const { set, origin, etag } = await load();
      await source.fetchDocument(request({ previous: { set, origin, ...(etag && { etag }) } }));
      expect(server.requests[1]?.headers).not.toHaveProperty('if-none-match');
    });
  });

  describe('in the tests of an application', () => {
    it('may be played by msw', async () => {
      const idp = setupServer(
        http.get('https://id.example.com/jwks', () => HttpResponse.json(keys(), { headers: { etag: '"m"' } })),
      );
      idp.listen({ onUnhandledRequest: 'error' });
      try {
        expect(await sourceAt('https://id.example.com/jwks').load(request())).toMatchObject({
          etag: '"m"',
          set: { size: 1 },
        });
      } finally {
        idp.close();
      }
    });

    it('may be played by nock', async () => {
      nock('https://id.example.com').get('/jwks').reply(200, keys(), { 'cache-control': 'max-age=60' });
      try {
        expect(await sourceAt('https://id.example.com/jwks').load(request())).toMatchObject({
          hints: { maxAge: 60_000 },
          set: { size: 1 },
        });
      } finally {
        nock.cleanAll();
        nock.restore();
      }
    });
  });
});

function publicOf({ privateJwk: { d: _, ...rest } }: TestKey) {
  return rest;
}
