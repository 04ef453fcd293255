import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const AUDIENCE = 'orders-api';
const HOUR = 3_600;

/** @param {{ alg: string, kid: string, private: object }} key */
export function signer(key) {
  const header = encode({ alg: key.alg, kid: key.kid, typ: 'at+jwt' });
  const privateKey = createPrivateKey({ key: key.private, format: 'jwk' });
  const digest = key.alg === 'EdDSA' ? null : 'sha256';
  return (claims) => {
    const input = `${header}.${encode(claims)}`;
    return `${input}.${sign(digest, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
}

/** What an access token of a usual provider holds; `id` distinguishes them. */
export function claimsFor(issuer, id, more = {}) {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    sub: `auth0|64f1c0ffee${id}`,
    aud: AUDIENCE,
    azp: 'web-shop',
    scope: 'openid profile email orders:read orders:write',
    jti: `token-${id}`,
    iat: now,
    exp: now + HOUR,
    ...more,
  };
}

/**
 * A good token and the ones that must be rejected: under another key, expired, for
 * another API.
 */
export function specimens(key, stranger, issuer) {
  const [own, foreign] = [signer(key), signer({ ...stranger, kid: key.kid })];
  const past = Math.floor(Date.now() / 1000) - HOUR;
  return {
    good: own(claimsFor(issuer, 'good')),
    forged: foreign(claimsFor(issuer, 'forged')),
    expired: own(claimsFor(issuer, 'expired', { iat: past - HOUR, exp: past })),
    elsewhere: own(claimsFor(issuer, 'elsewhere', { aud: 'another-api' })),
  };
}

const SIGNATURE_LENGTHS = { RS256: 256, ES256: 64, ES512: 132 };

/** Tokens with a signature of nobody, each for another one of these keys. */
export function forgedTokens(keys, issuer, count) {
  return Array.from({ length: count }, (_, index) => {
    const { alg, kid } = keys[index % keys.length];
    const header = encode({ alg, kid, typ: 'at+jwt' });
    const signature = randomBytes(SIGNATURE_LENGTHS[alg]);
    // Within the group, so that no library sees at a glance that it is none.
    for (let at = 0; at < signature.length; at += signature.length / 2) signature[at] = 0;
    return `${header}.${encode(claimsFor(issuer, index))}.${signature.toString('base64url')}`;
  });
}

/** The tokens of a file, which stay outside the heap until they are asked for. */
export class TokenPool {
  #bytes;
  #ends = [];
  #next = 0;

  constructor(file) {
    this.#bytes = readFileSync(file);
    for (let at = this.#bytes.indexOf(10); at >= 0; at = this.#bytes.indexOf(10, at + 1)) this.#ends.push(at);
  }

  get size() {
    return this.#ends.length;
  }

  at(index) {
    return this.#bytes.latin1Slice(index === 0 ? 0 : this.#ends[index - 1] + 1, this.#ends[index]);
  }

  /**
   * The next ones, from the start again after the last: a pool is longer than any cache of the
   * contenders.
   */
  take(count) {
    return Array.from({ length: count }, () => this.at(this.#next++ % this.size));
  }
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
