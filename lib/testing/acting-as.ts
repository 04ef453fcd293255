import type { CanActivate } from '@nestjs/common';
import { Reflector, type AbstractHttpAdapter, type HttpAdapterHost } from '@nestjs/core';
import { JwksAuthGuard } from '../auth/jwks-auth.guard.js';
import type { Authentication } from '../client/authentication.js';
import { NO_MODULE } from '../client/jwks-runtime.js';
import type { ModuleSettings } from '../options/resolve-options.js';
import type { JwksService } from '../jwks.service.js';
import { JwkSet } from '../keys/jwk-set.js';
import { deepFreeze } from '../tokens/json-object.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import { unsecuredToken, type TestClaims } from './sign-token.js';

/** What {@link actingAs} takes besides claims. @publicApi */
export interface ActingAsOptions {
  /**
   * The scopes that the user has, wherever the application looks for them. @default those of the
   * claims `scope`, `scp` and `permissions`
   */
  scopes?: readonly string[];
  /** What `request.user` is. @default the verified token */
  user?: unknown;
  /**
   * How the token is bound to its sender, for routes with `senderConstrained: true`. @default not bound
   */
  senderConstrained?: 'dpop' | 'mtls';
  /** As the option of `JwksModule`. @default none: `request.auth` is the verified token */
  attach?: { auth: 'mcp' };
}

/**
 * A guard for tests without tokens: every request is from a user with these claims. Scopes and
 * claims that a route asks for are checked as ever, and `@Claims`, `@AccessToken`, `request.auth`
 * and `request.user` are there. No token, issuer or audience is checked, and `validate` does not run.
 *
 * ```ts
 * Test.createTestingModule({ controllers: [OrdersController] })
 *   .overrideGuard(JwksAuthGuard)
 *   .useValue(actingAs({ sub: 'alice' }, { scopes: ['orders:write'] }));
 * ```
 *
 * Where the guard stands for the whole application through `useExisting`:
 * `overrideProvider(JwksAuthGuard)`.
 *
 * @publicApi
 */
export function actingAs(claims: TestClaims, options: ActingAsOptions = {}): CanActivate {
  const { scopes, user, senderConstrained, attach } = options;
  const all: TestClaims = { sub: 'test-user', ...(scopes && { scope: scopes.join(' ') }), ...claims };
  const token: VerifiedToken = Object.freeze({
    claims: deepFreeze(structuredClone(all)),
    header: Object.freeze({ alg: KEY.alg, kid: KEY.kid, typ: 'at+jwt' }),
    issuer: typeof all['iss'] === 'string' ? all['iss'] : undefined,
    key: KEY,
    ...(senderConstrained && { senderConstrained }),
  });
  const authentication = {
    accessToken: unsecuredToken({ alg: 'none' }, all),
    token,
    user: user === undefined ? token : user,
    scopesFrom: scopes && (() => scopes),
  };
  return new ActingGuard(authentication, { ...NO_MODULE, attachMcp: attach?.auth === 'mcp' });
}

class ActingGuard extends JwksAuthGuard {
  constructor(
    private readonly authentication: Authentication,
    settings: ModuleSettings,
  ) {
    super({ settings } as JwksService, new Reflector(), { httpAdapter: ANY_ADAPTER } as HttpAdapterHost);
  }

  protected override getToken(): string {
    return this.authentication.accessToken;
  }

  protected override verify(): Authentication {
    return this.authentication;
  }
}

interface AnyResponse {
  readonly headersSent?: boolean;
  readonly sent?: boolean;
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): void;
}

/** Sets headers of Express and of Fastify, since no adapter is injected. */
const ANY_ADAPTER = {
  isHeadersSent: (response: AnyResponse) => response.headersSent ?? response.sent,
  setHeader: (response: AnyResponse, name: string, value: string) =>
    response.setHeader ? response.setHeader(name, value) : response.header(name, value),
} as unknown as AbstractHttpAdapter;

/** The public key of RFC 7515 appendix A.3, which signs nothing here. */
const [KEY] = JwkSet.parse({
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      kid: 'acting-as',
      alg: 'ES256',
    },
  ],
}) as unknown as [VerifiedToken['key']];
