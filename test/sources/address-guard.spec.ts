import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { guardConnections, isLoopbackHost, isPublicAddress } from '../../lib/sources/address-guard.js';

describe('a public address', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '223.255.255.255',
    '168.63.129.17',
  ])('is %s', (address) => expect(isPublicAddress(address)).toBe(true));

  it.each(['2606:4700:4700::1111', '2001:4860:4860::8888', '2a00:1450::1', '64:ff9b::8.8.8.8'])('is %s', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '168.63.129.16',
    '192.0.0.192',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
  ])('is not %s, and in no IPv6 form either', (address) => {
    expect(isPublicAddress(address)).toBe(false);
    for (const form of [`::ffff:${address}`, `::${address}`, `64:ff9b::${address}`, `64:ff9b:1::${address}`])
      expect(isPublicAddress(form)).toBe(false);
  });

  it.each([
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    '2606:4700::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '100::1',
    '2002:7f00:1::',
    '2002:a00:1::',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '4000::1',
    '3fff::1',
    '5f00::1',
  ])('is not %s', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(['', 'localhost', 'example.com', '127.1', '0x7f.0.0.1', '2130706433', '[::1]', '8.8.8.8 '])(
    'is not the text %j',
    (text) => expect(isPublicAddress(text)).toBe(false),
  );

  it('is decided for an IPv4 address by its NAT64 form alike', () => {
    const alike = (address: string) => isPublicAddress(`64:ff9b::${address}`) === isPublicAddress(address);
    expect(() => fc.assert(fc.property(fc.ipV4(), alike))).not.toThrow();
  });
});

describe('a loopback host', () => {
  it.each(['localhost', 'LOCALHOST', 'api.localhost', '127.0.0.1', '127.8.8.8', '[::1]'])('is %s', (host) =>
    expect(isLoopbackHost(host)).toBe(true),
  );

  it.each([
    'example.com',
    'localhost.example.com',
    'notlocalhost',
    '127.0.0.1.example.com',
    '127.example',
    '10.0.0.1',
    '[::2]',
    '',
  ])('is not %j', (host) => expect(isLoopbackHost(host)).toBe(false));
});

describe('the look-up of a guarded connection', () => {
  const v4 = (address: string): LookupAddress => ({ address, family: 4 });
  const v6 = (address: string): LookupAddress => ({ address, family: 6 });

  /** What `net.connect` is handed instead of `dns.lookup`. */
  function guardedLookup(addresses: LookupAddress[] | Error): LookupFunction {
    const connectors: { lookup?: LookupFunction }[] = [];
    const buildConnector = (options: { lookup?: LookupFunction }) => {
      connectors.push(options);
      return () => undefined;
    };
    guardConnections({ buildConnector, Pool: class {} } as never, {}, (_name, options, callback) => {
      expect(options.all).toBe(true);
      if (addresses instanceof Error) callback(addresses, []);
      else callback(null, addresses);
    });
    return connectors.find(({ lookup }) => lookup)!.lookup!;
  }

  const ask = (lookup: LookupFunction, all: boolean) =>
    new Promise((resolve, reject) =>
      lookup('id.example.com', { all }, (error, address, family) =>
        error ? reject(error) : resolve(family ? [address, family] : address),
      ),
    );

  it('leaves out what is not public and hands out the very addresses it checked', async () => {
    const mixed = [v4('10.0.0.1'), v6('::1'), v4('8.8.8.8'), v6('2606:4700::1')];
    expect(await ask(guardedLookup(mixed), true)).toEqual([v4('8.8.8.8'), v6('2606:4700::1')]);
    expect(await ask(guardedLookup(mixed), false)).toEqual(['8.8.8.8', 4]);
  });

  it.each([[[]], [[v4('127.0.0.1')]], [[v4('192.168.1.1'), v6('fe80::1')]]])('refuses %j', async (addresses) => {
    await expect(ask(guardedLookup(addresses), true)).rejects.toMatchObject({
      code: 'jwks_unavailable',
      retryable: false,
    });
  });

  it('passes on that a name does not resolve', async () => {
    const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    await expect(ask(guardedLookup(unknown), true)).rejects.toBe(unknown);
  });

  it('validates an address in place of a name, which Node does not look up', async () => {
    const opened = vi.fn<() => void>();
    const resolve = vi.fn<() => void>();
    const { connect } = guardConnections({ buildConnector: () => opened, Pool: class {} } as never, {}, resolve);
    const refused = await new Promise<Error | null>((done) =>
      connect({ hostname: '127.0.0.1', protocol: 'http:', port: '80' }, (...[error]) => done(error)),
    );
    expect(refused).toMatchObject({ code: 'jwks_unavailable' });
    expect(opened).not.toHaveBeenCalled();
    connect({ hostname: '8.8.8.8', protocol: 'http:', port: '80' }, () => undefined);
    expect(opened).toHaveBeenCalledOnce();
    expect(resolve).not.toHaveBeenCalled();
  });
});
