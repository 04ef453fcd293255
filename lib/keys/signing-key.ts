import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
// Not from 'jose' as a whole, which takes six times as long to load.
import { importJWK } from 'jose/key/import';
import { safeText } from '../core/events.js';
import type { UsableJwk } from './jwk.js';
import { materialOf, type KeyMaterial } from './key-material.js';

/**
 * A public key that can verify signatures: one usable entry of a {@link JwkSet}. A value: it never
 * changes, and a set that still has the key keeps the object.
 *
 * @publicApi
 */
export class SigningKey {
  /** Key ID (RFC 7517 section 4.5), as published: make it safe before it meets a log line. */
  readonly kid: string | undefined;
  /** The one algorithm the key is meant for (RFC 7517 section 4.4), where it says so. */
  readonly alg: string | undefined;
  /** `RSA`, `EC`, `OKP` or `AKP` (RFC 7517 section 4.1). */
  readonly kty: string;
  /** `sig`, where the key says so (RFC 7517 section 4.2). */
  readonly use: string | undefined;
  /** `P-256`, `P-384`, `P-521` or `Ed25519`; keys of the other types have none. */
  readonly crv: string | undefined;
  /**
   * Frozen, public members only. Numbers are in the form that RFC 7518 section 2 asks for, without
   * leading zeros.
   */
  readonly jwk: Readonly<JWK>;

  // Truly private: the object is frozen, and what is made once is kept all the same.
  readonly #algs: ReadonlySet<string>;
  #imported: Map<string, CryptoKey | Promise<CryptoKey>> | undefined;
  #keyObject: KeyObject | undefined;
  #pem: string | undefined;

  private constructor({ jwk, algs }: UsableJwk) {
    this.kid = jwk.kid;
    this.alg = jwk.alg;
    this.kty = jwk.kty as string;
    this.use = jwk.use;
    this.crv = jwk.crv;
    this.jwk = jwk;
    this.#algs = algs;
  }

  /** @internal */
  static of(usable: UsableJwk): SigningKey {
    const key = new SigningKey(usable);
    Object.freeze(key);
    return key;
  }

  /**
   * Two keys of the same form are one key: same kid, alg, use, public members and certificate.
   *
   * @internal
   */
  get fingerprint(): string {
    const { kid, alg, use, x5t, 'x5t#S256': x5tS256 } = this.jwk;
    return JSON.stringify([kid, alg, use, this.material, x5t, x5tS256]);
  }

  /** What events call the key: its kid, else its thumbprint (RFC 7638). @internal */
  get displayId(): string {
    return this.kid ?? createHash('sha256').update(JSON.stringify(this.material)).digest('base64url');
  }

  /**
   * Whether the key verifies signatures of this algorithm: the JWK's own where it names one (so a
   * key for `EdDSA` is none for `Ed25519`), else any that fits its type and curve.
   */
  supports(alg: string): boolean {
    return this.alg === undefined ? this.#algs.has(alg) : this.alg === alg;
  }

  /**
   * The key for WebCrypto, imported once for each algorithm. Rejects with a `TypeError` where the
   * key does not support `alg`.
   *
   * @param alg default: the JWK's, else the usual one of its type and curve (RSA: `RS256`).
   */
  async toCryptoKey(alg: string = this.usualAlg()): Promise<CryptoKey> {
    return this.cryptoKey(alg);
  }

  /** The key for `node:crypto`, made once. */
  toKeyObject(): KeyObject {
    this.#keyObject ??= createPublicKey({ key: this.material, format: 'jwk' });
    return this.#keyObject;
  }

  /** SPKI in PEM (RFC 7468 section 13), made once. */
  toPem(): string {
    this.#pem ??= this.toKeyObject().export({ type: 'spki', format: 'pem' }) as string;
    return this.#pem;
  }

  /**
   * As {@link toCryptoKey}, but synchronous once imported: a verification then waits for nothing
   * but the signature.
   *
   * @internal
   */
  cryptoKey(alg: string): CryptoKey | Promise<CryptoKey> {
    const kept = this.#imported?.get(alg);
    if (kept !== undefined) return kept;
    if (!this.supports(alg))
      return Promise.reject(new TypeError(`The key does not support "${safeText(String(alg))}"`));
    const imported = (this.#imported ??= new Map<string, CryptoKey | Promise<CryptoKey>>());
    const importing = this.#import(alg, imported);
    imported.set(alg, importing);
    return importing;
  }

  /** Made when it is needed: a second copy for each of ten thousand keys would be megabytes. */
  private get material(): KeyMaterial {
    return materialOf(this.jwk);
  }

  private usualAlg(): string {
    return this.alg ?? ([...this.#algs][0] as string);
  }

  /**
   * From the material alone: `use`, `ext` and unusual `key_ops` mean nothing to a key that was
   * checked, and WebCrypto trips over them.
   */
  async #import(alg: string, imported: Map<string, CryptoKey | Promise<CryptoKey>>): Promise<CryptoKey> {
    try {
      const key = (await importJWK(this.material, alg)) as CryptoKey;
      imported.set(alg, key);
      return key;
    } catch (error) {
      imported.delete(alg);
      throw error;
    }
  }
}
