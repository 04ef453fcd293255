import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { TestIssuer } from '../../lib/testing/index.js';
import { redisAvailable, RedisServer } from '../support/redis-server.js';
import { cluster, INTEGRITY_KEY, RedisScene, type Member, ON_REDIS } from './support/redis-scene.js';

/** An attacker's set, under a key of their own. */
async function forger(issuer: TestIssuer) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const [kid] = issuer.kids as [string];
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  return { jwk, token: await issuer.sign({ sub: 'forger' }, { kid, alg: 'ES256', key: privateKey }) };
}

/** Keyv's wrapping of a value, around our text: an HMAC, a dot, and JSON. */
interface Stored {
  readonly value: string;
  readonly expires: number;
}

/** The entry with other members, without a right HMAC. */
function changed({ value, expires }: Stored, members: object): string {
  const [mac, json] = [value.slice(0, value.indexOf('.')), value.slice(value.indexOf('.') + 1)];
  return JSON.stringify({
    expires,
    value: `${mac}.${JSON.stringify({ ...(JSON.parse(json) as object), ...members })}`,
  });
}

const opened = async (scene: RedisScene): Promise<[string, Stored]> => {
  const [entry] = Object.entries(await scene.entries());
  const [name, text] = entry as [string, string];
  return [name, JSON.parse(text) as Stored];
};

async function refuses(member: Member, token: string): Promise<void> {
  await expect(member.verify(token)).rejects.toMatchObject({ code: 'signature_invalid' });
}

