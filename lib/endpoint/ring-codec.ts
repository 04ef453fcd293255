import type { JWK } from 'jose';
import { JwksConfigurationError } from '../core/errors.js';
import type { RingKey, RingState } from './ring-state.js';

const FORMAT = 1;

/** The ring as a store keeps it. Equal rings give equal text. @internal */
export function serializeRing({ keys, revoked }: RingState): string {
  const written = keys.map(({ kid, jwk, publishedAt, activeAt, retiredAt, keepUntil }) => {
    return { kid, jwk, publishedAt, activeAt, retiredAt, keepUntil };
  });
  return JSON.stringify({ format: FORMAT, keys: written, revoked });
}

/** Throws where a store holds anything else: nothing is made of half a ring. @internal */
export function parseRing(value: string): RingState {
  const ring = parseJson(value);
  if (isObject(ring) && ring['format'] === FORMAT && Array.isArray(ring['keys']) && isListOfText(ring['revoked'])) {
    const { keys, revoked } = ring;
    if (keys.every(isRingKey)) return { keys, revoked };
  }
  // Not even a part of it may be shown: it holds private keys.
  throw new JwksConfigurationError(
    'The store holds something else than a key ring. It was left as it is.',
    'keys.store',
  );
}

function isRingKey(key: unknown): key is RingKey {
  if (!isObject(key) || typeof key['kid'] !== 'string' || !isPrivateJwk(key['jwk'], key['kid'])) return false;
  const { publishedAt, activeAt, retiredAt, keepUntil } = key;
  const optional = [retiredAt, keepUntil].filter((time) => time !== undefined);
  return [publishedAt, activeAt, ...optional].every((time) => Number.isFinite(time));
}

function isPrivateJwk(jwk: unknown, kid: string): jwk is JWK {
  if (!isObject(jwk) || jwk['kid'] !== kid || typeof jwk['alg'] !== 'string') return false;
  return typeof jwk['d'] === 'string' || typeof jwk['priv'] === 'string';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOfText(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string');
}
