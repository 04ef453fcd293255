import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { systemClock } from '../core/clock.js';

/** What a proof says besides method and URL. @publicApi */
export interface TestProofOptions {
  /** The token that is sent with it; its hash becomes `ath`. */
  accessToken?: string;
  /** What the server gave by the header `DPoP-Nonce`. */
  nonce?: string;
  /** Each adds to or replaces a claim; `undefined` takes it away. For proofs that are wrong. */
  claims?: Record<string, unknown>;
  /** The same for the header. */
  header?: Record<string, unknown>;
}

/** How a key is made. @publicApi */
export interface TestDpopKeyOptions {
  /** @default 'ES256' */
  alg?: string;
}

interface KeyParts {
  readonly alg: string;
  readonly jwk: Readonly<JWK>;
  readonly privateKey: CryptoKey;
  readonly thumbprint: string;
  readonly now: () => number;
}

/**
 * The key of a DPoP client (RFC 9449), as `TestIssuer.createDpopKey()` makes it.
 *
 * ```ts
 * const key = await issuer.createDpopKey();
 * const accessToken = await issuer.sign({ sub: 'alice' }, { dpop: key });
 * const dpop = await key.proof('GET', url, { accessToken });
 * await fetch(url, { headers: { authorization: `DPoP ${accessToken}`, dpop } });
 * ```
 *
 * @publicApi
 */
export class TestDpopKey {
  readonly alg: string;
  /** The public key. */
  readonly jwk: Readonly<JWK>;
  readonly privateKey: CryptoKey;
  /** What `cnf.jkt` of its tokens is (RFC 7638). */
  readonly thumbprint: string;
  private readonly now: () => number;

  private constructor({ alg, jwk, privateKey, thumbprint, now }: KeyParts) {
    this.alg = alg;
    this.jwk = jwk;
    this.privateKey = privateKey;
    this.thumbprint = thumbprint;
    this.now = now;
  }

  /** @internal */
  static async create({ alg = 'ES256' }: TestDpopKeyOptions = {}, now = systemClock.now): Promise<TestDpopKey> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = Object.freeze(await exportJWK(publicKey));
    return new TestDpopKey({ alg, jwk, privateKey, thumbprint: await calculateJwkThumbprint(jwk), now });
  }

  /** A proof for one request, made now. The query and the fragment of `url` are left out. */
  async proof(method: string, url: string | URL, options: TestProofOptions = {}): Promise<string> {
    const { accessToken, nonce, claims, header } = options;
    const payload = {
      jti: randomUUID(),
      htm: method,
      htu: String(url).replace(/[?#][^]*$/, ''),
      iat: Math.floor(this.now() / 1000),
      ...(accessToken !== undefined && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
      ...(nonce !== undefined && { nonce }),
      ...claims,
    };
    return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: this.alg, typ: 'dpop+jwt', jwk: this.jwk, ...header })
      .sign(this.privateKey);
  }
}
