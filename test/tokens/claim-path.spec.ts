import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimAt } from '../../lib/tokens/claim-path.js';

const claims = {
  sub: 'alice',
  roles: ['admin', 'user'],
  realm_access: { roles: ['reader'], 'a.b': 1 },
  'https://example.com/roles': ['auth0'],
  'a.b': 'by name',
  a: { b: 'by path', c: { d: 4 } },
  resource_access: { 'orders.api': { roles: ['writer'] } },
  nothing: null,
};

describe('claimAt', () => {
  it.each([
    ['sub', 'alice'],
    ['realm_access.roles', ['reader']],
    ['realm_access.a.b', 1],
    ['https://example.com/roles', ['auth0']],
    ['a.b', 'by name'],
    ['a.c.d', 4],
    ['resource_access.orders.api.roles', ['writer']],
    ['roles.1', 'user'],
    ['nothing', null],
  ])('finds %s', (path, value) => {
    expect(claimAt(claims, path)).toEqual(value);
  });

  it.each(['missing', 'a.x', 'sub.length', 'nothing.more', 'a.', '.a', 'a..c', '', 'a.c.d.e'])(
    'has nothing for %j',
    (path) => {
      expect(claimAt(claims, path)).toBeUndefined();
    },
  );

  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    'a.__proto__',
    'a.constructor.name',
    'realm_access.__proto__.polluted',
    'roles.map',
  ])('never leaves the own properties: %s', (path) => {
    expect(claimAt(claims, path)).toBeUndefined();
  });

  it('does not give what a payload calls __proto__', () => {
    const hostile: object = JSON.parse('{"__proto__":{"admin":true},"a":{"__proto__":{"b":1}}}');
    expect(claimAt(hostile, '__proto__')).toBeUndefined();
    expect(claimAt(hostile, '__proto__.admin')).toBeUndefined();
    expect(claimAt(hostile, 'a.__proto__.b')).toBeUndefined();
  });

  it('finds every claim of any payload by its very name, and throws for no path', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (payload, path) => {
        const names = Object.keys(payload).filter((name) => name !== '' && name !== '__proto__');
        expect(names.map((name) => claimAt(payload, name))).toEqual(names.map((name) => payload[name]));
        expect(() => claimAt(payload, path)).not.toThrow();
      }),
    );
  });
});
