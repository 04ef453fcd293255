import { TestIssuer } from 'nestjs-jwks/testing';
import { Balancer } from './balancer.js';
import { ApiProcess, RedisProcess } from './processes.js';

export const SIZE = 4;
/** Seconds that a set is fresh. */
export const TTL = 4;

/** An identity provider, a Redis, and API processes behind one port. */
export class Fleet {
  private constructor(
    readonly issuer: TestIssuer,
    readonly redis: RedisProcess,
    private readonly balancer: Balancer,
  ) {}

  static async start(): Promise<Fleet> {
    const issuer = await TestIssuer.start({ audience: 'orders-api' });
    const fleet = new Fleet(issuer, await RedisProcess.start(), new Balancer());
    await fleet.grow(SIZE);
    return fleet;
  }

  /** Returns the URL of all. */
  listen(): Promise<string> {
    return this.balancer.listen();
  }

  /** Kills API processes, and starts others in their place. */
  async replace(count: number): Promise<void> {
    const { balancer } = this;
    await Promise.all(balancer.apis.slice(0, count).map((api) => api.kill()));
    balancer.apis = balancer.apis.slice(count);
    await this.grow(count);
  }

  async stop(): Promise<void> {
    this.balancer.close();
    await Promise.all(this.balancer.apis.map((api) => api.kill()));
    await this.redis.kill();
    await this.issuer.close();
  }

  private async grow(count: number): Promise<void> {
    const env = {
      OIDC_ISSUER: this.issuer.issuer,
      REDIS_URL: this.redis.url,
      JWKS_INTEGRITY_KEY: 'a secret of this fleet',
      JWKS_TTL: `${TTL}s`,
    };
    const started = await Promise.all(Array.from({ length: count }, () => ApiProcess.start(env)));
    this.balancer.apis = [...this.balancer.apis, ...started];
  }
}
