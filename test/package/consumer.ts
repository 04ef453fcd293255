// The public surface as a stranger uses it, for the type checker alone: the smoke test of the
// package compiles this file in an empty project.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  AccessToken,
  Authenticated,
  Claims,
  isJwksError,
  JWKS_MODULE_OPTIONS,
  JwksAuthGuard,
  JwksClient,
  JwkSet,
  JwksModule,
  JwksService,
  Public,
  withUpgradeRequest,
  type AuthenticatedOptions,
  type JwksEvent,
  type JwksModuleOptions,
  type JwksOptionsFactory,
  type JwksStatus,
  type SigningKey,
  type VerifiedToken,
} from 'nestjs-jwks';
import type { JwkSetSource } from 'nestjs-jwks/source';
import {
  encryptedKeyRingStore,
  fileKeyRingStore,
  JwksEndpointModule,
  JwksKeyRing,
  JwksSigner,
  memoryKeyRingStore,
  redisKeyRingStore,
  type JwksEndpointOptions,
  type JwksEndpointOptionsFactory,
  type JwksKeyRingEvent,
  type KeyRingStore,
} from 'nestjs-jwks/endpoint';
import {
  mcpAuthInfo,
  ProtectedResourceModule,
  type McpAuthInfo,
  type ProtectedResourceOptions,
  type ProtectedResourceOptionsFactory,
} from 'nestjs-jwks/resource-metadata';
import { assertKeyRingStore, provideTestIssuer, TestIssuer, type SignOptions } from 'nestjs-jwks/testing';
import type { Observable } from 'rxjs';

interface OrderClaims {
  sub: string;
  tenant: string;
}

const issuer = 'https://id.example.com/';
const audience = 'orders-api';

const schema: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } };

class Contact {
  email!: string;
}

@Injectable()
export class Trust implements JwksOptionsFactory {
  createJwksOptions(): JwksModuleOptions {
    return { issuer, audience, cache: { ttl: '5m', store: false }, refetchLimit: { burst: 1, every: 1000 } };
  }
}

@Injectable()
export class CookieGuard extends JwksAuthGuard {
  protected override getOptions(context: ExecutionContext): AuthenticatedOptions | undefined {
    return { ...super.getOptions(context), scopes: ['a'] };
  }
}

@Controller('orders')
@Authenticated({ scopes: ['orders:read'], claims: { tenant: (value) => value === 'acme' }, audience: [audience] })
export class OrdersController {
  constructor(private readonly jwks: JwksService) {}

  @Get(':id')
  one(@Param('id', ParseIntPipe) id: number, @Claims() claims: OrderClaims, @AccessToken() token: string): string {
    return `${id} ${claims.tenant} ${token}`;
  }

  @Get('quota')
  @UseGuards(CookieGuard)
  quota(
    @Claims('quota', ParseIntPipe) quota: number,
    @Claims('realm.limit', new ParseIntPipe()) limit: number,
  ): number {
    return quota + limit;
  }

  @Get('typed')
  typed(@Claims(schema) claims: OrderClaims, @Claims('tenant', schema, ParseIntPipe) tenant: number): string {
    return `${claims.tenant} ${tenant}`;
  }

  @Get('class')
  class(@Claims(Contact) contact: Contact): string {
    return contact.email;
  }

  @Public()
  @Get('health')
  health(): JwksStatus[] {
    return this.jwks.status();
  }

  async verify(token: string): Promise<string> {
    const verified: VerifiedToken<OrderClaims> = await this.jwks.verify<OrderClaims>(token, { audience: false });
    return `${verified.claims.tenant} ${verified.header.alg} ${verified.issuer ?? ''} ${verified.key.toPem()}`;
  }

  async keys(kid: string): Promise<(string | undefined)[]> {
    const keys: SigningKey[] = await this.jwks.getSigningKeys({ refresh: true });
    const found = JwksClient.matchKid(keys, kid) ?? (await this.jwks.client(issuer).getSigningKey(kid));
    const set = await this.jwks.getJwkSet();
    const document: { keys: unknown[] } = await this.jwks.fetchJwkSet();
    return [found.kid, set.get(kid)?.alg, set.select({ kid, alg: 'RS256' })?.jwk.kty, String(document.keys.length)];
  }

  get events(): Observable<JwksEvent> {
    return this.jwks.events$;
  }
}

/** As an application has it whose adapter is that of another package. */
export const adapter = withUpgradeRequest({
  bindClientConnect(_server: unknown, handler: (...args: unknown[]) => void): void {
    handler({});
  },
});

const mounted: JwkSetSource = {
  load: async () => ({ set: JwkSet.parse({ keys: [] }), origin: 'file', hints: { maxAge: 60_000 } }),
};

