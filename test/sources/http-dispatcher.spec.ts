import { Agent } from 'undici';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTransport, type HttpTransport, type HttpTransportSettings } from '../../lib/sources/http-dispatcher.js';
import { connectionFault } from '../../lib/sources/source-faults.js';
import { testCertificates, type TestCertificates } from '../support/certificates.js';
import { ScriptedServer } from '../support/http-server.js';
import { settle } from '../support/manual-clock.js';
import { TestProxy } from './test-proxy.js';

const PROXY_VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];
/**
 * An address of the public internet that nobody connects to here: a proxy or a resolver leads
 * elsewhere.
 */
const PUBLIC_ADDRESS = '93.184.216.34';

describe('a transport', () => {
  let certificates: TestCertificates;
  let server: ScriptedServer;
  let proxy: TestProxy;
  const open: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    certificates = await testCertificates();
  });

  beforeEach(async () => {
    for (const name of PROXY_VARIABLES) vi.stubEnv(name, undefined);
    server = await started({});
    proxy = await TestProxy.start();
    open.push(proxy);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  async function started(options: Parameters<typeof ScriptedServer.start>[0]): Promise<ScriptedServer> {
    const made = await ScriptedServer.start(options);
    open.push(made);
    return made.on('/', { body: 'hello' });
  }

  function transportOf(
    settings: Partial<HttpTransportSettings>,
    ...resolve: [Parameters<typeof createTransport>[1]?]
  ): HttpTransport {
    const made = createTransport({ allowPrivateAddresses: true, ...settings }, ...resolve);
    open.push(made);
    return made;
  }

  const signal = () => new AbortController().signal;
  const ask = async (transport: HttpTransport, url: string) =>
    (await transport.fetch(url, { signal: signal() })).text();
  const faultOf = (transport: HttpTransport, url: string) =>
    ask(transport, url).then(
      () => expect.unreachable('the request should fail'),
      (error: unknown) => connectionFault(error, { url, signal: signal() }),
    );

  describe('with nothing set', () => {
    it('is the global fetch, looked up at each call', async () => {
      const transport = transportOf({});
      expect(await ask(transport, server.url())).toBe('hello');
      vi.stubGlobal('fetch', async () => new Response('from a double'));
      expect(await ask(transport, server.url())).toBe('from a double');
    });

    it('is the global fetch, too, where no proxy is wanted whatever the environment says', async () => {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubGlobal('fetch', async () => new Response('from a double'));
      expect(await ask(transportOf({ proxy: false }), server.url())).toBe('from a double');
    });
  });

  describe('with a fetch of the application', () => {
    it('uses that alone', async () => {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      const fetch = vi.fn<typeof globalThis.fetch>(async () => new Response('mine'));
      const transport = transportOf({ fetch, allowPrivateAddresses: false });
      expect(await ask(transport, server.url())).toBe('mine');
      expect(fetch).toHaveBeenCalledWith(server.url(), expect.objectContaining({ signal: expect.any(AbortSignal) }));
    });

    it('turns what it throws at once into a rejection', async () => {
      const transport = transportOf({
        fetch: () => {
          throw new Error('at once');
        },
      });
      await expect(transport.fetch(server.url(), {})).rejects.toThrow('at once');
    });
  });

  describe('with a dispatcher of the application', () => {
    it('sends through it and leaves it open', async () => {
      const dispatcher = new Agent();
      open.push(dispatcher);
      const dispatch = vi.spyOn(dispatcher, 'dispatch');
      const transport = transportOf({ dispatcher });
      expect(await ask(transport, server.url())).toBe('hello');
      expect(dispatch).toHaveBeenCalledOnce();
      await transport.close();
      expect(dispatcher.closed || dispatcher.destroyed).toBe(false);
    });
  });

  describe('over HTTPS', () => {
    const secured = (tls: { cert: string; key: string }, more = {}) => started({ tls: { ...tls, ...more } });

    it('trusts a private CA only where reported to', async () => {
      const { url } = await secured(certificates.server).then((https) => ({ url: https.url() }));
      expect(await ask(transportOf({ tls: { ca: certificates.ca } }), url)).toBe('hello');
      for (const transport of [transportOf({}), transportOf({ tls: {} })]) {
        const fault = await faultOf(transport, url);
        expect(fault.message).toMatch(
          /could not be reached \((UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)\)$/,
        );
        expect(fault).toMatchObject({ retryable: false, failsOver: true, allowsStale: true });
      }
    });

    it.each([
      ['has expired', 'expired', 'CERT_HAS_EXPIRED'],
      ['is for another host', 'elsewhere', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ] as const)('R3: refuses a certificate that %s', async (_, which, code) => {
      const https = await secured(certificates[which]);
      const fault = await faultOf(transportOf({ tls: { ca: certificates.ca } }), https.url());
      expect(fault.message).toContain(`(${code})`);
      expect(fault.retryable).toBe(false);
    });

    it('takes the certificate of the name in servername', async () => {
      const https = await secured(certificates.elsewhere);
      const tls = { ca: certificates.ca, servername: 'elsewhere.test' };
      for (const url of [https.url(), https.url().replace('127.0.0.1', 'localhost')]) {
        for (const way of [proxy.url, false] as const)
          expect(await ask(transportOf({ tls, proxy: way }), url)).toBe('hello');
      }
    });

    it('accepts any certificate where that was asked for by name', async () => {
      const https = await secured(certificates.expired);
      expect(await ask(transportOf({ tls: { rejectUnauthorized: false } }), https.url())).toBe('hello');
    });

    it('shows a client certificate', async () => {
      const https = await secured(certificates.server, {
        requestCert: true,
        rejectUnauthorized: true,
        ca: certificates.ca,
      });
      const { ca, client } = certificates;
      expect(await ask(transportOf({ tls: { ca, ...client } }), https.url())).toBe('hello');
      expect(https.requests).toMatchObject([{ clientName: 'orders-api' }]);
      await expect(ask(transportOf({ tls: { ca } }), https.url())).rejects.toThrow();
      expect(https.requests).toHaveLength(1);
    });

    it('takes an http server for a fault of TLS, which no retry heals', async () => {
      const fault = await faultOf(transportOf({}), server.url().replace('http:', 'https:'));
      expect(fault.retryable).toBe(false);
    });

    it('rejects at once what is no PEM, or a key of another certificate', () => {
      const { server: own, client } = certificates;
      for (const tls of [{ ca: 5 as never }, { cert: 'x' }, { key: 'x' }, { cert: own.cert, key: client.key }]) {
        expect(() => createTransport({ tls, allowPrivateAddresses: true })).toThrow(
          expect.objectContaining({ code: 'configuration_invalid', option: 'http.tls' }),
        );
      }
    });
  });

  describe('with a proxy', () => {
    it('sends http requests in absolute form, as proxies want them', async () => {
      expect(await ask(transportOf({ proxy: proxy.url }), server.url())).toBe('hello');
      expect(proxy.asked).toEqual([`GET ${server.url()}`]);
    });

    it.each([{}, { proxy: undefined }])(
      'sends https requests through a tunnel, with the TLS settings inside',
      async (settings) => {
        const { ca, client } = certificates;
        const https = await started({
          tls: { ...certificates.server, requestCert: true, rejectUnauthorized: true, ca },
        });
        vi.stubEnv('HTTPS_PROXY', 'proxy' in settings ? proxy.url : undefined);
        const tls = { ca, ...client, servername: 'localhost' };
        const transport = transportOf({ tls, proxy: 'proxy' in settings ? undefined : proxy.url });
        proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(https.origin).port) };
        expect(await ask(transport, 'https://id.example.com/')).toBe('hello');
        expect(proxy.asked).toEqual(['CONNECT id.example.com:443']);
        expect(https.requests).toMatchObject([{ clientName: 'orders-api' }]);
      },
    );

    it('still checks the certificate behind the tunnel', async () => {
      const https = await started({ tls: certificates.elsewhere });
      const fault = await faultOf(transportOf({ tls: { ca: certificates.ca }, proxy: proxy.url }), https.url());
      expect(fault.retryable).toBe(false);
      expect(https.requests).toHaveLength(0);
    });

    it('shows the credentials of the URL to the proxy alone', async () => {
      const transport = transportOf({ proxy: proxy.url.replace('//', '//user:p%40ss@') });
      await ask(transport, server.url());
      expect(proxy.credentials).toEqual([`Basic ${btoa('user:p@ss')}`]);
      expect(server.requests[0]?.headers).not.toHaveProperty('authorization');
    });

    it('fails where the proxy rejects', async () => {
      proxy.refuseWith = 407;
      const https = await started({ tls: certificates.server });
      expect(await faultOf(transportOf({ proxy: proxy.url }), https.url())).toMatchObject({
        code: 'jwks_unavailable',
        failsOver: true,
      });
    });

    it('fails where the proxy is gone', async () => {
      const transport = transportOf({ proxy: proxy.url });
      await proxy.close();
      open.splice(open.indexOf(proxy), 1);
      expect(await faultOf(transport, server.url())).toMatchObject({
        code: 'jwks_unavailable',
        retryable: true,
      });
    });

    /** A public name, behind which the proxy finds the server. */
    const publicUrl = () => {
      proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(server.origin).port) };
      return 'http://id.example.com/';
    };

    it.each(['http_proxy', 'HTTP_PROXY'])('takes %s of the environment, with and without a scheme', async (name) => {
      for (const value of [proxy.url, proxy.host]) {
        vi.stubEnv(name, value);
        expect(await ask(transportOf({}), publicUrl())).toBe('hello');
      }
      expect(proxy.asked).toHaveLength(2);
    });

    it.each(['no_proxy', 'NO_PROXY'])('heeds %s', async (name) => {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubEnv(name, 'example.com');
      await ask(transportOf({}), publicUrl()).catch(() => undefined);
      expect(proxy.asked).toEqual([]);
      vi.stubEnv(name, 'example.org');
      await ask(transportOf({}), publicUrl());
      expect(proxy.asked).toHaveLength(1);
    });

    it('asks no proxy of the environment for what is local, and the one of the option for everything', async () => {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      const transport = transportOf({});
      for (const url of [server.url(), server.url().replace('127.0.0.1', 'localhost')])
        expect(await ask(transport, url)).toBe('hello');
      expect(proxy.asked).toEqual([]);
      const through = (host: string) => transport.proxyFor?.(`http://${host}/`) !== undefined;
      const local = [
        'localhost:8080',
        'keycloak',
        '10.1.2.3',
        '192.168.0.1',
        '[::1]',
        '[fd00::1]',
        'idp.internal',
        'a.b.svc',
      ];
      expect(local.filter(through)).toEqual([]);
      expect(['id.example.com', '8.8.8.8', '[2606:4700::1]', 'internal.example.com'].filter(through)).toHaveLength(4);
      await ask(transportOf({ proxy: proxy.url }), server.url());
      expect(proxy.asked).toHaveLength(1);
    });

    it('reads the environment when it is made, and not again', async () => {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      const transport = transportOf({});
      vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
      vi.stubEnv('NO_PROXY', '*');
      await ask(transport, publicUrl());
      expect(proxy.asked).toHaveLength(1);
    });

    it('finds no proxy in an environment that had none when it was made', async () => {
      const transport = transportOf({ tls: {} });
      vi.stubEnv('HTTP_PROXY', proxy.url);
      await ask(transport, server.url());
      expect(proxy.asked).toEqual([]);
    });

    it('lets the option win over the environment', async () => {
      vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
      vi.stubEnv('NO_PROXY', '*');
      await ask(transportOf({ proxy: proxy.url }), server.url());
      expect(proxy.asked).toHaveLength(1);
    });

    it.each(['socks5://user:secret@proxy.example', 'ftp://proxy.example', 'http://a:secret@b:x', 'not a host'])(
      'refuses %j at once, without repeating it',
      (value) => {
        expect(() => createTransport({ proxy: value, allowPrivateAddresses: true })).toThrow(
          expect.objectContaining({
            code: 'configuration_invalid',
            option: 'http.proxy',
            message: expect.not.stringContaining(value),
          }),
        );
        vi.stubEnv('HTTPS_PROXY', value);
        expect(() => createTransport({ allowPrivateAddresses: true })).toThrow(/^HTTPS_PROXY must be the URL/);
      },
    );
  });

  describe('that keeps off private addresses', () => {
    const guarded = (settings: Partial<HttpTransportSettings> = {}, addresses: string[] = ['127.0.0.1']) => {
      const asked: string[] = [];
      const transport = transportOf({ allowPrivateAddresses: false, ...settings }, (name, _options, callback) => {
        asked.push(name);
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
      });
      return { transport, asked };
    };

    it.each([
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '0.0.0.0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '169.254.169.254',
      '[fd00:ec2::254]',
    ])('F9: rejects http://%s', async (host) => {
      const { transport } = guarded();
      const fault = await faultOf(transport, `http://${host}:${new URL(server.origin).port}/`);
      expect(fault).toMatchObject({ code: 'jwks_unavailable', retryable: false, failsOver: true });
      expect(fault.message).toContain('http.allowPrivateAddresses: false');
      expect(server.requests).toHaveLength(0);
    });

    it('F9: rejects a name by what it resolves to', async () => {
      const { transport, asked } = guarded({ tls: { ca: certificates.ca } }, ['127.0.0.1', '10.0.0.1', '::1']);
      for (const protocol of ['http', 'https']) {
        const fault = await faultOf(transport, `${protocol}://id.example.com:${new URL(server.origin).port}/jwks`);
        expect(fault.message).toBe(
          'id.example.com is not on the public internet, which http.allowPrivateAddresses: false asks for',
        );
      }
      expect(asked).toEqual(['id.example.com', 'id.example.com']);
      expect(server.requests).toHaveLength(0);
    });

    it('rejects localhost by the real resolver', async () => {
      const transport = transportOf({ allowPrivateAddresses: false });
      expect(await faultOf(transport, server.url().replace('127.0.0.1', 'localhost'))).toMatchObject({
        retryable: false,
      });
      expect(server.requests).toHaveLength(0);
    });

    it('reports a proxy the checked address instead of the name, and makes TLS for the name', async () => {
      const https = await started({ tls: certificates.elsewhere });
      proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(https.origin).port) };
      const { transport, asked } = guarded({ proxy: proxy.url, tls: { ca: certificates.ca } }, [
        '10.0.0.1',
        '2606:4700::1',
        PUBLIC_ADDRESS,
      ]);
      expect(await ask(transport, 'https://elsewhere.test/')).toBe('hello');
      expect(proxy.asked).toEqual([`CONNECT ${PUBLIC_ADDRESS}:443`]);
      expect(asked).toEqual(['elsewhere.test']);
      expect(https.requests[0]?.headers.host).toBe('elsewhere.test');
      const other = await faultOf(transport, 'https://id.example.com/');
      expect(other.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    });

    it('makes TLS for the name in servername where that is set', async () => {
      const https = await started({ tls: certificates.elsewhere });
      proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(https.origin).port) };
      const tls = { ca: certificates.ca, servername: 'elsewhere.test' };
      const { transport } = guarded({ proxy: proxy.url, tls }, [PUBLIC_ADDRESS]);
      expect(await ask(transport, 'https://id.example.com:8443/')).toBe('hello');
      expect(proxy.asked).toEqual([`CONNECT ${PUBLIC_ADDRESS}:8443`]);
    });

    it('goes through a tunnel for http, too, so that the proxy resolves nothing', async () => {
      proxy.leadTo = { host: '127.0.0.1', port: Number(new URL(server.origin).port) };
      vi.stubEnv('HTTP_PROXY', proxy.url);
      const { transport } = guarded({}, ['2606:4700::1']);
      expect(await ask(transport, 'http://id.example.com/')).toBe('hello');
      expect(proxy.asked).toEqual(['CONNECT [2606:4700::1]:80']);
    });

    it.each(['http://id.example.com/', 'https://id.example.com/', 'https://127.0.0.1/', 'http://[::1]/'])(
      'asks no proxy for %s when that is private',
      async (url) => {
        const { transport } = guarded({ proxy: proxy.url }, ['192.168.0.1']);
        expect(await faultOf(transport, url)).toMatchObject({ code: 'jwks_unavailable', retryable: false });
        expect(proxy.asked).toEqual([]);
      },
    );

    it('guards hosts that NO_PROXY names as well', async () => {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubEnv('NO_PROXY', '127.0.0.1');
      const { transport } = guarded();
      expect(await faultOf(transport, server.url())).toMatchObject({ retryable: false });
      expect(server.requests).toHaveLength(0);
    });
  });

  describe('that is closed', () => {
    it('cuts what it has open and rejects more', async () => {
      const transport = transportOf({ tls: {} });
      server.on('/', { fault: 'stall' });
      const running = faultOf(transport, server.url());
      await server.received();
      await transport.close();
      expect(await running).toMatchObject({ code: 'jwks_unavailable' });
      await server.idle();
      expect(await faultOf(transport, server.url())).toMatchObject({ retryable: false });
    });

    it('may be closed before its first request, and twice', async () => {
      for (const transport of [transportOf({}), transportOf({ tls: {} })]) {
        await transport.close();
        await expect(transport.close()).resolves.toBeUndefined();
      }
    });
  });

  it('keeps a connection for the next request', async () => {
    const transport = transportOf({ tls: {} });
    for (let count = 0; count < 3; count += 1) {
      await ask(transport, server.url());
      await server.idle();
      await settle();
    }
    expect(server.connections).toBe(1);
  });
});
