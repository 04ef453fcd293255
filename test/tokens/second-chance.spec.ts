import { describe, expect, it } from 'vitest';
import { JwkSetCache, type JwkSetCacheSettings } from '../../lib/cache/jwk-set-cache.js';
import { InvalidSignatureError, JwksConnectionError } from '../../lib/core/errors.js';
import { JwksEvents } from '../../lib/core/events.js';
import type { JwkSet, KeySelector } from '../../lib/keys/jwk-set.js';
import type { SigningKey } from '../../lib/keys/signing-key.js';
import { TokenVerifier } from '../../lib/tokens/token-verifier.js';
import { signToken, testKey, type TestKey } from '../support/keys.js';
import { ManualClock } from '../support/manual-clock.js';
import { countSignatureChecks } from '../support/signature-checks.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { StaticKeyLookup } from '../support/static-key-lookup.js';
import { CLAIMS, RULES, setOf, verifierOf, parseToken } from './verification.js';

const throwing = (fault: unknown): never => {
  throw fault;
};

/** Two keys that an issuer might publish under one kid, one after the other. */
async function materials(): Promise<[before: TestKey, after: TestKey]> {
  const [before, after] = await Promise.all([testKey('ES256', 'before'), testKey('ES256', 'after')]);
  const named = (key: TestKey): TestKey => ({ ...key, kid: 'k', jwk: { ...key.jwk, kid: 'k' } });
  return [named(before), named(after)];
}

/** A verifier over a real cache, whose source does as it is told. */
function rig(settings: Partial<JwkSetCacheSettings> = {}) {
  const clock = new ManualClock();
  const source = new ScriptedSource(clock);
  const cache = new JwkSetCache(
    {
      ttl: 600_000,
      minTtl: 60_000,
      maxTtl: 3_600_000,
      respectHeaders: true,
      refreshAhead: 0.8,
      staleIfError: 86_400_000,
      deadline: 10_000,
      enabled: true,
      refetchLimit: { burst: 3, every: 30_000 },
      waitsForNextAttempt: true,
      ...settings,
    },
    { source, clock, events: new JwksEvents(), random: () => 1 },
  );
  const verifier = new TokenVerifier(cache, clock);
  return { clock, source, verify: async (token: string) => verifier.verify(token, parseToken(token), RULES) };
}

describe('a bad signature', () => {
  it('asks once for newer keys, saying which set it has seen, and fails where they are the same', async () => {
    const [before, after] = await materials();
    const { keys, verify } = verifierOf(setOf(before));
    const held = keys.current();
    await expect(verify(await signToken(after, CLAIMS))).rejects.toBeInstanceOf(InvalidSignatureError);
    expect(keys.refreshes).toEqual([{ seen: held, trigger: 'bad-signature' }]);
    expect(keys.refreshes[0]?.seen).toBe(held);
  });

  it('costs one verification where the newer keys are the same', async () => {
    const [before, after] = await materials();
    const { verify } = verifierOf(setOf(before));
    const forged = await signToken(after, CLAIMS);
    const checks = countSignatureChecks();
    await expect(verify(forged)).rejects.toBeInstanceOf(InvalidSignatureError);
    expect(checks()).toBe(1);
  });

  it('is tried once more under new material of the same kid', async () => {
    const [before, after] = await materials();
    const { keys, verify } = verifierOf(setOf(before));
    keys.next = setOf(after);
    const { key } = await verify(await signToken(after, CLAIMS));
    expect(key.jwk.x).toBe(after.jwk.x);
    expect(keys.refreshes).toHaveLength(1);
  });

  it('is tried once more only: new material that does not fit either ends it', async () => {
    const [before, after] = await materials();
    const stranger = { ...(await testKey('ES256', 'stranger')), kid: 'k' };
    const { keys, verify } = verifierOf(setOf(before));
    keys.next = setOf(after);
    await expect(verify(await signToken(stranger, CLAIMS))).rejects.toBeInstanceOf(InvalidSignatureError);
    expect(keys.refreshes).toHaveLength(1);
  });

  it('is a bad signature still where the kid is gone from the newer keys', async () => {
    const [before, after] = await materials();
    const { keys, verify } = verifierOf(setOf(before));
    keys.next = setOf(await testKey('ES256', 'another'));
    await expect(verify(await signToken(after, CLAIMS))).rejects.toBeInstanceOf(InvalidSignatureError);
  });

  it('asks for nothing where the set was replaced while the signature was being verified', async () => {
    const [before, after] = await materials();
    class Replaced extends StaticKeyLookup {
      override find(selector: KeySelector): SigningKey | Promise<SigningKey> {
        const found = super.find(selector);
        this.current = () => replaced;
        return found;
      }
    }
    const replaced = setOf(after);
    const keys = new Replaced(setOf(before));
    const { key } = await verifierOf(keys).verify(await signToken(after, CLAIMS));
    expect(key).toBe(replaced.get('k'));
    expect(keys.refreshes).toEqual([]);
  });

  it('passes on a fault that is not the token\u2019s', async () => {
    const [before, after] = await materials();
    const { keys, verify } = verifierOf(setOf(before));
    const fault = new JwksConnectionError('closed');
    keys.refresh = async () => {
      throw fault;
    };
    await expect(verify(await signToken(after, CLAIMS))).rejects.toBe(fault);
    const closed = Object.create(setOf(after).get('k') as SigningKey, {
      toKeyObject: { value: () => throwing(fault) },
    }) as SigningKey;
    keys.refresh = async () => Object.create(setOf(after), { select: { value: () => closed } }) as JwkSet;
    await expect(verify(await signToken(after, CLAIMS))).rejects.toBe(fault);
  });
});