@Module({
  imports: [
    JwksModule.forRoot({
      issuer,
      audience,
      isGlobal: false,
      source: mounted,
      http: { tls: { ca: 'pem' }, timeout: 1 },
    }),
    JwksModule.forRoot({ audience, issuers: [{ issuer, failover: [{ jwks: { keys: [] } }], scopesFrom: ['a.b'] }] }),
    JwksModule.forRoot({ issuer, audience, scopesFrom: ({ roles }) => Object.keys(roles ?? {}) }),
    JwksModule.forRoot({ issuer, audience, tokenFrom: ({ data, context }) => String(data ?? context) }),
    JwksModule.forRootAsync({ useClass: Trust, isGlobal: true }),
    JwksModule.forRootAsync({ useExisting: Trust }),
    JwksModule.forRootAsync({
      inject: [TestIssuer],
      useFactory: async (testIssuer: TestIssuer) => testIssuer.options(),
    }),
    provideTestIssuer({ audience }),
  ],
  controllers: [OrdersController],
  providers: [
    { provide: APP_GUARD, useExisting: JwksAuthGuard },
    { provide: 'options', inject: [JWKS_MODULE_OPTIONS], useFactory: (options: JwksModuleOptions) => options },
  ],
})
export class AppModule {}

/** A client of node-redis, and one of ioredis, as far as a ring uses them. */
declare const nodeRedis: {
  EVAL: () => void;
  get(key: string): Promise<string | null>;
  eval(script: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
};
declare const ioRedis: {
  get(key: string): Promise<string | null>;
  eval(script: string, keys: number | string, ...args: (string | number)[]): Promise<unknown>;
};

const encryption = { encryptionKey: 'k'.repeat(43) };

@Injectable()
export class Publishing implements JwksEndpointOptionsFactory {
  createJwksEndpointOptions(): JwksEndpointOptions {
    return {
      issuer,
      keys: { store: fileKeyRingStore('/var/lib/keys', encryption) },
      cors: ['https://app.example.com'],
    };
  }
}

@Module({
  imports: [
    JwksEndpointModule.forRoot({ issuer, keys: { store: redisKeyRingStore(nodeRedis, { key: 'a', ...encryption }) } }),
    JwksEndpointModule.forRoot({ keys: { store: redisKeyRingStore(ioRedis, { key: 'a', ...encryption }) } }),
    JwksEndpointModule.forRoot({ mirror: true, maxAge: '5m', cors: '*', isGlobal: false }),
    JwksEndpointModule.forRoot({ keys: ['pem', { kty: 'EC' }] }),
    JwksEndpointModule.forRoot({ keys: async () => [] }),
    JwksEndpointModule.forRootAsync({ useClass: Publishing }),
    JwksModule.forRootAsync({
      inject: [JwksKeyRing],
      useFactory: (ring: JwksKeyRing) => ({ issuer, audience, source: ring.source() }),
    }),
  ],
})
export class BillingModule {
  constructor(
    private readonly signer: JwksSigner,
    private readonly ring: JwksKeyRing,
  ) {}

  async work(): Promise<string> {
    this.ring.events$.subscribe((event: JwksKeyRingEvent) => event.kid);
    await this.ring.rotate();
    for (const { kid, state } of this.ring.status().keys) if (state === 'next') await this.ring.revoke(kid);
    return this.signer.sign({ sub: 'billing' }, { audience, expiresIn: '5m', type: 'at+jwt' });
  }
}

@Injectable()
export class Resource implements ProtectedResourceOptionsFactory {
  createProtectedResourceOptions(): ProtectedResourceOptions {
    return {
      resource: 'https://api.example.com/mcp',
      authorizationServers: [issuer],
      scopesSupported: ['orders:read'],
      resourceName: 'Orders',
      documentation: 'https://docs.example.com',
    };
  }
}

@Module({
  imports: [
    JwksModule.forRoot({ issuer, audience, attach: { auth: 'mcp' } }),
    ProtectedResourceModule.forRoot({ resource: 'https://api.example.com/mcp' }),
    ProtectedResourceModule.forRootAsync({ useClass: Resource }),
    ProtectedResourceModule.forRootAsync({ useFactory: async () => ({ resource: 'https://api.example.com' }) }),
  ],
})
export class McpModule {}

/** The type `AuthInfo` of the MCP SDK. */
interface AuthInfo {
  token: string;
  clientId: string;
  scopes: string[];
  expiresAt?: number;
  resource?: URL;
  extra?: Record<string, unknown>;
}

export function authInfoOf(request: object): AuthInfo | undefined {
  const info: McpAuthInfo | undefined = mcpAuthInfo(request);
  return info;
}

export async function keepsRings(store: KeyRingStore): Promise<void> {
  await assertKeyRingStore(() => encryptedKeyRingStore(store, encryption));
  await assertKeyRingStore(memoryKeyRingStore);
}

export function tell(event: JwksEvent): string {
  switch (event.type) {
    case 'set.rotated':
      return `${event.added.join()} ${event.removed.join()}`;
    case 'set.stale':
      return `${event.issuer ?? ''} ${event.timeLeft}`;
    default:
      return event.type;
  }
}

export function reason(error: unknown): string {
  if (!isJwksError(error)) throw error;
  switch (error.code) {
    case 'claim_invalid':
      return error.claim;
    case 'insufficient_scope':
      return error.scopes.join(' ');
    case 'jwks_unavailable':
      return String(error.retryAfter);
    case 'configuration_invalid':
      return error.option ?? '';
    default:
      return error.code;
  }
}

export async function sign(options: SignOptions): Promise<string> {
  await using testIssuer = await TestIssuer.start({ alg: ['RS256', 'ES256'], audience });
  const client = new JwksClient(testIssuer.options());
  const { claims } = await client.verify(await testIssuer.sign({ sub: 'alice' }, options));
  await client.close();
  return claims.sub ?? '';
}
