import { Controller, Get } from '@nestjs/common';
import {
  Authenticated,
  JwksModule,
  JwksService,
  type JwksModuleOptions,
  type JwksSharedOptions,
} from '../../../lib/index.js';
import { TestIssuer } from '../../../lib/testing/index.js';
import { ADAPTERS, Api, type Answer } from './api.js';

@Controller('orders')
@Authenticated()
class OrdersController {
  @Get()
  list() {
    return [];
  }
}

const [, makeAdapter] = ADAPTERS[0];

export interface SiteOptions extends JwksSharedOptions {
  readonly failover?: readonly string[];
}

/** An issuer, and a Nest application that trusts it. */
export class Site implements AsyncDisposable {
  private constructor(
    readonly issuer: TestIssuer,
    private readonly api: Api,
  ) {}

  /** `prepare`: what befalls the issuer before the application starts. */
  static async start(options: SiteOptions = {}, prepare?: (issuer: TestIssuer) => Promise<unknown>): Promise<Site> {
    const issuer = await TestIssuer.start({ audience: 'orders-api' });
    await prepare?.(issuer);
    const { jwksUri } = issuer;
    const all: JwksModuleOptions = { ...issuer.options(), jwksUri, prefetch: false, ...options } as JwksModuleOptions;
    const metadata = { imports: [JwksModule.forRoot(all)], controllers: [OrdersController] };
    return new Site(issuer, await Api.start(makeAdapter, metadata));
  }

  get jwks(): JwksService {
    return this.api.app.get(JwksService);
  }

  get counters() {
    return this.jwks.client().status().counters;
  }

  call(token: string): Promise<Answer> {
    return this.api.call('/orders', { token });
  }

  /** Rejects unless the answer is 200. */
  async pass(token: string): Promise<void> {
    const { status, body } = await this.call(token);
    if (status !== 200) throw new Error(`Answered with ${status}: ${JSON.stringify(body)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    await this.issuer.close();
  }
}
