import { DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';

const POST_QUANTUM = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'];

const ALGORITHMS: readonly string[] = [...DEFAULTS.algorithms, ...POST_QUANTUM];

/** Why an algorithm can't be in the list; `undefined` where it can. @internal */
export function algorithmFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'takes names of algorithms';
  // RFC 8725 section 3.1: a verifier that takes both lets any client sign with a public key for a
  // secret.
  if (/^hs\d/i.test(name)) return `can't have ${quoted(name)}: a JWK Set holds public keys, and HMAC needs a secret`;
  if (/^none$/i.test(name)) return `can't have ${quoted(name)}: any client could write such a token`;
  if (!ALGORITHMS.includes(name)) return `has no ${quoted(name)}: known are ${ALGORITHMS.join(', ')}`;
  if (POST_QUANTUM.includes(name) && !runtimeVerifies(name)) return `can't have ${quoted(name)}: this runtime lacks it`;
  return undefined;
}

/** The option `algorithms`: of tokens, and of DPoP proofs. @internal */
export function readAlgorithms(options: OptionReader): readonly string[] | undefined {
  const value = options.get('algorithms');
  if (value === undefined) return undefined;
  const list: unknown[] = Array.isArray(value) ? Array.from(value) : [];
  if (list.length === 0) throw options.invalid('algorithms', "a list of at least one algorithm, such as ['ES256']");
  const fault = list.map(algorithmFault).find((each) => each !== undefined);
  if (fault) throw options.fault('algorithms', fault);
  return list as string[];
}

function quoted(name: string): string {
  return `"${name.slice(0, 64)}"`;
}

/** A static method of WebCrypto's "modern algorithms", there since Node 24.7. */
function runtimeVerifies(name: string): boolean {
  const { SubtleCrypto } = globalThis as {
    SubtleCrypto?: { supports?: (operation: string, algorithm: string) => boolean };
  };
  return SubtleCrypto?.supports?.('verify', name) === true;
}
