import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SourceError } from '../../lib/core/errors.js';
import { allowInsecureRequests, customFetch, discoveryRequest } from 'oauth4webapi';
import { discoveryUrls, DiscoverySource, type DiscoverySourceSettings } from '../../lib/sources/discovery-source.js';
import { createTransport } from '../../lib/sources/http-dispatcher.js';
import type { LoadRequest } from '../../lib/sources/jwk-set-source.js';
import { ScriptedServer } from '../support/http-server.js';
import { testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoTimers, requestWith } from './scripted-source.js';

const OIDC = '/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server';
const HOUR = 3_600_000;

describe('the set of an issuer', () => {
  let key: TestKey;
  let other: TestKey;
  let server: ScriptedServer;
  let clock: ManualClock;

  beforeAll(async () => {
    key = await testKey();
    other = await testKey('RS256');
  });

  beforeEach(async () => {
    server = await ScriptedServer.start();
    server
      .on('/jwks', { body: { keys: [key.jwk] }, headers: { etag: '"1"' } })
      .on('/moved', { body: { keys: [other.jwk] } });
    clock = new ManualClock();
  });

  afterEach(async () => {
    await server.close();
    expectNoTimers(clock);
  });

  const metadata = (more: object = {}) => ({ issuer: server.origin, jwks_uri: server.url('/jwks'), ...more });
  const paths = () => server.requests.map(({ path }) => path);

  function discovery(changes: Partial<DiscoverySourceSettings> = {}, fetch?: typeof globalThis.fetch): DiscoverySource {
    const transport = createTransport({ allowPrivateAddresses: true, proxy: false, fetch });
    const settings = {
      issuer: server.origin,
      allowInsecure: false,
      ttl: HOUR,
      timeout: 5_000,
      headers: {},
      maxResponseSize: 1_048_576,
    };
    return new DiscoverySource({ ...settings, ...changes }, transport, clock);
  }

  async function fault(attempt: Promise<unknown>): Promise<SourceError> {
    return attempt.then(
      () => expect.unreachable('the load should fail'),
      (error: SourceError) => error,
    );
  }

  const kidsOf = async (source: DiscoverySource, more: Partial<LoadRequest> = {}) =>
    [...(await source.load(requestWith(more))).set].map(({ kid }) => kid);

  it('is found by OpenID Connect Discovery, and the document is read once', async () => {
    server.on(OIDC, { body: metadata() });
    const source = discovery();
    const answer = await source.load(requestWith());
    expect(answer).toMatchObject({ origin: server.url('/jwks'), etag: '"1"' });
    await source.load(requestWith({ previous: { set: answer.set, origin: answer.origin, etag: '"1"' }, reload: true }));
    expect(paths()).toEqual([OIDC, '/jwks', '/jwks']);
    expect(server.requests[2]?.headers).toMatchObject({ 'if-none-match': '"1"', 'cache-control': 'no-cache' });
  });

  it.each([400, 401, 403, 404, 410])('is found by RFC 8414 where OpenID Connect answers %i', async (status) => {
    server.on(OIDC, { status }).on(OAUTH, { body: metadata() });
    expect(await kidsOf(discovery())).toEqual([key.kid]);
    expect(paths()).toEqual([OIDC, OAUTH, '/jwks']);
  });

  describe('whose metadata is elsewhere', () => {
    const POLICY = '/tenant/policy/v2.0/.well-known/openid-configuration';

    it('is found there and nowhere else', async () => {
      const issuer = 'https://tenant.b2clogin.com/id/v2.0/';
      server.on(POLICY, { body: metadata({ issuer }) });
      expect(await kidsOf(discovery({ issuer, uri: server.url(POLICY) }))).toEqual([key.kid]);
      expect(paths()).toEqual([POLICY, '/jwks']);
    });

    it('is found under the issuer of access tokens that AD FS names', async () => {
      const issuer = 'http://adfs.example.com/adfs/services/trust';
      server.on(POLICY, { body: metadata({ issuer: 'https://adfs.example.com/adfs', access_token_issuer: issuer }) });
      expect(await kidsOf(discovery({ issuer, uri: server.url(POLICY) }))).toEqual([key.kid]);
      server.on(OIDC, { body: metadata({ issuer: 'https://elsewhere.example', access_token_issuer: server.origin }) });
      expect((await fault(discovery().load(requestWith()))).message).toContain('is of the issuer');
    });

    it('is not that of another issuer', async () => {
      server.on(POLICY, { body: metadata({ issuer: 'https://login.example.com/{tenantid}/v2.0' }) });
      const { message } = await fault(
        discovery({ issuer: 'https://login.example.com/a/v2.0', uri: server.url(POLICY) }).load(requestWith()),
      );
      expect(message).toContain('is of the issuer "https://login.example.com/{tenantid}/v2.0"');
    });

    it('gets the headers of the issuer, and so does a jwks_uri of the same origin', async () => {
      server.on(POLICY, { body: metadata({ issuer: 'https://id.example.com' }) });
      const headers = { 'x-key': 'secret' };
      await discovery({ issuer: 'https://id.example.com', uri: server.url(POLICY), headers }).load(requestWith());
      expect(server.requests.map((request) => request.headers['x-key'])).toEqual(['secret', 'secret']);
    });
  });

  it.each(['/tenant', '/tenant/'])(
    'is looked for in the right places where the issuer has a path: %s',
    async (path) => {
      server.on(`${OAUTH}/tenant`, { body: metadata({ issuer: server.url(path) }) });
      expect(await kidsOf(discovery({ issuer: server.url(path) }))).toEqual([key.kid]);
      expect(paths()).toEqual([`/tenant${OIDC}`, `${OAUTH}/tenant`, '/jwks']);
    },
  );

  it('is asked for in the same plain way as any set', async () => {
    server.on(OIDC, { body: metadata() });
    await discovery({ headers: { 'x-api-key': 'k' } }).load(requestWith());
    for (const { method, headers } of server.requests) {
      expect(method).toBe('GET');
      expect(headers).toMatchObject({ accept: 'application/jwk-set+json, application/json', 'x-api-key': 'k' });
      expect(headers['user-agent']).not.toContain('oauth4webapi');
    }
  });

  it('does not send the headers of the issuer to another origin that a document names', async () => {
    const elsewhere = await ScriptedServer.start();
    try {
      elsewhere.on('/jwks', { body: { keys: [key.jwk] } });
      server.on(OIDC, { body: metadata({ jwks_uri: elsewhere.url('/jwks') }) });
      await discovery({ headers: { 'x-api-key': 'k' } }).load(requestWith());
      expect(elsewhere.requests).toHaveLength(1);
      expect(elsewhere.requests[0]?.headers).not.toHaveProperty('x-api-key');
    } finally {
      await elsewhere.close();
    }
  });

  describe('are unavailable', () => {
    it.each([408, 429, 500, 503])('while discovery answers %i; another look may help', async (status) => {
      server.on(OIDC, { status, headers: { 'retry-after': '3' } }).on(OAUTH, { body: metadata() });
      expect(await fault(discovery().load(requestWith()))).toMatchObject({
        code: 'jwks_unavailable',
        retryable: true,
        retryAfter: 3_000,
      });
      expect(paths()).toEqual([OIDC]);
    });

    it.each([204, 301, 302])('when discovery answers %i', async (status) => {
      server.on(OIDC, { status, headers: { location: server.url('/jwks') } });
      expect(await fault(discovery().load(requestWith()))).toMatchObject({
        code: 'jwks_unavailable',
        retryable: false,
        failsOver: true,
      });
      expect(paths()).toEqual([OIDC]);
    });

    it('when there is no document in either place, and says where it looked', async () => {
      const error = await fault(discovery().load(requestWith()));
      expect(error).toMatchObject({ code: 'jwks_unavailable', retryable: false, failsOver: true, allowsStale: true });
      expect(error.message).toBe(
        `${server.url(OIDC)} answered with status 404; ${server.url(OAUTH)} answered with status 404`,
      );
    });

    it('while no server answers', async () => {
      await server.close();
      expect(await fault(discovery().load(requestWith()))).toMatchObject({ code: 'jwks_unavailable', retryable: true });
    });

    it('when discovery hangs', async () => {
      server.on(OIDC, { fault: 'stall' });
      const attempt = fault(discovery().load(requestWith()));
      await server.received();
      await clock.pass(5_000);
      expect((await attempt).message).toBe(`${server.url(OIDC)} timed out after 5000 ms`);
      await server.idle();
    });

    it.each<[string, unknown]>([
      ['HTML', '<html>'],
      ['nothing', ''],
      ['more than the cap', Buffer.alloc(1_048_577, ' ')],
    ])('when the document is %s', async (_, body) => {
      server.on(OIDC, { body });
      expect(await fault(discovery().load(requestWith()))).toMatchObject({
        code: 'jwks_invalid',
        retryable: false,
        failsOver: true,
      });
    });

    it.each(['null', '[]', '5', '{}', '{"issuer":5}', '{"issuer":null}', `${'['.repeat(50_000)}${']'.repeat(50_000)}`])(
      'when the document is the JSON %.20s',
      async (body) => {
        server.on(OIDC, { body });
        expect(await fault(discovery().load(requestWith()))).toMatchObject({
          code: 'jwks_unavailable',
          retryable: false,
          failsOver: true,
        });
        expect(paths()).toEqual([OIDC]);
      },
    );

    it.each([
      ['a slash more', (origin: string) => `${origin}/`],
      ['another host', () => 'https://evil.example.com'],
      ['upper case', (origin: string) => origin.toUpperCase()],
      ['a path more', (origin: string) => `${origin}/tenant`],
      ['a list', (origin: string) => [origin]],
      ['no URL', () => 'an issuer'],
    ])('F7: when the document is of an issuer with %s', async (_, named) => {
      server.on(OIDC, { body: metadata({ issuer: named(server.origin) }) }).on(OAUTH, { body: metadata() });
      expect(await fault(discovery().load(requestWith()))).toMatchObject({
        code: 'jwks_unavailable',
        retryable: false,
        failsOver: true,
      });
      expect(paths()).toEqual([OIDC]);
    });

    it('and a wrong issuer is named, safe for a log line', async () => {
      server.on(OIDC, { body: metadata({ issuer: 'https://evil\n.example.com' }) });
      expect((await fault(discovery().load(requestWith()))).message).toBe(
        `${server.url(OIDC)} is of the issuer "https://evil\\u000a.example.com", not of "${server.origin}"`,
      );
    });

    it.each([
      'http://id.example.com/jwks',
      'file:///etc/passwd',
      'data:application/json,{"keys":[]}',
      'ftp://127.0.0.1/jwks',
      '/jwks',
      '',
      'https://user:password@id.example.com/jwks',
      'https://user@id.example.com/',
      undefined,
      null,
      5,
      ['https://id.example.com/jwks'],
    ])('F8: when the document names the jwks_uri %j', async (jwksUri) => {
      server.on(OIDC, { body: metadata({ jwks_uri: jwksUri }) });
      const error = await fault(discovery().load(requestWith()));
      expect(error).toMatchObject({ code: 'jwks_unavailable', retryable: false });
      expect(error.message).not.toContain('password');
      expect(paths()).toEqual([OIDC]);
    });

    it.each([
      'http://id.example.com',
      'https://user:password@id.example.com',
      'ftp://id.example.com',
      'id.example.com',
    ])('from the issuer %s, which is not even asked', async (issuer) => {
      const fetch = vi.fn<typeof globalThis.fetch>();
      const error = await fault(discovery({ issuer }, fetch).load(requestWith()));
      expect(error).toMatchObject({ code: 'jwks_unavailable', retryable: false });
      expect(error.message).not.toContain('password');
      expect(fetch).not.toHaveBeenCalled();
    });
  });

  it('may come over http from elsewhere than loopback where that is allowed', async () => {
    const asked: string[] = [];
    const fetch = async (url: string | URL | Request) => {
      asked.push(String(url));
      return Response.json(
        asked.length === 1
          ? { issuer: 'http://id.internal', jwks_uri: 'http://keys.internal/jwks#top' }
          : { keys: [key.jwk] },
      );
    };
    const source = discovery({ issuer: 'http://id.internal', allowInsecure: true }, fetch);
    expect(await source.load(requestWith())).toMatchObject({ origin: 'http://keys.internal/jwks' });
    expect(asked).toEqual([`http://id.internal${OIDC}`, 'http://keys.internal/jwks']);
  });

  describe('once its jwks_uri is known', () => {
    let source: DiscoverySource;

    beforeEach(async () => {
      server.on(OIDC, { body: metadata() });
      source = discovery();
      await source.load(requestWith());
      server.requests.length = 0;
    });

    it('is refreshed without discovery for as long as that is trusted, then with it', async () => {
      await clock.pass(HOUR - 1);
      await source.load(requestWith());
      await clock.pass(1);
      await source.load(requestWith());
      await source.load(requestWith());
      expect(paths()).toEqual(['/jwks', OIDC, '/jwks', '/jwks']);
    });

    it('R40: comes from the new URL once discovery has been read again', async () => {
      server.on(OIDC, { body: metadata({ jwks_uri: server.url('/moved') }) });
      expect(await kidsOf(source)).toEqual([key.kid]);
      await clock.pass(HOUR);
      const { set, origin } = await source.load(
        requestWith({
          previous: { set: (await source.load(requestWith())).set, origin: server.url('/jwks'), etag: '"1"' },
        }),
      );
      expect([...set].map(({ kid }) => kid)).toEqual([other.kid]);
      expect(origin).toBe(server.url('/moved'));
      expect(server.requestsTo('/moved').every(({ headers }) => !('if-none-match' in headers))).toBe(true);
    });

    it('R39: is not held up by discovery that fails, and discovery is left alone for a minute', async () => {
      server.on(OIDC, { status: 500 });
      await clock.pass(HOUR);
      for (let load = 0; load < 3; load += 1) expect(await kidsOf(source)).toEqual([key.kid]);
      expect(paths()).toEqual([OIDC, '/jwks', '/jwks', '/jwks']);
      await clock.pass('1m');
      expect(await kidsOf(source)).toEqual([key.kid]);
      expect(server.requestsTo(OIDC)).toHaveLength(2);
    });

    it('waits for discovery that hangs for half of the time only', async () => {
      server.on(OIDC, { fault: 'stall' });
      await clock.pass(HOUR);
      const load = kidsOf(source);
      await server.received();
      await clock.pass(2_500);
      expect(await load).toEqual([key.kid]);
    });

    it('keeps to what is known where the document is suddenly of another issuer', async () => {
      server.on(OIDC, { body: metadata({ issuer: 'https://evil.example.com', jwks_uri: server.url('/moved') }) });
      await clock.pass(HOUR);
      expect(await kidsOf(source)).toEqual([key.kid]);
      expect(server.requestsTo('/moved')).toHaveLength(0);
    });

    it('is looked for again by discovery when it is no longer there', async () => {
      server.on('/jwks', { status: 404 }).on(OIDC, { body: metadata({ jwks_uri: server.url('/moved') }) });
      expect(await kidsOf(source)).toEqual([other.kid]);
      expect(await kidsOf(source)).toEqual([other.kid]);
      expect(paths()).toEqual(['/jwks', OIDC, '/moved', '/moved']);
    });

    it.each([200, 404, 500])(
      'fails with the fault of the set where discovery, answering %i, has nothing new',
      async (status) => {
        server.on('/jwks', { status: 503 }).on(OIDC, { status, body: metadata() });
        expect((await fault(source.load(requestWith()))).message).toBe(
          `${server.url('/jwks')} answered with status 503`,
        );
        expect(server.requestsTo('/jwks')).toHaveLength(1);
      },
    );

    it('makes no further request once its answer is of no use', async () => {
      const controller = new AbortController();
      server.on('/jwks', { fault: 'stall' });
      const attempt = fault(source.load(requestWith({ signal: controller.signal })));
      await server.received();
      controller.abort();
      await attempt;
      expect(paths()).toEqual(['/jwks']);
    });

    it('hands out the document of the set in the same way', async () => {
      server.on('/jwks', { status: 404 }).on(OIDC, { body: metadata({ jwks_uri: server.url('/moved') }) });
      expect(await source.fetchDocument(requestWith())).toEqual({ keys: [other.jwk] });
    });
  });

  it('is not looked for twice in one load', async () => {
    server.on(OIDC, { body: metadata() }).on('/jwks', { status: 503 });
    expect((await fault(discovery().load(requestWith()))).message).toContain('/jwks answered with status 503');
    expect(paths()).toEqual([OIDC, '/jwks']);
  });

  it('asks for discovery again at the next load where the first one failed', async () => {
    server.once(OIDC, { status: 500 }).on(OIDC, { body: metadata() });
    const source = discovery();
    await fault(source.load(requestWith()));
    expect(await kidsOf(source)).toEqual([key.kid]);
  });
});

describe('discoveryUrls', () => {
  it.each([
    'https://id.example.com',
    'https://id.example.com/',
    'https://id.example.com/realms/a',
    'https://id.example.com/realms/a/',
    'https://id.example.com:8443/a%20b/c',
    'http://127.0.0.1:3000/tenant',
  ])('are those of oauth4webapi for %s', async (issuer) => {
    const asked: string[] = [];
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      await discoveryRequest(new URL(issuer), {
        algorithm,
        [allowInsecureRequests]: true,
        [customFetch]: async (url) => {
          asked.push(url);
          return new Response();
        },
      });
    }
    expect(discoveryUrls(issuer)).toEqual(asked);
  });
});
