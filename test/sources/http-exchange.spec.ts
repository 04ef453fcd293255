import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SourceError } from '../../lib/core/errors.js';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import { HttpExchange, parseJson, type ExchangeSettings } from '../../lib/sources/http-exchange.js';
import { ScriptedServer, type Reply } from '../support/http-server.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoTimers } from './scripted-source.js';

const settings: ExchangeSettings = { timeout: 5_000, headers: {}, maxResponseSize: 1_048_576 };
const text = (body: Uint8Array) => Buffer.from(body).toString();

describe('one exchange', () => {
  let server: ScriptedServer;
  let clock: ManualClock;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    clock = new ManualClock();
  });

  afterEach(async () => {
    await server.close();
    expectNoTimers(clock);
  });

  const signal = () => new AbortController().signal;

  function get(changes: Partial<ExchangeSettings> = {}, fetch?: unknown) {
    const transport = createTransport({
      allowPrivateAddresses: true,
      proxy: false,
      fetch: fetch as typeof globalThis.fetch | undefined,
    });
    const exchange = new HttpExchange({ ...settings, ...changes }, transport, clock);
    return exchange.get({ url: server.url('/jwks?secret=1'), headers: {}, signal: signal() });
  }

  async function fault(attempt: Promise<unknown>): Promise<SourceError> {
    return attempt.then(
      () => expect.unreachable('the exchange should fail'),
      (error: SourceError) => error,
    );
  }

  it('F11: is one plain GET with its own headers and nothing of the surroundings', async () => {
    server.on('/jwks?secret=1', { body: '{}' });
    const answer = await get({ headers: { 'X-Api-Key': 'k', Accept: 'application/json' } });
    expect(text(answer.body)).toBe('{}');
    const [request] = server.requests;
    expect(request?.method).toBe('GET');
    expect(request?.headers['x-api-key']).toBe('k');
    expect(request?.headers.accept).toBe('application/json');
    for (const name of ['cookie', 'authorization', 'cache-control', 'pragma', 'referer', 'origin'])
      expect(request?.headers).not.toHaveProperty(name);
    await get();
    expect(server.requests[1]?.headers.accept).toBe('application/jwk-set+json, application/json');
  });

  it('F10: asks fetch for no redirects and no credentials', async () => {
    const fetch = vi.fn<typeof globalThis.fetch>(async () => new Response('{}'));
    await get({}, fetch);
    expect(fetch).toHaveBeenCalledWith(
      server.url('/jwks?secret=1'),
      expect.objectContaining({
        method: 'GET',
        redirect: 'manual',
        credentials: 'omit',
        signal: expect.any(AbortSignal),
      }),
    );
  });

  it('reports how long it took, body included', async () => {
    server.on('/jwks?secret=1', async () => {
      await clock.pass(3_000);
      return { body: '{}' };
    });
    const started = clock.now();
    expect(await get()).toMatchObject({ elapsed: 3_000, sentAt: started });
  });

  it.each([201, 204, 206, 301, 302, 307, 308, 400, 401, 404, 500])(
    'R8, R9: hands out a status of %i without its body',
    async (status) => {
      server.on('/jwks?secret=1', {
        status,
        body: status === 204 ? undefined : 'secret',
        headers: { location: server.url('/elsewhere') },
      });
      const answer = await get();
      expect(answer).toMatchObject({ status, body: new Uint8Array() });
      expect(server.requests).toHaveLength(1);
    },
  );

  it('drops an unwanted body, so that the connection is freed', async () => {
    server.on('/jwks?secret=1', { status: 500, body: endless() });
    expect((await get()).status).toBe(500);
    await server.idle();
  });

  describe.each<[string, Reply]>([
    ['is never answered', { fault: 'stall' }],
    ['stops in the middle of the body', { body: '{"keys":[]}', fault: 'stall-in-body' }],
    ['comes a byte at a time', { body: ' ', fault: 'drip' }],
  ])('that %s', (_, reply) => {
    it('G3, R4: ends at the deadline, says so, may be tried again, and frees its socket', async () => {
      server.on('/jwks?secret=1', reply);
      const attempt = fault(get());
      await server.received();
      await clock.pass(4_999);
      await clock.pass(1);
      const error = await attempt;
      expect(error).toMatchObject({ code: 'jwks_unavailable', retryable: true, failsOver: true, allowsStale: true });
      expect(error.message).toBe(`${server.url('/jwks')} timed out after 5000 ms`);
      await server.idle();
    });
  });

  it.each<[string, Reply]>([
    ['a reset before the headers', { fault: 'reset' }],
    ['a reset in the body', { body: '{"keys":[]}', fault: 'reset-in-body' }],
    ['a body shorter than its length', { body: '{"keys":[]}', fault: 'truncate' }],
    ['a body that is not the gzip it says', { body: '{"keys":[]}', headers: { 'content-encoding': 'gzip' } }],
  ])('R2, R10: takes %s for a connection fault that a retry may heal', async (_, reply) => {
    server.on('/jwks?secret=1', reply);
    expect(await fault(get())).toMatchObject({
      code: 'jwks_unavailable',
      retryable: true,
      failsOver: true,
      allowsStale: true,
    });
  });

  it('names the code of a connection fault, and neither query nor credentials', async () => {
    await server.close();
    const error = await fault(get());
    expect(error.message).toBe(`${server.url('/jwks')} could not be reached (ECONNREFUSED)`);
    expect(error.retryable).toBe(true);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it('R1: names a host that does not resolve', async () => {
    const exchange = new HttpExchange(settings, createTransport({ allowPrivateAddresses: true, proxy: false }), clock);
    const error = await fault(exchange.get({ url: 'http://nowhere.invalid/jwks', headers: {}, signal: signal() }));
    expect(error.message).toMatch(/^http:\/\/nowhere\.invalid\/jwks could not be reached \((ENOTFOUND|EAI_AGAIN)\)$/);
    expect(error.retryable).toBe(true);
  });

  it('reads gzip and counts what it inflates to', async () => {
    const body = JSON.stringify({ filler: 'x'.repeat(2_000) });
    server.on('/jwks?secret=1', { body, gzip: true });
    expect(text((await get()).body)).toBe(body);
    expect(await fault(get({ maxResponseSize: 1_999 }))).toMatchObject({
      code: 'jwks_invalid',
      message: `${server.url('/jwks')} answered with more than 1999 bytes`,
    });
  });

  it.each([0, 1, 16_383, 16_384, 16_385, 100_000])('takes a body of exactly the cap of %i bytes', async (size) => {
    server.once('/jwks?secret=1', { body: 'x'.repeat(size) }, { body: 'x'.repeat(size + 1) });
    expect((await get({ maxResponseSize: size })).body).toHaveLength(size);
    expect(await fault(get({ maxResponseSize: size }))).toMatchObject({ code: 'jwks_invalid' });
  });

  it('G2: keeps memory flat while a gzip bomb explodes', async () => {
    const bomb = gzipSync(Buffer.alloc(60_000_000, ' '));
    expect(bomb.length).toBeLessThan(60_000);
    server.on('/jwks?secret=1', { body: bomb, headers: { 'content-encoding': 'gzip' } });
    await fault(get());
    const before = process.memoryUsage();
    expect(await fault(get())).toMatchObject({ code: 'jwks_invalid', retryable: false, failsOver: true });
    const { rss, arrayBuffers } = process.memoryUsage();
    expect(rss - before.rss).toBeLessThan(10_000_000);
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(10_000_000);
    await server.idle();
  });

  it('G2: rejects a long chain of encodings', async () => {
    server.on('/jwks?secret=1', { body: '{}', headers: { 'content-encoding': Array(1_000).fill('gzip').join(', ') } });
    expect(await fault(get())).toMatchObject({ code: 'jwks_unavailable' });
  });

  it('G1: hangs up on an endless body as soon as the cap is passed', async () => {
    let sent = 0;
    server.on('/jwks?secret=1', { body: endless((bytes) => (sent += bytes)) });
    expect(await fault(get())).toMatchObject({ code: 'jwks_invalid' });
    await server.idle();
    expect(sent).toBeLessThan(16_000_000);
  });

  it('gives up when its caller does, and says that it was given up', async () => {
    server.on('/jwks?secret=1', { fault: 'stall' });
    const controller = new AbortController();
    const exchange = new HttpExchange(settings, createTransport({ allowPrivateAddresses: true, proxy: false }), clock);
    const attempt = fault(exchange.get({ url: server.url('/jwks?secret=1'), headers: {}, signal: controller.signal }));
    await server.received();
    controller.abort();
    expect(await attempt).toMatchObject({
      message: `The request to ${server.url('/jwks')} was given up`,
      retryable: false,
    });
    await server.idle();
  });

  describe('with a fetch of the application that misbehaves', () => {
    it('R36: fails where it throws at once', async () => {
      const thrown = new Error('https://user:password@host/?secret=1');
      const error = await fault(
        get({}, () => {
          throw thrown;
        }),
      );
      expect(error).toMatchObject({
        code: 'jwks_unavailable',
        message: `${server.url('/jwks')} could not be reached`,
        cause: thrown,
      });
    });

    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['null', null],
      ['text', 'keys'],
      ['a bare object', {}],
      ['a body that is no stream', { status: 200, headers: new Headers(), body: { keys: [] } }],
      ['no headers', { status: 200, body: null }],
      ['chunks that are no bytes', { status: 200, headers: new Headers(), body: ReadableStream.from(['text']) }],
    ])('fails where it returns %s', async (_, junk) => {
      expect(await fault(get({}, async () => junk))).toMatchObject({
        code: 'jwks_unavailable',
        retryable: false,
        failsOver: true,
      });
    });

    it.each<[string, unknown]>([
      ['no reader', undefined],
      ['a reader that reads nothing', {}],
      ['a reader that throws', { read: () => Promise.reject(new Error('no')), cancel: () => undefined }],
      ['a reader that cannot be stopped', { read: async () => ({}), cancel: undefined }],
    ])('fails, and the process lives on, where its body has %s', async (_, reader) => {
      const junk = { status: 200, headers: new Headers(), body: { getReader: () => reader } };
      expect(await fault(get({}, async () => junk))).toMatchObject({ code: 'jwks_unavailable', failsOver: true });
    });

    it('R36: fails at the deadline where it never settles and ignores its signal', async () => {
      const attempt = fault(get({}, () => new Promise(() => undefined)));
      await clock.pass(5_000);
      expect((await attempt).message).toContain('timed out');
    });

    it('cancels a body that comes after the deadline', async () => {
      const cancel = vi.fn<() => void>();
      let answer: (response: Response) => void = () => undefined;
      const attempt = fault(get({}, () => new Promise<Response>((resolve) => (answer = resolve))));
      await clock.pass(5_000);
      await attempt;
      answer(new Response(new ReadableStream({ cancel })));
      await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce());
    });

    it('cancels a body that stalls past the deadline', async () => {
      const cancel = vi.fn<() => void>();
      const attempt = fault(get({}, async () => new Response(new ReadableStream({ cancel }))));
      await clock.pass(5_000);
      expect((await attempt).message).toContain('timed out');
      expect(cancel).toHaveBeenCalledOnce();
    });

    it('fails where it followed a redirect in spite of being reported not to', async () => {
      server
        .on('/jwks?secret=1', { status: 302, headers: { location: '/elsewhere' } })
        .on('/elsewhere', { body: '{}' });
      const following = (url: string, init: RequestInit) => fetch(url, { ...init, redirect: 'follow' });
      expect(await fault(get({}, following))).toMatchObject({ code: 'jwks_unavailable', retryable: false });
    });
  });
});

describe('the text of an answer', () => {
  const json = '{"keys":[]}';

  it('R15: may begin with a byte order mark', () => {
    expect(parseJson(Buffer.from(`\ufeff${json}`), 'http://a/')).toEqual({ keys: [] });
  });

  it.each<[string, Uint8Array]>([
    ['UTF-16', Buffer.from(`\ufeff${json}`, 'utf16le')],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['HTML', Buffer.from('<html>')],
    ['nothing', Buffer.alloc(0)],
    ['NaN', Buffer.from('{"keys":[NaN]}')],
    ['a trailing comma', Buffer.from('{"keys":[],}')],
    ['a comment', Buffer.from('{"keys":[]/**/}')],
  ])('R12, R15, R16: is rejected when it is %s, without being quoted', (_, body) => {
    const attempt = () => parseJson(body, 'https://id.example.com/jwks?secret=1');
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'jwks_invalid', retryable: false, failsOver: true, allowsStale: true }),
    );
    expect(attempt).toThrow(/^https:\/\/id\.example\.com\/jwks did not answer with JSON in UTF-8$/);
  });
});

function* endless(onSent?: (bytes: number) => void): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, ' ');
  for (;;) {
    onSent?.(chunk.length);
    yield chunk;
  }
}
