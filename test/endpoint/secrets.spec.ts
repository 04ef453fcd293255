import { createPrivateKey, KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { exportJWK, exportPKCS8, generateKeyPair, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  encryptedKeyRingStore,
  memoryKeyRingStore,
  type JwksEndpointOptions,
  type JwksKeyRingEvent,
  type PublishableKey,
} from '../../lib/endpoint/index.js';
import { resolveEndpointOptions } from '../../lib/endpoint/resolve-endpoint-options.js';
import { encryptionKey, Publishing } from './support/endpoint.js';

const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'PS256'];
const PUBLIC = ['kty', 'kid', 'use', 'key_ops', 'alg', 'crv', 'x', 'y', 'n', 'e', 'pub'];
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

interface Pair {
  readonly jwk: JWK;
  readonly pem: string;
  readonly keyObject: KeyObject;
}

const pairs: Pair[] = [];
beforeAll(async () => {
  for (const alg of ALGORITHMS) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    const pem = await exportPKCS8(privateKey);
    pairs.push({ jwk: await exportJWK(privateKey), pem, keyObject: createPrivateKey(pem) });
  }
});

/** Everything in a text that would give a private key away. */
function secretsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return PRIVATE.map((name) => (value as Record<string, unknown>)[name]).filter(
    (member): member is string => typeof member === 'string' && member.length >= 16,
  );
}

function leaksIn(text: string, secrets: readonly string[]): string[] {
  return [...secrets, 'PRIVATE KEY'].filter((secret) => text.includes(secret));
}

/** A key in one of the forms that an application may have it in, and in some that it should not. */
const shapes: readonly ((pair: Pair, secret: string) => unknown)[] = [
  ({ jwk }) => jwk,
  ({ pem }) => pem,
  ({ keyObject }) => keyObject,
  ({ jwk }) => ({ ...jwk, key_ops: ['sign'], ext: true, use: 'sig' }),
  ({ jwk }, secret) => ({ ...jwk, priv: secret, oth: [{ d: secret }], backup: { d: secret }, D: secret }),
  ({ jwk }, secret) => ({ ...jwk, kid: { toString: () => secret, toJSON: () => secret } }),
  ({ jwk }, secret) => ({ ...jwk, toJSON: () => ({ ...jwk, d: secret }) }),
  ({ jwk }, secret) => Object.assign(Object.create({ d: secret, k: secret }) as object, jwk),
  ({ jwk }) => Object.create(jwk) as object,
  ({ jwk }) => new Proxy(jwk, {}),
  ({ jwk }, secret) => new Proxy(jwk, { ownKeys: () => [secret], has: () => true }),
  ({ jwk }, secret) => ({
    ...jwk,
    get n() {
      throw new Error(secret);
    },
  }),
  ({ jwk }) => ({
    ...jwk,
    get x() {
      return jwk.d;
    },
  }),
  ({ jwk }) => [jwk],
  ({ jwk }) => JSON.stringify(jwk),
  ({ jwk }) => new Map(Object.entries(jwk)),
  ({ jwk }, secret) => ({ ...jwk, kty: 'oct', k: secret }),
  (_, secret) => ({ kty: 'oct', k: secret }),
  ({ jwk }) => ({ ...jwk, kty: jwk.kty === 'RSA' ? 'EC' : 'RSA' }),
  ({ jwk }) => ({ ...jwk, alg: jwk.d, crv: jwk.d }),
  ({ jwk }) => ({ ...jwk, kid: `key-${jwk.d}` }),
  ({ jwk }) => ({ ...jwk, use: jwk.d }),
];

describe('private material', () => {
  it('I14: is in no published set and in no error, whatever is given for a key', async () => {
    const given = fc.tuple(fc.nat(ALGORITHMS.length - 1), fc.nat(shapes.length - 1), fc.stringMatching(/^[\w-]{43}$/));
    await fc.assert(
      fc.asyncProperty(given, fc.boolean(), async ([pairIndex, shapeIndex, secret], isFunction) => {
        const pair = pairs[pairIndex] as Pair;
        const key = shapes[shapeIndex]?.(pair, secret) as PublishableKey;
        const options: JwksEndpointOptions = { keys: isFunction ? async () => [key] : [key] };
        const lines: string[] = [];
        const text = await Publishing.start(options).then(
          async (publishing) => {
            const { body, headers } = await publishing.get();
            lines.push(...publishing.lines);
            const { keys = [] } = JSON.parse(body.toString()) as { keys?: object[] };
            for (const each of keys) expect(PUBLIC).toEqual(expect.arrayContaining(Object.keys(each)));
            return `${body.toString()} ${JSON.stringify(headers)}`;
          },
          (error: unknown) => inspect(error, { depth: 8 }),
        );
        // What stands where a public member belongs is public: kid, alg and crv are what the
        // application says they are.
        expect(leaksIn(`${text} ${lines.join(' ')}`, [...secretsOf(pair.jwk), secret].filter(Boolean))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('of a ring is in no answer, event, status, log line, error or encrypted entry, and in nothing that inspect shows', async () => {
    for (const algorithm of ALGORITHMS) {
      const inner = memoryKeyRingStore();
      const store = encryptedKeyRingStore(inner, { encryptionKey: encryptionKey() });
      const publishing = await Publishing.start({ keys: { algorithm, store } });
      const events: JwksKeyRingEvent[] = [];
      const listening = publishing.ring.events$.subscribe((event) => events.push(event));
      await publishing.ring.rotate();
      await publishing.clock.pass('10m');
      const { keys } = JSON.parse((await store.read())?.value ?? '') as { keys: { jwk: JWK }[] };
      const secrets = keys.flatMap(({ jwk }) => secretsOf(jwk));
      expect(secrets.length).toBeGreaterThan(1);
      const token = await publishing.signer.sign({});
      await publishing.ring.revoke(publishing.current ?? '');
      listening.unsubscribe();
      const answers = [await publishing.get(), await publishing.metadata()];
      const shown = [
        ...answers.map(({ body, headers }) => body.toString() + JSON.stringify(headers)),
        JSON.stringify(await inner.read()),
        JSON.stringify([events, publishing.ring.status(), publishing.lines, publishing.ring, publishing.signer]),
        inspect([publishing, publishing.ring, publishing.signer, store, inner, publishing.ring.source()], {
          depth: 20,
          showHidden: true,
        }),
        token,
      ];
      expect(leaksIn(shown.join('\n'), secrets), algorithm).toEqual([]);
      expect(events.length).toBeGreaterThan(2);
    }
  });

  it('is not in what a damaged entry makes of the start', async () => {
    const { jwk } = pairs[0] as Pair;
    for (const value of [
      JSON.stringify({ format: 1, keys: [{ jwk }], revoked: [] }),
      JSON.stringify(jwk),
      `"${jwk.d}`,
    ]) {
      const store = memoryKeyRingStore();
      await store.write(value, undefined);
      const error: unknown = await Publishing.start({ keys: { store } }).catch((fault: unknown) => fault);
      expect(error).toMatchObject({ option: 'keys.store' });
      expect(leaksIn(inspect(error, { depth: 8 }), secretsOf(jwk))).toEqual([]);
    }
  });

  it('is not in the settings of fixed keys', () => {
    const settings = resolveEndpointOptions({ keys: pairs.map(({ jwk }) => jwk) });
    expect(
      leaksIn(
        inspect(settings, { depth: 8 }),
        pairs.flatMap(({ jwk }) => secretsOf(jwk)),
      ),
    ).toEqual([]);
  });
});
