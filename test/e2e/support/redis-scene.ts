import { setTimeout as pause } from 'node:timers/promises';
import KeyvRedis, { createKeyv, Keyv } from '@keyv/redis';
import { createCache, type Cache } from 'cache-manager';
import { expect, vi } from 'vitest';
import { JwksClient, type JwksClientOptions, type JwksEvent } from '../../../lib/index.js';
import { TestIssuer } from '../../../lib/testing/index.js';
import { RedisServer } from '../../support/redis-server.js';

export const INTEGRITY_KEY = 'known to this fleet alone';

/**
 * Of tests on a real Redis that a busy machine may keep from answering within the 250 ms that a store
 * is given: CI tries such a test once more, and its output says so.
 */
export const ON_REDIS = { timeout: 30_000, retry: process.env['CI'] ? 1 : 0 };

export type Connect = (url: string) => Keyv;

/** As the README has it. */
export const recipe: Connect = (url) => createKeyv({ url, disableOfflineQueue: true });

/** The same for a cluster. */
export const cluster: Connect = (url) =>
  new Keyv(new KeyvRedis({ rootNodes: [{ url }], defaults: { disableOfflineQueue: true } }));

/** An issuer, a Redis, and the processes that use both. */
export class RedisScene implements AsyncDisposable {
  private readonly ends: (() => unknown)[] = [];

  private constructor(
    readonly redis: RedisServer,
    readonly issuer: TestIssuer,
    private readonly connect: Connect,
  ) {}

  static async start(connect = recipe, startRedis = () => RedisServer.start()): Promise<RedisScene> {
    const [redis, issuer] = await Promise.all([startRedis(), TestIssuer.start({ audience: 'orders-api' })]);
    return new RedisScene(redis, issuer, connect);
  }

  /** A connection like that of one more process. */
  store(): Cache {
    const keyv = this.connect(this.redis.url);
    this.ends.push(() => keyv.store instanceof KeyvRedis && keyv.store.disconnect(true));
    return createCache({ stores: [keyv] });
  }

  /** One more process. */
  start({ cache, ...options }: Partial<JwksClientOptions> = {}): Member {
    const { issuer } = this;
    const shared = { store: this.store(), integrityKey: INTEGRITY_KEY, ...cache };
    const client = new JwksClient({ ...issuer.options(), jwksUri: issuer.jwksUri, ...options, cache: shared });
    this.ends.push(() => client.close());
    return new Member(client);
  }

  /**
   * One more process, whose connection is up: on a busy machine that may take longer than the store
   * is given.
   */
  async connected(options: Partial<JwksClientOptions> = {}): Promise<Member> {
    const store = this.store();
    await store.get('anything');
    return this.start({ ...options, cache: { ...options.cache, store } });
  }

  /** One more process, that has stored its set. */
  async fill(options?: Partial<JwksClientOptions>): Promise<Member> {
    const member = await this.connected(options);
    const before = await this.entries();
    const stored = async () => {
      await member.client.getJwkSet({ refresh: true });
      expect(await this.entries()).not.toEqual(before);
    };
    await vi.waitFor(stored, { timeout: 20_000, interval: 200 });
    return member;
  }

  /**
   * Starts one more process, and another one where it did not show this: a busy machine may be
   * slower than the store is given time.
   */
  async restart(shows: (member: Member) => Promise<void>, options?: Partial<JwksClientOptions>): Promise<void> {
    await vi.waitFor(async () => shows(await this.connected(options)), { timeout: 20_000, interval: 200 });
  }

  /** What is stored by name; claims are left out. */
  async entries(): Promise<Record<string, string>> {
    const all = Object.entries(await this.redis.dump());
    return Object.fromEntries(all.filter(([name]) => !name.endsWith(':claim')));
  }

  /**
   * Puts this under the name of every entry, again and again: those who have a set overwrite it.
   */
  async plant(value: string): Promise<void> {
    await this.plantBy(async (name) => this.redis.run('SET', name, value));
  }

  /** The same with a value that Redis does not read as text. */
  async plantList(): Promise<void> {
    const script = "redis.call('DEL', KEYS[1]); return redis.call('LPUSH', KEYS[1], 'junk')";
    await this.plantBy(async (name) => this.redis.run('EVAL', script, '1', name));
  }

  private async plantBy(put: (name: string) => Promise<unknown>): Promise<void> {
    const names = Object.keys(await this.entries());
    for (let round = 0; round < 20; round += 1) {
      for (const name of names) await put(name);
      await pause(25);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.ends.reverse()) await end();
    await this.issuer.close();
    await this.redis[Symbol.asyncDispose]();
  }
}

/** A process of the fleet, as far as one process can play several. */
export class Member {
  private readonly events: (JwksEvent & { at: number })[] = [];

  constructor(readonly client: JwksClient) {
    client.events$.subscribe((event) => this.events.push({ ...event, at: performance.now() }));
  }

  /** When such events came, in milliseconds from some moment on. */
  heard(type: JwksEvent['type']): number[] {
    return this.events.filter((event) => event.type === type).map(({ at }) => at);
  }

  get counters() {
    return this.client.status().counters;
  }

  get storeFaults() {
    return this.events.filter((event) => event.type === 'store.failed');
  }

  verify(token: string): Promise<unknown> {
    return this.client.verify(token);
  }
}
