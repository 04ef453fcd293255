/** What a {@link KeyRingStore} holds. @publicApi */
export interface KeyRingEntry {
  /**
   * The ring as the store was given it: private keys included, so the store encrypts what leaves
   * the process.
   */
  readonly value: string;
  /** Opaque; a new one for each write, never used again. */
  readonly version: string;
}

/**
 * Where a key ring lives. Several processes may share one: writes are compare and set, so that
 * exactly one of those that start from the same entry succeeds.
 *
 * A store of your own gets the ring in clear. Wrap it in `encryptedKeyRingStore`, and run
 * `assertKeyRingStore` of `nestjs-jwks/testing` against it.
 *
 * @publicApi
 */
export interface KeyRingStore {
  /**
   * The entry; `undefined` only where nothing was ever written. Rejects where that cannot be known.
   */
  read(): Promise<KeyRingEntry | undefined>;
  /**
   * Writes `value` if the entry still has this version (`undefined`: if there is no entry) and
   * resolves to `true`; else changes nothing and resolves to `false`.
   */
  write(value: string, expectedVersion: string | undefined): Promise<boolean>;
}
