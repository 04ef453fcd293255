import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeUrl, originOf, pathOf } from '../../lib/proof/request-url.js';

describe('normalizeUrl', () => {
  it.each([
    ['https://api.example.com/orders', 'https://api.example.com/orders'],
    ['HTTPS://API.Example.COM/Orders', 'https://api.example.com/Orders'],
    ['https://api.example.com', 'https://api.example.com/'],
    ['https://api.example.com?a', 'https://api.example.com/'],
    ['https://api.example.com:443/', 'https://api.example.com/'],
    ['https://api.example.com:/', 'https://api.example.com/'],
    ['http://api.example.com:80/', 'http://api.example.com/'],
    ['https://api.example.com:80/', 'https://api.example.com:80/'],
    ['https://api.example.com:08443/', 'https://api.example.com:8443/'],
    ['https://[::1]:3000/a', 'https://[::1]:3000/a'],
    ['https://a.b/x?y=1#z', 'https://a.b/x'],
    ['https://a.b/x#z?y', 'https://a.b/x'],
    ['https://a.b/%7euser/%3a', 'https://a.b/~user/%3A'],
    ['https://a.b/a/./b/../c', 'https://a.b/a/c'],
    ['https://a.b/a/%2E%2e/b', 'https://a.b/b'],
    ['https://a.b/../../x/..', 'https://a.b/'],
    ['https://a.b/x/.', 'https://a.b/x/'],
    ['https://a.b//x//', 'https://a.b//x//'],
    ['https://a.b/.well-known', 'https://a.b/.well-known'],
    ['https://my_service:3000/a|b', 'https://my_service:3000/a|b'],
  ])('writes %s as %s', (url, normalized) => {
    expect(normalizeUrl(url)).toBe(normalized);
  });

  it.each([
    '',
    'orders',
    '/orders',
    '//a.b/orders',
    'ftp://a.b/',
    'https:/a.b/',
    'https://',
    'https:///x',
    'https://user@a.b/',
    'https://user:pass@a.b/',
    'https://a.b:99999/',
    'https://a.b:x/',
    'https://a.b\\x',
    'https://a.b/\\x',
    'https://a b/',
    'https://a.b/ x',
    'https://a.b/\n',
    'https://a.b/\u00e9',
    'https://a.b/%zz',
    'https://a.b/%4',
    'https://[::1/',
    'https://a.b,c.d/',
    `https://a.b/${'x'.repeat(9_000)}`,
  ])('finds no URL in %j', (url) => {
    expect(normalizeUrl(url)).toBeUndefined();
  });

  it('changes nothing the second time', () => {
    const path = fc.array(fc.constantFrom('.', '..', '', 'a', '%2e', '%2f', '%41', '%7E', 'b;c', '%c3%a9'));
    fc.assert(
      fc.property(path, (segments) => {
        const once = normalizeUrl(`https://a.b/${segments.join('/')}`);
        expect(once).toBeDefined();
        expect(normalizeUrl(once as string)).toBe(once);
      }),
    );
  });

  it('agrees with the URL class on paths of usual characters', () => {
    const segment = fc.constantFrom('.', '..', '', 'a', 'B', '%2f', '%2F', 'x-y_z~', '1.2', '...', '%2e%2e');
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        const url = `https://A.b:443/${segments.join('/')}`;
        const upper = new URL(url).href.replace(/%[0-9a-f]{2}/gi, (encoded) => encoded.toUpperCase());
        expect(normalizeUrl(url)).toBe(upper);
      }),
    );
  });
});

describe('originOf', () => {
  it.each([
    'a.b/x',
    'a.b?x',
    'a.b#x',
    'a.b/../c',
    'a.b@c.d',
    'a.b:1:2',
    'a.b, c.d',
    'a.b c.d',
    '',
    ':80',
    '.b',
    '-b',
    'a.b\\c',
    'a.b:65536',
    `${'a'.repeat(300)}.b`,
  ])('P1: takes no Host header that holds more than a host and a port: %j', (host) => {
    expect(originOf('https', host)).toBeUndefined();
  });
});

describe('pathOf', () => {
  it.each([
    ['/orders?x=1', '/orders'],
    ['/orders#x', '/orders'],
    ['//orders', '//orders'],
    ['http://a.b/orders?x', '/orders'],
    ['http://a.b', ''],
  ])('of %s is %j', (target, path) => {
    expect(pathOf(target)).toBe(path);
  });

  it.each(['*', 'puter://x/orders', 'ftp://a.b/orders', '.evil.example/orders', '@evil.example/', ':81/orders'])(
    'is not known of %s, which would change the host that it is put behind',
    (target) => {
      expect(pathOf(target)).toBeUndefined();
    },
  );
});