describe.runIf(redisAvailable()).concurrent('What stands in Redis', ON_REDIS, () => {
  it('is not believed without a right HMAC, and serves those who ask for none', async () => {
    await using scene = await RedisScene.start();
    await scene.fill();
    const good = await scene.issuer.sign();
    const { jwk, token } = await forger(scene.issuer);
    const [name, entry] = await opened(scene);
    const planted = changed(entry, { fetchedAt: Date.now(), jwks: { keys: [jwk] } });
    const plant = () => scene.redis.run('SET', name, planted);

    await scene.restart(async (member) => {
      await plant();
      await member.verify(good);
      await refuses(member, token);
      expect(member.storeFaults).toContainEqual(expect.objectContaining({ tampered: true, operation: 'get' }));
      expect(member.counters).toMatchObject({ failures: 0 });
    });
    const trusting = async (member: Member) => {
      await plant();
      await member.verify(token);
      expect(member.counters.fetches).toBe(0);
    };
    await scene.restart(trusting, { cache: { integrityKey: false } });
  });

  it('is overwritten where it is wrong', async () => {
    await using scene = await RedisScene.start();
    await scene.fill();
    const [name, entry] = await opened(scene);
    await scene.redis.run('SET', name, changed(entry, { version: 2 }).replace(/[\w-]{43}\./, `${'A'.repeat(43)}.`));
    await scene.fill();
    await scene.issuer.down();
    const token = await scene.issuer.sign();
    await scene.restart(async (member) => {
      await member.verify(token);
      expect(member.counters).toMatchObject({ fetches: 0, storeFailures: 0 });
    });
  });

  it.each<[string, string | false, string]>([
    ['with an HMAC of the same secret', INTEGRITY_KEY, 'The HMAC of the entry is missing or wrong'],
    ['without any', false, 'The entry belongs to another issuer'],
  ])('does not accept a valid entry of another issuer %s', async (_, integrityKey, reason) => {
    await using scene = await RedisScene.start();
    await using other = await TestIssuer.start({ audience: 'orders-api' });
    const cache = { integrityKey };
    await scene.fill({ cache });
    const [name] = await opened(scene);
    await scene.redis.run('FLUSHALL');
    const [kid] = scene.issuer.kids;
    await other.rotate({ ...(kid && { kid }), keep: false });
    await scene.fill({ ...other.options(), jwksUri: other.jwksUri, cache });
    const [othersName, others] = await opened(scene);
    expect(othersName).not.toBe(name);

    const [ours, theirs] = [await scene.issuer.sign(), await other.sign({ iss: scene.issuer.issuer })];
    const asksOurs = async (member: Member) => {
      await scene.redis.run('SET', name, JSON.stringify(others));
      await member.verify(ours);
      await refuses(member, theirs);
      expect(member.storeFaults).toContainEqual(expect.objectContaining({ reason }));
    };
    await scene.restart(asksOurs, { cache });
  });

  it('is found by its owner alone, whatever the names of issuers, places and kids', async () => {
    await using scene = await RedisScene.start();
    const kids = ['k', 'a:b', '","', '__proto__', '*'];
    const [ours, theirs] = [scene.issuer, await TestIssuer.start({ audience: 'orders-api' })];
    for (const kid of kids) for (const issuer of [ours, theirs]) await issuer.rotate({ kid });
    // Joined by whatever delimiter, some of these are the same text.
    const tenants = [
      { issuer: 'https://id/', jwksUri: `${ours.jwksUri}?a:b`, by: ours },
      { issuer: `https://id/:${ours.jwksUri}?a`, jwksUri: theirs.jwksUri, by: theirs },
      { issuer: 'https://id/', jwksUri: `${theirs.jwksUri}?a:b`, by: theirs },
      { issuer: 'https://id/"],["', jwksUri: ours.jwksUri, by: ours },
      { issuer: 'https://id/', jwksUri: `${theirs.jwksUri}?"],["`, by: theirs },
    ];
    for (const { issuer, jwksUri } of tenants) await scene.fill({ issuer, jwksUri });
    expect(Object.keys(await scene.entries())).toHaveLength(tenants.length);

    for (const { issuer, jwksUri, by } of tenants) {
      const other = by === ours ? theirs : ours;
      const fromRedis = async (member: Member) => {
        for (const kid of kids) await member.verify(await by.sign({ iss: issuer }, { kid }));
        expect(member.counters.fetches).toBe(0);
        for (const kid of kids) await refuses(member, await other.sign({ iss: issuer }, { kid }));
      };
      await scene.restart(fromRedis, { issuer, jwksUri });
    }
    await theirs.close();
  });

  it('holds public keys and times, and nothing of a token, of a private key, of the secret', async () => {
    await using scene = await RedisScene.start();
    const { issuer } = scene;
    const token = await issuer.sign({ sub: 'alice@example.com' });
    const stray = await generateKeyPair('ES256', { extractable: true });
    const secret = await exportJWK(stray.privateKey);
    const keys = [...issuer.jwks.keys, { ...secret, kid: 'leaked' }, { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' }];
    await issuer.garbage({ keys: keys.map((key) => ({ ...key, note: 'internal' })), contact: 'admin@example.com' });
    const member = await scene.fill();
    await member.verify(token);
    await expect(member.verify(await issuer.sign({}, { header: { kid: 'invented' } }))).rejects.toThrow();

    const all = Object.entries(await scene.redis.dump())
      .flat()
      .join('\n');
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const unwanted = [header, payload, signature, 'alice', 'invented', secret.d as string, 'c2VjcmV0', '"d"', '"k"'];
    for (const text of [...unwanted, 'leaked', 'shared', 'internal', 'admin@', INTEGRITY_KEY]) {
      expect(all).not.toContain(text);
    }
    const [, { value }] = await opened(scene);
    const { jwks } = JSON.parse(value.slice(value.indexOf('.') + 1)) as { jwks: unknown };
    expect(jwks).toEqual({ keys: [{ ...issuer.jwks.keys[0] }] });
  });

  it('may be a Redis Cluster', async () => {
    await using scene = await RedisScene.start(cluster, () => RedisServer.startCluster());
    await scene.fill();
    const token = await scene.issuer.sign();
    await scene.issuer.down();
    await scene.restart(async (member) => {
      await member.verify(token);
      expect(member.counters).toMatchObject({ fetches: 0 });
    });
  });
});
