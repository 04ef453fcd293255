import type { JwksService } from '../jwks.service.js';
import type { AuthenticatedOptions } from './route-options.js';
import type { Verification } from './request-context.js';

interface Running {
  readonly jwks: JwksService;
  readonly accessToken: string;
  readonly rules: string;
  readonly verification: Promise<Verification>;
}

const running = new WeakMap<object, Running[]>();

/**
 * Verifies a token once for each `scope` (a request, or one message of a WebSocket), whoever asks: several guards of one route, the fields
 * of one GraphQL query. Routes that name another issuer or audience do not share, nor does
 * the service of another application.
 *
 * @internal
 */
export function verifyOnce(
  jwks: JwksService,
  accessToken: string,
  options: AuthenticatedOptions,
  scope: object,
): Promise<Verification> {
  const rules = JSON.stringify([options.issuer, options.audience]);
  const entries = running.get(scope) ?? [];
  const same = entries.find(
    (entry) => entry.jwks === jwks && entry.accessToken === accessToken && entry.rules === rules,
  );
  if (same) return same.verification;
  const verification = verifyToken(jwks, accessToken, options);
  running.set(scope, [...entries, { jwks, accessToken, rules, verification }]);
  return verification;
}

/** @internal */
export async function verifyToken(
  jwks: JwksService,
  accessToken: string,
  { issuer, audience }: AuthenticatedOptions = {},
): Promise<Verification> {
  const plain = issuer === undefined && audience === undefined;
  const { token, user, scopesFrom } = await jwks.authenticate(accessToken, plain ? undefined : { issuer, audience });
  return Object.freeze({ accessToken, auth: token, user, scopesFrom });
}
