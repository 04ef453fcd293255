import { createHmac, sign } from 'node:crypto';
import { generateKeyPair } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidClaimError,
  InvalidJwkSetError,
  InvalidSignatureError,
  JwksConnectionError,
  MalformedTokenError,
  SigningKeyNotFoundError,
  TokenError,
  TokenExpiredError,
  UnsupportedAlgorithmError,
  UntrustedIssuerError,
} from '../../lib/core/errors.js';
import type { KeySelector } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { ScriptedServer } from '../support/http-server.js';
import { StaticKeyLookup } from '../support/static-key-lookup.js';
import { encode, isDeeplyFrozen, rawToken } from './raw-token.js';
import { CLAIMS, ISSUER, keyObjectOf, setOf, verifierOf } from './verification.js';

const throwing = (fault: unknown): never => {
  throw fault;
};

/** Keys in the hand that remember what was looked for, and may be slow. */
class WatchedKeys extends StaticKeyLookup {
  readonly looked: KeySelector[] = [];
  isSlow = false;

  override find(selector: KeySelector): SigningKey | Promise<SigningKey> {
    this.looked.push(selector);
    const found = super.find(selector);
    return this.isSlow ? Promise.resolve(found) : found;
  }
}

let key: TestKey;
let token: string;
beforeAll(async () => {
  key = await testKey('ES256');
  token = await signToken(key, CLAIMS, { typ: 'at+jwt' });
});

describe('a good token', () => {
  it.each([false, true])('gives its claims, header, issuer and key (keys waited for: %s)', async (isSlow) => {
    const keys = new WatchedKeys(setOf(key));
    keys.isSlow = isSlow;
    const verified = await verifierOf(keys).verify(token, { tokenType: 'at+jwt' });
    expect(verified).toEqual({
      claims: CLAIMS,
      header: { alg: 'ES256', kid: key.kid, typ: 'at+jwt' },
      issuer: ISSUER,
      key: keys.current()?.get(key.kid),
    });
    expect(keys.looked).toEqual([{ kid: key.kid, alg: 'ES256' }]);
    expect(keys.refreshes).toEqual([]);
  });

  it('E17: is frozen all the way down, and shares its claims with no other token', async () => {
    const { verify } = verifierOf(setOf(key));
    const [first, second] = await Promise.all([verify(token), verify(token)]);
    expect(Object.isFrozen(first)).toBe(true);
    expect(isDeeplyFrozen(first.claims)).toBe(true);
    expect(isDeeplyFrozen(first.header)).toBe(true);
    expect(first.claims).not.toBe(second.claims);
  });

  it('has no issuer where none is asked for and it names none', async () => {
    const { iss: _, ...claims } = CLAIMS;
    const { verify } = verifierOf(setOf(key));
    expect((await verify(await signToken(key, claims), { issuer: false })).issuer).toBeUndefined();
    expect((await verify(token, { issuer: false })).issuer).toBe(ISSUER);
  });

  it('B6: needs no kid: each key that fits is tried, up to four', async () => {
    const nameless = await signToken(key, CLAIMS, { kid: undefined });
    const others = await Promise.all(['a', 'b', 'c', 'd'].map((kid) => testKey('ES256', kid)));
    expect((await verifierOf(setOf(key, await testKey('RS256'))).verify(nameless)).claims).toEqual(CLAIMS);
    const keys = new WatchedKeys(setOf(...others.slice(0, 3), key));
    expect((await verifierOf(keys).verify(nameless)).key.kid).toBe(key.kid);
    expect(keys.refreshes).toEqual([]);
    await expect(verifierOf(setOf(...others, key)).verify(nameless)).rejects.toBeInstanceOf(SigningKeyNotFoundError);
  });

  it('B6: without a kid and of no key that fits causes one refetch, like any bad signature', async () => {
    const others = await Promise.all(['a', 'b'].map((kid) => testKey('ES256', kid)));
    const forged = await signToken(await testKey('ES256', 'mallory'), CLAIMS, { kid: undefined });
    const keys = new WatchedKeys(setOf(...others));
    await expect(verifierOf(keys).verify(forged)).rejects.toBeInstanceOf(InvalidSignatureError);
    expect(keys.refreshes).toHaveLength(1);
    const late = new WatchedKeys(setOf(...others));
    late.next = setOf(...others, key);
    const nameless = await signToken(key, CLAIMS, { kid: undefined });
    expect((await verifierOf(late).verify(nameless)).key.kid).toBe(key.kid);
  });
});

