import { createSecretKey, generateKeyPair as generate, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { generateKeyPair, exportJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JwksEndpointOptions } from '../../lib/endpoint/index.js';
import { resolveEndpointOptions } from '../../lib/endpoint/resolve-endpoint-options.js';
import { testKey } from '../support/keys.js';

const make = promisify(generate);

function faultOf(options: unknown): { option?: string; message: string } {
  try {
    resolveEndpointOptions(options);
  } catch (error) {
    return error as { option?: string; message: string };
  }
  throw new Error(`${JSON.stringify(options)} was accepted`);
}

describe('options of the endpoint that cannot be', () => {
  const ring = {};
  const store = { read: async () => undefined, write: async () => true };

  it.each<[string | undefined, unknown]>([
    [undefined, undefined],
    [undefined, null],
    [undefined, []],
    ['keys', {}],
    ['keys', { issuer: 'https://a' }],
    ['keys', { keys: null }],
    ['keys', { keys: true }],
    ['keys', { keys: 'pem' }],
    ['keys', { keys: [] }],
    ['key', { key: ring }],
    ['keys', { keys: ring, mirror: true }],
    ['keys', { keys: [], mirror: 'https://id.example.com/' }],
    ['mirror', { mirror: false }],
    ['mirror', { mirror: '' }],
    ['mirror', { mirror: {} }],
    ['issuer', { keys: ring, issuer: undefined }],
    ['issuer', { keys: ring, issuer: '' }],
    ['issuer', { keys: ring, issuer: 'billing' }],
    ['issuer', { keys: ring, issuer: 'ftp://billing' }],
    ['issuer', { keys: ring, issuer: 'https://billing?a' }],
    ['issuer', { keys: ring, issuer: 'https://billing#a' }],
    ['issuer', { keys: ring, issuer: 'https://me:secret@billing' }],
    ['issuer', { keys: ring, issuer: 'https://billing/:tenant' }],
    ['path', { keys: ring, path: '' }],
    ['path', { keys: ring, path: '/' }],
    ['path', { keys: ring, path: 'a//b' }],
    ['path', { keys: ring, path: 'a/../b' }],
    ['path', { keys: ring, path: 'a/' }],
    ['path', { keys: ring, path: 'keys/:id' }],
    ['path', { keys: ring, path: 'keys/*' }],
    ['path', { keys: ring, path: 'keys?a' }],
    ['path', { keys: ring, path: 7 }],
    ['path', { keys: ring, issuer: 'https://a', path: '.well-known/oauth-authorization-server' }],
    ['maxAge', { keys: ring, maxAge: 0 }],
    ['maxAge', { keys: ring, maxAge: 999 }],
    ['maxAge', { keys: ring, maxAge: 'soon' }],
    ['maxAge', { mirror: true, maxAge: -1 }],
    ['cors', { keys: ring, cors: 'https://app.example.com' }],
    ['cors', { keys: ring, cors: ['*'] }],
    ['cors', { keys: ring, cors: ['https://app.example.com/'] }],
    ['cors', { keys: ring, cors: ['https://app.example.com:443'] }],
    ['cors', { keys: ring, cors: ['app.example.com'] }],
    ['cors', { keys: ring, cors: ['https://*.example.com'] }],
    ['cors', { keys: ring, cors: ['null'] }],
    ['cors', { keys: ring, cors: [undefined] }],
    ['cors', { keys: ring, cors: true }],
    ['keys.rotate', { keys: { rotate: '1d' } }],
    ['keys.algorithm', { keys: { algorithm: 'HS256' } }],
    ['keys.algorithm', { keys: { algorithm: 'none' } }],
    ['keys.algorithm', { keys: { algorithm: 'RS1' } }],
    ['keys.algorithm', { keys: { algorithm: ['ES256'] } }],
    ['keys.modulusLength', { keys: { algorithm: 'RS256', modulusLength: 1_024 } }],
    ['keys.modulusLength', { keys: { algorithm: 'RS256', modulusLength: 2_047 } }],
    ['keys.modulusLength', { keys: { algorithm: 'PS256', modulusLength: 16_384 } }],
    ['keys.modulusLength', { keys: { algorithm: 'ES256', modulusLength: 4_096 } }],
    ['keys.publishAhead', { keys: { publishAhead: '9m' } }],
    ['keys.publishAhead', { keys: {}, maxAge: '2d' }],
    ['keys.publishAhead', { keys: { rotateEvery: '1h', publishAhead: '2h' } }],
    ['keys.rotateEvery', { keys: { rotateEvery: 0 } }],
    ['keys.keepFor', { keys: { keepFor: '59s' } }],
    ['keys.keepFor', { keys: { keepFor: 'long' } }],
    ['keys.store', { keys: { store: undefined } }],
    ['keys.store', { keys: { store: null } }],
    ['keys.store', { keys: { store: { read: store.read } } }],
    ['keys.store', { keys: { store: new Map() } }],
  ])('are rejected by the name %s: %j', (option, options) => {
    expect(faultOf(options)).toMatchObject({ code: 'configuration_invalid', option });
  });

  it('are rejected without repeating a secret', () => {
    expect(faultOf({ keys: ring, issuer: 'https://me:secret@billing' }).message).not.toContain('secret');
  });
});

describe('fixed keys that cannot be published', () => {
  let weak: KeyObject;
  beforeAll(async () => {
    ({ publicKey: weak } = await make('rsa', { modulusLength: 1_024 }));
  });

  it('are rejected: symmetric, weak, for encryption, twice the same kid, and what is not a key', async () => {
    const [{ jwk }, other] = await Promise.all([testKey('ES256'), testKey('ES384')]);
    const secret = { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') };
    const lists: [RegExp, unknown[]][] = [
      [/keys\[0\] is symmetric/, [secret]],
      [/keys\[1\] is symmetric/, [jwk, createSecretKey(Buffer.alloc(32, 7))]],
      [/keys\[0\] is symmetric/, [{ ...jwk, k: secret.k }]],
      [/keys\[0\] has an RSA modulus of 1024 bits/, [weak]],
      [/keys\[0\] has an RSA modulus of 1024 bits/, [weak.export({ type: 'spki', format: 'pem' })]],
      [/keys\[0\] has the use "enc"/, [{ ...jwk, use: 'enc' }]],
      [/keys\[0\] has the algorithm "RS256"/, [{ ...jwk, alg: 'RS256' }]],
      [
        /keys\[1\] has the kid "same" of a key before it/,
        [
          { ...jwk, kid: 'same' },
          { ...other.jwk, kid: 'same' },
        ],
      ],
      [/keys\[1\] has the kid/, [jwk, jwk]],
      [/keys\[0\] cannot be read/, ['not a key']],
      [/keys\[0\] is not a JWK/, [null]],
      [/keys\[0\] is not a JWK/, [[]]],
      [/keys\[0\] lacks a key type/, [{}]],
    ];
    for (const [message, keys] of lists) {
      const fault = faultOf({ keys });
      expect(fault.option).toBe('keys');
      expect(fault.message).toMatch(message);
      expect(fault.message).not.toContain(secret.k);
    }
  });
});

describe('options of the endpoint', () => {
  it('have their defaults', () => {
    const resolved = resolveEndpointOptions({ keys: {} } satisfies JwksEndpointOptions);
    const day = 86_400_000;
    expect(resolved).toMatchObject({
      issuer: undefined,
      path: '/.well-known/jwks.json',
      cors: undefined,
      keys: {
        kind: 'ring',
        settings: { algorithm: 'ES256', rotateEvery: 30 * day, publishAhead: day, keepFor: day, maxAge: 600_000 },
      },
    });
  });

  it('take an issuer over http, whose consumers have to allow it, and a path with or without a slash', () => {
    for (const path of ['keys', '/keys', '.well-known/keys.json', '/a/b~c/d-e_f.json']) {
      const resolved = resolveEndpointOptions({ issuer: 'http://billing:3000/a', path, keys: {} });
      expect(resolved.path).toBe(`/${path.replace(/^\//, '')}`);
    }
  });

  it('reduce private keys of all kinds to their public half, with a thumbprint for a kid', async () => {
    for (const alg of ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'PS256']) {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      const jwk = await exportJWK(privateKey);
      const { keys } = resolveEndpointOptions({ keys: [{ ...jwk, key_ops: ['sign'], ext: true }] });
      if (keys.kind !== 'fixed') throw new Error('These are fixed keys');
      expect(keys.keys[0]).toMatchObject({
        kty: jwk.kty,
        use: 'sig',
        kid: expect.stringMatching(/^[\w-]{43}$/) as string,
      });
      expect(Object.keys(keys.keys[0] ?? {})).not.toEqual(expect.arrayContaining(['d']));
    }
  });
});
