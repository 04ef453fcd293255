import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify, type CryptoKey, type JWK } from 'jose';
import { JwksClient as JwksRsa } from 'jwks-rsa';
import { createPublicKey } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JwksClient } from '../../lib/index.js';
import { JwksEndpointModule, JwksKeyRing, JwksSigner } from '../../lib/endpoint/index.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';

const MINUTE = 60_000;
const AUDIENCE = 'orders-api';
const ISSUER = 'https://billing.internal';

interface Consumer {
  readonly name: string;
  verify(token: string): Promise<unknown>;
  close?(): Promise<void>;
}

/** Each as its documentation begins, with the caches that it has by default. */
function consumersOf(jwksUri: string): Consumer[] {
  const rules = { issuer: ISSUER, audience: AUDIENCE };
  const remote = createRemoteJWKSet(new URL(jwksUri));
  const rsa = new JwksRsa({ jwksUri });
  const fetcher = { fetch: async (uri: string) => (await fetch(uri)).arrayBuffer() };
  const aws = JwtVerifier.create({ ...rules, jwksUri }, { jwksCache: new SimpleJwksCache({ fetcher }) });
  const ours = new JwksClient({ ...rules, jwksUri });
  const py = new PyJwkClient(jwksUri);
  return [
    { name: 'jose', verify: (token) => jwtVerify(token, remote, rules) },
    {
      name: 'jwks-rsa',
      verify: async (token) => {
        const key = await rsa.getSigningKey(decodeProtectedHeader(token).kid);
        return jwtVerify(token, createPublicKey(key.getPublicKey()), rules);
      },
    },
    { name: 'aws-jwt-verify', verify: (token) => aws.verify(token) },
    { name: 'PyJWT', verify: async (token) => jwtVerify(token, await py.keyOf(token), rules) },
    { name: 'nestjs-jwks', verify: (token) => ours.verify(token), close: () => ours.close() },
  ];
}

/** The rules of PyJWT's `PyJWKClient`: the set for 300 s; one refetch for a kid that it lacks. */
class PyJwkClient {
  private held: { readonly keys: readonly JWK[]; readonly until: number } | undefined;

  constructor(private readonly uri: string) {}

  async keyOf(token: string): Promise<CryptoKey> {
    const { kid, alg } = decodeProtectedHeader(token);
    const find = (keys: readonly JWK[]) => keys.find((key) => key.kid === kid);
    const key = find(await this.keys(false)) ?? find(await this.keys(true));
    if (!key) throw new Error('Unable to find a signing key');
    return (await importJWK(key, alg)) as CryptoKey;
  }

  private async keys(refresh: boolean): Promise<readonly JWK[]> {
    if (this.held && Date.now() < this.held.until && !refresh) return this.held.keys;
    const { keys } = (await (await fetch(this.uri)).json()) as { keys: JWK[] };
    this.held = { keys, until: Date.now() + 300_000 };
    return keys;
  }
}

/** Only the clocks are false: what is sent over HTTP takes its real time. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function start() {
  const [, makeAdapter] = ADAPTERS[0];
  // ES256 is what all of them verify.
  const module = JwksEndpointModule.forRoot({
    issuer: ISSUER,
    keys: { rotateEvery: '30d', keepFor: '2h' },
    maxAge: '10m',
  });
  const api = await Api.start(makeAdapter, { imports: [module] });
  const consumers = consumersOf(`${await api.app.getUrl()}/.well-known/jwks.json`);
  const sign = () => api.app.get(JwksSigner).sign({ sub: 'worker' }, { audience: AUDIENCE, expiresIn: '1h' });
  const close = async () => {
    for (const consumer of consumers) await consumer.close?.();
    await api[Symbol.asyncDispose]();
  };
  return { ring: api.app.get(JwksKeyRing), consumers, sign, [Symbol.asyncDispose]: close };
}

async function refusals(consumers: readonly Consumer[], token: string): Promise<string[]> {
  const outcomes = await Promise.all(
    consumers.map(({ name, verify }) =>
      verify(token).then(
        () => [],
        (error: unknown) => [`${name}: ${String(error)}`],
      ),
    ),
  );
  return outcomes.flat();
}

describe('consumers with their default caches', () => {
  it('reject no good token through 20 rotations under traffic', async () => {
    await using scene = await start();
    const { ring, consumers, sign } = scene;
    const tokens: string[] = [];
    const refused: string[] = [];
    const kids = new Set<string | undefined>();
    const minute = async () => {
      const token = await sign();
      tokens.push(token);
      kids.add(decodeProtectedHeader(token).kid);
      // One that was just signed, and the oldest that is good for some seconds more.
      for (const each of [token, tokens.at(-60) ?? token]) refused.push(...(await refusals(consumers, each)));
      vi.advanceTimersByTime(MINUTE - 500);
    };
    for (let rotation = 0; rotation < 20; rotation += 1) {
      await ring.rotate();
      for (let passed = 0; passed < 12; passed += 1) await minute();
    }
    expect(refused).toEqual([]);
    expect(kids.size).toBe(21);
  });

  it('reject no good token through rotations that come by themselves', async () => {
    await using scene = await start();
    const { consumers, sign } = scene;
    const refused: string[] = [];
    const kids = new Set<string | undefined>();
    for (let day = 0; day < 70; day += 1) {
      const token = await sign();
      kids.add(decodeProtectedHeader(token).kid);
      refused.push(...(await refusals(consumers, token)));
      vi.advanceTimersByTime(24 * 60 * MINUTE);
    }
    expect(refused).toEqual([]);
    expect(kids.size).toBe(3);
  });

  it('reject a token of a revoked key within maxAge, where their caches end at all', async () => {
    await using scene = await start();
    const { ring, consumers, sign } = scene;
    const token = await sign();
    expect(await refusals(consumers, token)).toEqual([]);
    await ring.revoke(decodeProtectedHeader(token).kid ?? '');
    // jose asks again for a kid that it lacks after half a minute.
    vi.advanceTimersByTime(MINUTE);
    expect(await refusals(consumers, await sign())).toEqual([]);
    vi.advanceTimersByTime(9 * MINUTE);
    // jwks-rsa keeps a key for ten hours and aws-jwt-verify until it is restarted, whatever the
    // headers say.
    const heedful = consumers.filter(({ name }) => !['jwks-rsa', 'aws-jwt-verify'].includes(name));
    expect(await refusals(heedful, token)).toHaveLength(heedful.length);
  });
});