describe('what is rejected before any key is looked for', () => {
  async function refusedUnseen(refused: unknown, fault: new () => TokenError) {
    const keys = new WatchedKeys(setOf(key));
    keys.fault = new JwksConnectionError('down');
    await expect(verifierOf(keys).verify(refused), String(refused)).rejects.toBeInstanceOf(fault);
    expect(keys.looked).toEqual([]);
    expect(keys.refreshes).toEqual([]);
  }

  it('A1: alg none in every spelling, whatever the signature', async () => {
    const [, payload, signature] = token.split('.') as [string, string, string];
    for (const alg of ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\0', 'none\n']) {
      const header = encode({ alg, kid: key.kid });
      for (const end of [signature, 'AA'])
        await refusedUnseen(`${header}.${payload}.${end}`, UnsupportedAlgorithmError);
      await refusedUnseen(`${header}.${payload}.`, MalformedTokenError);
    }
    for (const alg of ['', null, 0, ['none'], ['ES256'], {}, undefined])
      await refusedUnseen(rawToken({ alg }, CLAIMS), MalformedTokenError);
  });

  it('A2: names that are nearly those of good algorithms', async () => {
    for (const alg of [
      'es256',
      'Es256',
      'ES256 ',
      ' ES256',
      'ES256\0',
      'ES256\n',
      'E\u0405256',
      'toString',
      '__proto__',
      'constructor',
    ]) {
      await refusedUnseen(rawToken({ alg, kid: key.kid }, CLAIMS), UnsupportedAlgorithmError);
    }
  });

  it('A3: HMAC with anything public for a secret; nor is there a key for it where a list allows it', async () => {
    const rsa = await testKey('RS256');
    const { verify } = verifierOf(setOf(rsa));
    const published = setOf(rsa).get(rsa.kid) as SigningKey;
    const pem = published.toPem();
    const der = published.toKeyObject().export({ type: 'spki', format: 'der' });
    const n = Buffer.from(rsa.jwk.n as string, 'base64url');
    const secrets = [
      pem,
      pem.trim(),
      ` ${pem}`,
      pem.replaceAll('\n', '\r\n'),
      der,
      JSON.stringify(rsa.jwk),
      JSON.stringify(setOf(rsa)),
      rsa.jwk.n as string,
      n,
      '',
    ];
    for (const [alg, hash] of [
      ['HS256', 'sha256'],
      ['HS384', 'sha384'],
      ['HS512', 'sha512'],
    ] as const) {
      const signed = `${encode({ alg, kid: rsa.kid })}.${encode(CLAIMS)}`;
      for (const secret of secrets) {
        const forged = `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
        await refusedUnseen(forged, UnsupportedAlgorithmError);
        await expect(verify(forged, { algorithms: new Set([alg]) })).rejects.toBeInstanceOf(SigningKeyNotFoundError);
      }
    }
  });

  it('E4, E5, E6: an issuer that is not exactly ours', async () => {
    for (const iss of [
      `${ISSUER}x`,
      ISSUER.slice(0, -1),
      ISSUER.toUpperCase(),
      '',
      [ISSUER],
      [ISSUER, 'x'],
      null,
      1,
      {},
      undefined,
    ]) {
      await refusedUnseen(rawToken({ alg: 'ES256', kid: key.kid }, { ...CLAIMS, iss }), UntrustedIssuerError);
    }
  });

  it('asks for the algorithm first, then for the issuer', async () => {
    await refusedUnseen(rawToken({ alg: 'none' }, { iss: 'x' }), UnsupportedAlgorithmError);
  });
});

describe('the key', () => {
  it('A7, A8, A9: is never one that the token brings or points at', async () => {
    const trap = await ScriptedServer.start();
    const mallory = await testKey('ES256', 'mallory');
    const keys = new WatchedKeys(setOf(key));
    const bait = {
      jwk: mallory.jwk,
      jku: trap.url('/jwks'),
      x5u: trap.url('/x5u'),
      x5c: ['MIIB'],
      x5t: 'AAAA',
      'x5t#S256': 'AAAA',
    };
    trap.on('/jwks', { body: { keys: [{ ...mallory.jwk, kid: key.kid }] } });
    try {
      const { verify } = verifierOf(keys);
      await expect(verify(await signToken(mallory, CLAIMS, { ...bait, kid: key.kid }))).rejects.toBeInstanceOf(
        InvalidSignatureError,
      );
      for (const kid of ['mallory', undefined]) {
        await expect(verify(await signToken(mallory, CLAIMS, { ...bait, kid }))).rejects.toBeInstanceOf(TokenError);
      }
      expect((await verify(await signToken(key, CLAIMS, bait))).claims).toEqual(CLAIMS);
      expect(trap.requests).toEqual([]);
    } finally {
      await trap.close();
    }
  });

  it('B1, B2, B4, B8: is none for a kid that no key has, whatever it looks like', async () => {
    const kids = [
      '',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'prototype',
      '../../dev/null',
      "' OR 1=1--",
      '*',
      '\0',
      'a\r\nSet-Cookie:x',
      '${jndi:ldap://x}',
      '%s%n',
      `${key.kid} `,
      key.kid.toLowerCase(),
    ];
    const { verify } = verifierOf(setOf(key));
    for (const kid of kids)
      await expect(verify(await signToken(key, CLAIMS, { kid })), kid).rejects.toBeInstanceOf(SigningKeyNotFoundError);
  });

  it('that are unavailable is no fault of the token: the error comes through untouched', async () => {
    for (const fault of [new JwksConnectionError('timed out'), new InvalidJwkSetError('not JSON')]) {
      const keys = new WatchedKeys(setOf(key));
      keys.fault = fault;
      await expect(verifierOf(keys).verify(token)).rejects.toBe(fault);
    }
  });

  it('that cannot be imported or used makes the signature invalid, whatever is thrown, with that as the cause', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const faults: (() => unknown)[] = [
      () => {
        throw new TypeError('weak key');
      },
      () => {
        throw new DOMException('off curve', 'DataError');
      },
      () => Promise.reject(new DOMException('broken', 'OperationError')),
      () => Promise.reject('a string'),
      () => privateKey,
      () => undefined,
      () => 'a string',
    ];
    for (const cryptoKey of faults) {
      const keys = new WatchedKeys(setOf(key));
      keys.find = () =>
        Object.create(setOf(key).get(key.kid) as SigningKey, { cryptoKey: { value: cryptoKey } }) as SigningKey;
      keys.current = () => undefined;
      const refusal = await verifierOf(keys)
        .verify(token)
        .catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(InvalidSignatureError);
      expect((refusal as Error).cause).toBeDefined();
    }
  });

  it('that fails with an error of ours passes it on', async () => {
    const fault = new JwksConnectionError('closed');
    const keys = new WatchedKeys(setOf(key));
    keys.find = () =>
      Object.create(setOf(key).get(key.kid) as SigningKey, {
        toKeyObject: { value: () => throwing(fault) },
      }) as SigningKey;
    await expect(verifierOf(keys).verify(token)).rejects.toBe(fault);
  });
});

describe('what is rejected under a good signature', () => {
  const cases: [name: string, claims: object | string, fault: new (...of: never[]) => TokenError][] = [
    ['C11: an array for claims', '[]', MalformedTokenError],
    ['C12: claims nested 100,000 deep', `{"x":${'['.repeat(2000)}${']'.repeat(2000)}}`, MalformedTokenError],
    ['E1: another audience', { ...CLAIMS, aud: 'x' }, InvalidClaimError],
    ['E7: exp 1e400', JSON.stringify(CLAIMS).replace(/"exp":\d+/, '"exp":1e400'), InvalidClaimError],
    ['E8: no exp', { ...CLAIMS, exp: undefined }, InvalidClaimError],
    ['E9: one that has expired', { ...CLAIMS, exp: CLAIMS.iat - 5 }, TokenExpiredError],
  ];

  it.each(cases)('%s', async (_, claims, fault) => {
    const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
    await expect(verifierOf(setOf(key)).verify(await signText(key, text))).rejects.toBeInstanceOf(fault);
  });

  it('A13: a type that is not asked for', async () => {
    const { verify } = verifierOf(setOf(key));
    for (const typ of ['JWT', 'logout+jwt', undefined]) {
      const other = await signToken(key, CLAIMS, { typ });
      await expect(verify(other, { tokenType: 'at+jwt' })).rejects.toMatchObject({
        code: 'claim_invalid',
        claim: 'typ',
      });
      expect((await verify(other)).header.typ).toBe(typ);
    }
  });

  it('claims are not looked at before the signature is good', async () => {
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${encode(Buffer.alloc(64, 1))}`;
    await expect(verifierOf(setOf(key)).verify(forged, { audience: ['x'], tokenType: 'y' })).rejects.toBeInstanceOf(
      InvalidSignatureError,
    );
  });

  it('E14: a member called __proto__ is left out and pollutes nothing', async () => {
    const text = JSON.stringify({ ...CLAIMS, a: { b: 1 } })
      .replace('{"b":1}', '{"__proto__":{"isAdmin":true}}')
      .replace('{', '{"__proto__":{"isAdmin":true},');
    const { claims } = await verifierOf(setOf(key)).verify(await signText(key, text));
    expect(Object.hasOwn(claims, '__proto__')).toBe(false);
    expect(claims).toEqual({ ...CLAIMS, a: {} });
    expect((Object.assign({}, claims) as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it('says nothing of the token, in no error and no cause', async () => {
    const secret = 'do-not-log-me';
    const { verify } = verifierOf(setOf(key));
    const tokens = [
      await signToken(key, { ...CLAIMS, aud: secret, sub: secret }),
      await signToken(key, { ...CLAIMS, exp: 1, sub: secret }),
      await signToken(key, { ...CLAIMS, iss: secret }),
      rawToken({ alg: secret }, { ...CLAIMS, sub: secret }),
      rawToken({ alg: 'ES256', kid: key.kid, x: secret }, { ...CLAIMS, sub: secret }),
    ];
    for (const refused of tokens) {
      const error: unknown = await verify(refused).catch((fault: unknown) => fault);
      expect(error).toBeInstanceOf(TokenError);
      for (let at = error as Error | undefined; at; at = at.cause as Error | undefined) {
        expect(`${at.message} ${at.stack} ${JSON.stringify(at)}`).not.toContain(secret);
        expect(JSON.stringify(at)).not.toContain(encode(secret).slice(2, -3));
      }
    }
  });
});

/** Signs text that need not be JSON. */
async function signText(by: TestKey, text: string): Promise<string> {
  const signed = `${encode({ alg: by.alg, kid: by.kid })}.${encode(text)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key: keyObjectOf(by), dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