describe('over a real cache', () => {
  it('a key rotated under its old kid is accepted on its first use, by two loads in all', async () => {
    const [before, after] = await materials();
    const { source, verify } = rig();
    source.publishes([before]);
    await verify(await signToken(before, CLAIMS));
    source.publishes([after]);
    const rotated = await signToken(after, CLAIMS);
    const verified = await Promise.all(Array.from({ length: 100 }, () => verify(rotated)));
    expect(verified.every(({ key }) => key.jwk.x === after.jwk.x)).toBe(true);
    expect(source.loads).toBe(2);
    expect(source.requests[1]?.reload).toBe(true);
    await expect(verify(await signToken(before, CLAIMS))).rejects.toBeInstanceOf(InvalidSignatureError);
  });

  it('a flood of bad signatures causes no more loads than the budget has, and good tokens pass all the while', async () => {
    const [key, other] = await materials();
    const { clock, source, verify } = rig();
    source.publishes([key]);
    const [good, bad] = await Promise.all([signToken(key, CLAIMS), signToken(other, CLAIMS)]);
    await verify(good);
    for (let wave = 0; wave < 10; wave += 1) {
      const outcomes = await Promise.allSettled([good, ...Array<string>(50).fill(bad)].map(verify));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes.slice(1)) expect(outcome).toMatchObject({ reason: { code: 'signature_invalid' } });
    }
    const { loads } = source;
    expect(loads).toBeLessThanOrEqual(1 + 3);
    await clock.pass('31s');
    await expect(verify(bad)).rejects.toBeInstanceOf(InvalidSignatureError);
    expect(source.loads).toBe(loads + 1);
  });

  it('a bad signature is no outage while the source is down', async () => {
    const [key, other] = await materials();
    const { source, verify } = rig();
    source.publishes([key]);
    await verify(await signToken(key, CLAIMS));
    source.fails();
    await expect(verify(await signToken(other, CLAIMS))).rejects.toBeInstanceOf(InvalidSignatureError);
    expect((await verify(await signToken(key, CLAIMS))).claims).toEqual(CLAIMS);
  });

  it('where nothing is kept, a bad signature costs the one load that its key took', async () => {
    const [key, other] = await materials();
    const { source, verify } = rig({ enabled: false });
    source.publishes([key]);
    await expect(verify(await signToken(other, CLAIMS))).rejects.toBeInstanceOf(InvalidSignatureError);
    expect(source.loads).toBe(1);
  });

  it('a source that is down before the first set is an outage, for good tokens and bad ones', async () => {
    const [key, other] = await materials();
    const { source, verify } = rig();
    source.fails(new JwksConnectionError('connect ECONNREFUSED', { retryable: false }));
    const [good, bad] = [await signToken(key, CLAIMS), await signToken(other, CLAIMS)];
    const faults = [verify(good), verify(bad)].map((verified) =>
      expect(verified).rejects.toBeInstanceOf(JwksConnectionError),
    );
    await Promise.all(faults);
  });
});
