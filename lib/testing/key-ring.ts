import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';

/** A key pair of a {@link TestIssuer}. @publicApi */
export interface TestSigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** As published: public members with `kid`, `alg` and `use`. */
  readonly jwk: Readonly<JWK>;
}

/** What the next key is, and what becomes of those before it. @publicApi */
export interface RotateOptions {
  /** Algorithm of the new key. @default that of the current key */
  alg?: string;
  /** Kid of the new key; one that is in use gets new material. @default a new one */
  kid?: string;
  /** `false`: only the new key is published from now on. @default true */
  keep?: boolean;
}

/**
 * The keys of one issuer, oldest first: which of them the JWK Set lists, and which one signs.
 *
 * @internal
 */
export class KeyRing {
  private readonly keys = new Map<string, TestSigningKey>();
  private readonly unpublished = new Set<string>();
  private current: TestSigningKey | undefined;
  private made = 0;

  get published(): TestSigningKey[] {
    return [...this.keys.values()].filter((key) => !this.unpublished.has(key.kid));
  }

  /** One key for each algorithm; the first signs. */
  async fill(algorithms: readonly string[]): Promise<void> {
    for (const alg of algorithms) await this.add(alg);
    this.current = this.published[0];
  }

  async rotate(options: RotateOptions): Promise<TestSigningKey> {
    const old = this.published;
    const key = await this.add(options.alg ?? this.newest?.alg ?? 'ES256', options.kid);
    this.current = key;
    if (options.keep === false) for (const { kid } of old) if (kid !== key.kid) this.unpublished.add(kid);
    return key;
  }

  revoke(kid: string): void {
    this.unpublished.add(this.get(kid).kid);
    if (this.current?.kid === kid) this.current = this.published.at(-1);
  }

  publish(kid: string): void {
    const key = this.get(kid);
    this.unpublished.delete(key.kid);
    this.current ??= key;
  }

  /**
   * A key that is no longer published signs only where its kid is named; one of an algorithm that
   * has none yet is made and published.
   */
  async select({ kid, alg }: { kid?: string; alg?: string }): Promise<TestSigningKey> {
    if (kid !== undefined) return this.get(kid);
    if (alg === undefined || alg === 'none' || alg === this.current?.alg) return this.signing;
    return this.published.filter((candidate) => candidate.alg === alg).at(-1) ?? this.add(alg);
  }

  private get newest(): TestSigningKey | undefined {
    return this.current ?? [...this.keys.values()].at(-1);
  }

  private get signing(): TestSigningKey {
    if (!this.current) throw new Error('TestIssuer publishes no key: call rotate()');
    return this.current;
  }

  private get(kid: string): TestSigningKey {
    const key = this.keys.get(kid);
    if (!key) throw new Error(`TestIssuer has no key "${kid}", only ${[...this.keys.keys()].join(', ')}`);
    return key;
  }

  private async add(alg: string, kid?: string): Promise<TestSigningKey> {
    this.made += 1;
    const key = await makeKey(alg, kid ?? `${alg}-${this.made}`);
    // Deleted first, so that new material under an old kid counts as the newest.
    this.keys.delete(key.kid);
    this.keys.set(key.kid, key);
    this.unpublished.delete(key.kid);
    return key;
  }
}

async function makeKey(alg: string, kid: string): Promise<TestSigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = Object.freeze({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' });
  return { kid, alg, privateKey, publicKey, jwk };
}
