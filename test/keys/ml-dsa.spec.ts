import type * as crypto from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { parseJwk } from '../../lib/keys/jwk.js';

/** A runtime that has two of the three algorithms, whatever the one has that runs this. */
const runtime = vi.hoisted(() => ({ has: ['ML-DSA-44', 'ML-DSA-65'], tried: [] as unknown[] }));

vi.mock('node:crypto', async (importOriginal) => ({
  ...(await importOriginal<typeof crypto>()),
  createPublicKey: ({ key }: { key: { alg: string } }) => {
    runtime.tried.push(key);
    if (!runtime.has.includes(key.alg)) throw new TypeError('Unsupported JWK key type');
    return {};
  },
}));

const OCTETS = { 'ML-DSA-44': 1_312, 'ML-DSA-65': 1_952, 'ML-DSA-87': 2_592 };
const base64url = (octets: number, fill: number) => Buffer.alloc(octets, fill).toString('base64url');

describe('an ML-DSA key', () => {
  beforeEach(() => {
    runtime.tried.length = 0;
  });

  it.each([
    ['ML-DSA-44', undefined],
    ['ML-DSA-65', undefined],
    ['ML-DSA-87', 'has the algorithm ML-DSA-87, which this runtime does not have'],
  ] as const)('is usable where the runtime has %s, which is tried once', (alg, reason) => {
    for (const fill of [1, 2, 3]) {
      const jwk = { kty: 'AKP', alg, pub: base64url(OCTETS[alg], fill) };
      expect(parseJwk(jwk).reason).toBe(reason);
      if (reason === undefined) expect(parseJwk(jwk)).toMatchObject({ jwk, algs: new Set([alg]) });
    }
    // With octets of ours: nothing that came from a set is imported to find out.
    expect(runtime.tried).toEqual([{ kty: 'AKP', alg, pub: base64url(OCTETS[alg], 0) }]);
  });
});
