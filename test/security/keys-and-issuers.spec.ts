import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JwksModuleOptions } from '../../lib/index.js';
import { clientAt, clientOf, faultOf, jwksOf, serviceOf, startIssuer, startServer } from '../client/support.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { encode } from '../tokens/raw-token.js';

const ISSUER = 'https://id.example.com';
const CLAIMS = { iss: ISSUER, sub: 'me', exp: 9e9 };
let rsa: TestKey;
let ec: TestKey;

beforeAll(async () => {
  [rsa, ec] = await Promise.all([testKey('RS256'), testKey('ES256')]);
});

const settings = (more: object = {}) => ({ issuer: ISSUER, audience: false, ...more }) as JwksModuleOptions;
const codeOf = async (verification: Promise<unknown>) => (await faultOf(verification)).code;

describe('algorithms', () => {
  it('A5: a key without alg does not let the header choose beyond the list', async () => {
    const { privateKey } = await testKey('PS256');
    const anyAlg = { ...rsa.jwk };
    delete anyAlg.alg;
    const jwks = serviceOf(settings({ jwks: { keys: [anyAlg] }, algorithms: ['RS256'] }));
    expect((await jwks.verify(await signToken(rsa, CLAIMS))).header.alg).toBe('RS256');
    const other = await signToken({ ...rsa, alg: 'PS256', privateKey }, CLAIMS);
    expect(await codeOf(jwks.verify(other))).toBe('alg_not_allowed');
  });

  it('A5: kty and curve of a key without alg must fit, whatever the list allows', async () => {
    const anyAlg = { ...ec.jwk };
    delete anyAlg.alg;
    const jwks = serviceOf(settings({ jwks: { keys: [anyAlg] } }));
    expect((await jwks.verify(await signToken(ec, CLAIMS))).key.kid).toBe(ec.kid);
    for (const alg of ['ES384', 'RS256', 'EdDSA']) {
      const header = encode({ alg, kid: ec.kid });
      expect(await codeOf(jwks.verify(`${header}.${encode(CLAIMS)}.${encode('signature')}`))).toBe('key_not_found');
    }
  });

  it('A6, D14: without a list there is a fixed one of signatures by key pairs, and no list takes an HMAC or none', async () => {
    const jwks = serviceOf(settings({ jwks: jwksOf(ec) }));
    for (const alg of ['HS256', 'HS384', 'HS512', 'none', 'ES256K', 'ML-DSA-65', 'A256GCMKW']) {
      const token = `${encode({ alg, kid: ec.kid })}.${encode(CLAIMS)}.${encode('signature')}`;
      expect(await codeOf(jwks.verify(token)), alg).toBe('alg_not_allowed');
      if (alg === 'ML-DSA-65') continue;
      expect(() => serviceOf(settings({ jwks: jwksOf(ec), algorithms: ['ES256', alg] })), alg).toThrow(/algorithms/);
    }
    expect(() => serviceOf(settings({ jwks: jwksOf(ec), algorithms: [] }))).toThrow(/algorithms/);
  });
});

describe('a published set', () => {
  it('B12: with a secret in it verifies no HMAC by it, and serves its other keys', async () => {
    const secret = Buffer.alloc(32, 7);
    const server = await startServer();
    server.on('/jwks', {
      body: { keys: [{ kty: 'oct', kid: 'secret', alg: 'HS256', k: secret.toString('base64url') }, ec.jwk] },
    });
    const issuer = await startIssuer();
    const jwks = serviceOf(settings({ jwksUri: server.url('/jwks') }));
    const forged = await issuer.sign(CLAIMS, {
      alg: 'HS256',
      key: secret,
      kid: issuer.kids[0],
      header: { kid: 'secret' },
    });
    expect(await codeOf(jwks.verify(forged))).toBe('alg_not_allowed');
    expect((await jwks.verify(await signToken(ec, CLAIMS))).key.kid).toBe(ec.kid);
    expect(JSON.stringify(jwks.status())).not.toContain(secret.toString('base64url'));
  });

  it('B13: with a private key in it verifies nothing by it, and its private members reach no store and no status', async () => {
    const burnt = await testKey('RS256', 'burnt');
    const server = await startServer();
    server.on('/jwks', { body: { keys: [{ ...burnt.privateJwk, use: 'sig' }, ec.jwk] } });
    const keyv = new Keyv();
    const jwks = serviceOf(
      settings({ jwksUri: server.url('/jwks'), cache: { store: createCache({ stores: [keyv] }) } }),
    );
    expect(await codeOf(jwks.verify(await signToken(burnt, CLAIMS)))).toBe('key_not_found');
    expect((await jwks.verify(await signToken(ec, CLAIMS))).key.kid).toBe(ec.kid);
    const kept = JSON.stringify([...((keyv.opts.store as Map<string, unknown>) ?? [])]);
    expect(kept).toContain(ec.jwk.x);
    const shown = kept + JSON.stringify([jwks.status(), await jwks.getJwkSet(), await jwks.fetchJwkSet()]);
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) expect(shown).not.toContain(burnt.privateJwk[name]);
  });

  it('I5: makes no other fault of a key that cannot be imported: 401 where another is good, 503 where none is', async () => {
    const server = await startServer();
    const weak = { kty: 'RSA', kid: 'weak', n: Buffer.alloc(64, 0xff).toString('base64url'), e: 'AQAB' };
    const off = { ...ec.jwk, kid: 'off', y: ec.jwk.x };
    server.on('/some', { body: { keys: [weak, off, ec.jwk] } }).on('/none', { body: { keys: [weak, off] } });
    const some = serviceOf(settings({ jwksUri: server.url('/some') }));
    const none = serviceOf(settings({ jwksUri: server.url('/none'), http: { retries: 0 } }));
    for (const [kid, alg] of [
      ['weak', 'RS256'],
      ['off', 'ES256'],
    ] as const) {
      const token = `${encode({ alg, kid })}.${encode(CLAIMS)}.${encode(Buffer.alloc(64, 1))}`;
      expect(await codeOf(some.verify(token))).toBe('key_not_found');
      expect(await codeOf(none.verify(token))).toMatch(/^jwks_(invalid|unavailable)$/);
    }
  });
});

