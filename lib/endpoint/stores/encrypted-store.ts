import { CompactEncrypt } from 'jose/jwe/compact/encrypt';
import { compactDecrypt } from 'jose/jwe/compact/decrypt';
import { JwksConfigurationError } from '../../core/errors.js';
import type { KeyRingStore } from '../key-ring-store.js';

/** How private keys are protected at rest. @publicApi */
export interface KeyRingEncryption {
  /**
   * 32 random bytes as base64url: `openssl rand 32 | basenc --base64url -w0 | tr -d =`. Every
   * process that shares the store needs the same.
   */
  encryptionKey: string;
}

const KEY_BYTES = 32;

/**
 * Encrypts what another store holds: each entry is a JWE (`dir`, A256GCM). Throws
 * `JwksConfigurationError` for an `encryptionKey` that is not 32 bytes as base64url.
 *
 * @publicApi
 */
export function encryptedKeyRingStore(store: KeyRingStore, { encryptionKey }: KeyRingEncryption): KeyRingStore {
  const key = decodeKey(encryptionKey);
  return {
    async read() {
      const entry = await store.read();
      return entry && { value: await decrypt(entry.value, key), version: entry.version };
    },
    async write(value, expectedVersion) {
      return store.write(await encrypt(value, key), expectedVersion);
    },
  };
}

function encrypt(value: string, key: Uint8Array): Promise<string> {
  const header = { alg: 'dir', enc: 'A256GCM' } as const;
  return new CompactEncrypt(new TextEncoder().encode(value)).setProtectedHeader(header).encrypt(key);
}

async function decrypt(value: string, key: Uint8Array): Promise<string> {
  const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
  try {
    const { plaintext } = await compactDecrypt(value, key, options);
    return new TextDecoder().decode(plaintext);
  } catch (cause) {
    throw new JwksConfigurationError(
      'The key ring cannot be decrypted: the option "encryptionKey" is another one than it was written with, or the entry is damaged. It was left as it is.',
      'encryptionKey',
      { cause },
    );
  }
}

function decodeKey(encryptionKey: unknown): Uint8Array {
  const isText = typeof encryptionKey === 'string' && /^[\w-]+$/.test(encryptionKey);
  const bytes = isText ? Buffer.from(encryptionKey, 'base64url') : undefined;
  if (bytes?.length === KEY_BYTES) return new Uint8Array(bytes);
  const came = encryptionKey === undefined ? 'undefined (an environment variable that is not set?)' : 'this value';
  throw new JwksConfigurationError(
    `Option "encryptionKey" takes ${KEY_BYTES} random bytes as base64url, not ${came}`,
    'encryptionKey',
  );
}
