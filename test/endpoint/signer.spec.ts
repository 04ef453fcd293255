import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { JwksSigner, type JwksSignOptions } from '../../lib/endpoint/index.js';
import { testKey } from '../support/keys.js';
import { ISSUER, Publishing } from './support/endpoint.js';

async function signer(keepFor = '1h') {
  const publishing = await Publishing.start({ keys: { keepFor } });
  const iat = Math.floor(publishing.clock.now() / 1_000);
  const sign = (claims: unknown, options?: unknown) =>
    publishing.signer.sign(claims as JWTPayload, options as JwksSignOptions);
  return { publishing, sign, iat };
}

describe('JwksSigner', () => {
  it('sets iss, iat, exp, jti, kid and typ', async () => {
    const { publishing, sign, iat } = await signer();
    const options = { audience: 'orders-api', expiresIn: '10m', type: 'at+jwt' };
    const token = await sign({ sub: 'invoice-worker', scope: 'orders:read' }, options);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: publishing.current, typ: 'at+jwt' });
    expect(decodeJwt(token)).toEqual({
      iss: ISSUER,
      sub: 'invoice-worker',
      aud: 'orders-api',
      scope: 'orders:read',
      iat,
      exp: iat + 600,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    const { clock } = publishing;
    const rules = { issuer: ISSUER, audience: 'orders-api', typ: 'at+jwt', currentDate: new Date(clock.now()) };
    await jwtVerify(token, createLocalJWKSet(await publishing.set()), rules);
    expect(decodeJwt(await sign({})).jti).not.toBe(decodeJwt(await sign({})).jti);
  });

  it('gives tokens five minutes, or keepFor where that is shorter', async () => {
    for (const [keepFor, seconds] of [
      ['1h', 300],
      ['2m', 120],
    ] as const) {
      const { sign, iat } = await signer(keepFor);
      expect(decodeJwt(await sign({})).exp).toBe(iat + seconds);
    }
  });

  it('takes an exp, an nbf, a jti and an aud of the claims', async () => {
    const { sign, iat } = await signer();
    const claims = { exp: iat + 3_600, nbf: iat, jti: 'mine', aud: ['a', 'b'], extra: undefined };
    expect(decodeJwt(await sign(claims))).toEqual({ ...claims, extra: undefined, iss: ISSUER, iat });
    expect(decodeJwt(await sign({ iss: ISSUER }, { audience: ['a', 'b'] }))).toMatchObject({ aud: ['a', 'b'] });
  });

  const iat = 1_767_225_600;
  it.each<[string, unknown, unknown]>([
    ['expiresIn', {}, { expiresIn: '61m' }],
    ['expiresIn', {}, { expiresIn: 3_601_000 }],
    ['expiresIn', {}, { expiresIn: 0 }],
    ['expiresIn', {}, { expiresIn: '-1m' }],
    ['expiresIn', {}, { expiresIn: 999 }],
    ['expiresIn', {}, { expiresIn: 'soon' }],
    ['expiresIn', {}, { expiresIn: Number.POSITIVE_INFINITY }],
    ['expiresIn', {}, { expiresIn: Number.NaN }],
    ['expiresIn', {}, { expiresIn: null }],
    ['claims.exp', { exp: iat + 3_601 }, {}],
    ['claims.exp', { exp: Number.POSITIVE_INFINITY }, {}],
    ['claims.exp', { exp: Number.NaN }, {}],
    ['claims.exp', { exp: `${iat + 60}` }, {}],
    ['claims.exp', { exp: null }, {}],
    ['claims.exp', { exp: iat + 60 }, { expiresIn: '5m' }],
    ['claims.iat', { iat: iat + 86_400 }, {}],
    ['claims.iat', { iat }, {}],
    ['claims.iss', { iss: 'https://other.internal' }, {}],
    ['claims.iss', { iss: null }, {}],
    ['claims.nbf', { nbf: '1' }, {}],
    ['claims.jti', { jti: 1 }, {}],
    ['claims.aud', { aud: 'a' }, { audience: 'b' }],
    ['claims.aud', { aud: [1] }, {}],
    ['audience', {}, { audience: undefined }],
    ['audience', {}, { audience: '' }],
    ['audience', {}, { audience: [] }],
    ['audience', {}, { audience: [undefined] }],
    ['type', {}, { type: 'a b' }],
    ['type', {}, { type: 1 }],
    ['claims', null, {}],
    ['claims', [], {}],
    ['claims', 'sub', {}],
  ])('rejects %s of %j with %j', async (option, claims, options) => {
    const { sign } = await signer();
    await expect(sign(claims, options)).rejects.toMatchObject({ code: 'configuration_invalid', option });
  });

  it('signs what it has checked: a claim is read once', async () => {
    const { sign, iat: now } = await signer();
    let reads = 0;
    const claims = Object.defineProperty({}, 'exp', {
      enumerable: true,
      get: () => now + (reads++ === 0 ? 60 : 1_000_000),
    });
    expect(decodeJwt(await sign(claims)).exp).toBe(now + 60);
  });

  it('needs a key ring and an issuer', async () => {
    const fixed = await Publishing.start({ keys: [(await testKey()).jwk] });
    await expect(fixed.signer.sign({})).rejects.toMatchObject({ option: 'keys' });
    const { publishing } = await signer();
    const nameless = new JwksSigner({ ring: publishing.ring, issuer: undefined, clock: publishing.clock });
    await expect(nameless.sign({})).rejects.toMatchObject({ option: 'issuer' });
  });
});