describe('issuers', () => {
  it('F5: the issuer of a token becomes no URL: where keys are is for the application to say', async () => {
    const trap = await startServer();
    const asked: string[] = [];
    const jwks = serviceOf({ issuers: (iss) => void asked.push(iss), audience: false });
    const names = [
      `${trap.origin}/`,
      `http://trusted.example@127.0.0.1:${new URL(trap.origin).port}/`,
      `${trap.origin}/#/..`,
    ];
    for (const iss of names)
      expect(await codeOf(jwks.verify(await signToken(ec, { ...CLAIMS, iss })))).toBe('issuer_untrusted');
    expect(asked).toEqual(names);
    expect(trap.requests).toEqual([]);
  });

  it('F12: one that is no longer configured is not trusted, though its keys are in the store', async () => {
    const store = createCache({ stores: [new Keyv()] });
    const [gone, stays] = [await startIssuer(), await startIssuer()];
    const entry = (issuer: typeof gone) => ({ issuer: issuer.issuer });
    const before = serviceOf({ issuers: [entry(gone), entry(stays)], audience: 'orders-api', cache: { store } });
    const token = await gone.sign();
    await before.verify(token);
    const after = serviceOf({ issuers: [entry(stays)], audience: 'orders-api', cache: { store } });
    expect(await codeOf(after.verify(token))).toBe('issuer_untrusted');
    expect((await after.verify(await stays.sign())).issuer).toBe(stays.issuer);
  });

  it('H12: names of properties of every object are issuers and kids like any other', async () => {
    const store = createCache({ stores: [new Keyv()] });
    const server = await startServer();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype']) {
      server.on(`/${name}`, { body: { keys: [{ ...ec.jwk, kid: name }] } });
      const options = settings({ issuer: name, jwksUri: server.url(`/${name}`), cache: { store } });
      const token = await signToken({ ...ec, kid: name }, { ...CLAIMS, iss: name });
      for (const jwks of [serviceOf(options), serviceOf(options)]) {
        expect((await jwks.verify(token)).key.kid).toBe(name);
        expect(await codeOf(jwks.verify(await signToken(ec, { ...CLAIMS, iss: name })))).toBe('key_not_found');
      }
    }
    expect(({} as Record<string, unknown>)['keys']).toBeUndefined();
  });
});

describe('faults of the fetch path that need a process to start again', () => {
  const shared = () => createCache({ stores: [new Keyv()] });

  it('R32: started during an outage, a process serves from the store', async () => {
    const issuer = await startIssuer();
    const store = shared();
    const options = { ...issuer.options(), jwksUri: issuer.jwksUri, cache: { store } };
    await clientOf(options).verify(await issuer.sign());
    await issuer.down();
    expect((await clientOf({ ...options, http: { retries: 0 } }).verify(await issuer.sign())).issuer).toBe(
      issuer.issuer,
    );
  });

  it('R29: a store that lost its entries costs no fetch while sets are held, and one for each process that starts', async () => {
    const issuer = await startIssuer();
    const store = shared();
    const options = { ...issuer.options(), jwksUri: issuer.jwksUri, cache: { store } };
    const held = clientOf(options);
    await held.verify(await issuer.sign());
    await store.clear();
    for (let index = 0; index < 20; index += 1) await held.verify(await issuer.sign());
    expect(issuer.jwksRequests).toBe(1);
    const started = clientOf(options);
    await Promise.all(Array.from({ length: 20 }, async () => started.verify(await issuer.sign())));
    await clientOf(options).verify(await issuer.sign());
    expect(issuer.jwksRequests).toBe(2);
  });

  it('H3: a removed key is rejected within the freshness of the set, and in an outage when staleIfError is over', async () => {
    const issuer = await startIssuer();
    const clock = new ManualClock(Date.now());
    const cache = { ttl: '10m', staleIfError: '1h' } as const;
    const client = clientAt(clock, { ...issuer.options(), jwksUri: issuer.jwksUri, cache, http: { retries: 0 } });
    const [removed = ''] = issuer.kids;
    const token = await issuer.sign({ exp: 9e9 });
    await client.verify(token);
    await issuer.rotate();
    issuer.revoke(removed);
    await clock.pass('11m');
    expect(await codeOf(client.verify(token))).toBe('key_not_found');
    const next = await issuer.sign({ exp: 9e9 });
    await client.verify(next);
    await issuer.down();
    await clock.pass('60m');
    expect((await client.verify(next)).claims.exp).toBe(9e9);
    await clock.pass('15m');
    expect(await codeOf(client.verify(next))).toBe('jwks_unavailable');
  });
});
