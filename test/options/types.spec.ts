import { createCache } from 'cache-manager';
import type { IncomingMessage } from 'node:http';
import { ExtractJwt } from 'passport-jwt';
import { Agent } from 'undici';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { JwksClientOptions, JwksModuleOptions } from '../../lib/options/jwks-options.js';
import { resolveModuleOptions } from '../../lib/options/resolve-options.js';

/** What compiles is the test; each must also be accepted at start-up. */
const options: Record<string, JwksModuleOptions> = {
  'one issuer': { issuer: 'https://id.example.com', audience: ['a', 'b'] },
  'readonly lists': { issuer: 'https://id.example.com', audience: ['a'] as const, algorithms: ['ES256'] as const },
  'a cache-manager cache': { issuer: 'https://id.example.com', audience: false, cache: { store: createCache() } },
  'an extractor of passport-jwt': {
    issuer: 'https://id.example.com',
    audience: 'a',
    tokenFrom: ExtractJwt.fromExtractors([ExtractJwt.fromHeader('x-token')]),
  },
  "an extractor for the framework's own requests": {
    issuer: 'https://id.example.com',
    audience: 'a',
    tokenFrom: (request: IncomingMessage & { cookies: { token?: string } }) => request.cookies.token ?? null,
  },
  'an extractor for any request': {
    issuer: 'https://id.example.com',
    audience: 'a',
    tokenFrom: ({ headers }) => headers['x-token']?.toString() ?? null,
  },
  'a validate function': {
    issuer: 'https://id.example.com',
    audience: 'a',
    validate: async ({ claims }) => ({ id: claims.sub }),
  },
  'a dispatcher of undici': { issuer: 'https://id.example.com', audience: 'a', http: { dispatcher: new Agent() } },
  'a list of issuers': { audience: 'a', issuers: [{ issuer: 'https://a' }, { issuer: 'https://b', audience: false }] },
  'a resolver': { audience: 'a', issuers: (issuer) => (issuer === 'https://a' ? { issuer } : undefined) },
  'an async resolver': { audience: 'a', issuers: async (issuer) => (issuer === 'https://a' ? { issuer } : null) },
};

describe('the types of options', () => {
  it.each(Object.entries(options))('take %s', (_, given) => {
    expect(() => resolveModuleOptions(given)).not.toThrow();
  });

  it('do not take half a decision, or two of them', () => {
    expectTypeOf<{ issuer: string }>().not.toExtend<JwksModuleOptions>();
    expectTypeOf<{ audience: string }>().not.toExtend<JwksModuleOptions>();
    expectTypeOf<{ issuer: undefined; audience: string }>().not.toExtend<JwksModuleOptions>();
    expectTypeOf<{ issuer: string; audience: undefined }>().not.toExtend<JwksModuleOptions>();
    expectTypeOf<{ issuer: string; audience: string; issuers: [] }>().not.toExtend<JwksModuleOptions>();
    expectTypeOf<{ issuer: string; audience: string }>().toExtend<JwksModuleOptions>();
    expectTypeOf<{ jwksUri: string; issuer: undefined }>().toExtend<JwksClientOptions>();
  });
});
