import type { ProtectedResource } from '../jwks.service.js';
import { claimAt } from '../tokens/claim-path.js';
import { isObject } from './fields.js';
import { knownOf } from './request/request-state.js';
import { scopesOf } from './route-rules.js';
import type { Authentication } from './verification.js';

/**
 * What the MCP SDK passes to tools as `authInfo`: its type `AuthInfo`.
 *
 * @publicApi
 */
export interface McpAuthInfo {
  /** The access token as it came. It must not be sent on to other services. */
  token: string;
  /** The claim `client_id`, else `azp`; empty if the token has neither. */
  clientId: string;
  /** As `@Authenticated({ scopes })` reads them. */
  scopes: string[];
  /** The claim `exp`, in seconds since the epoch. */
  expiresAt?: number;
  /** The identifier of the resource, if `ProtectedResourceModule` names it and `aud` does too. */
  resource?: URL;
  /**
   * `claims`, the verified claims; `user`, what `validate` returned; `senderConstrained` of a bound
   * token, as the verified token has it.
   */
  extra: Pick<Authentication['token'], 'claims' | 'senderConstrained'> & { user: unknown } & Record<string, unknown>;
}

/**
 * Returns the `AuthInfo` of the MCP SDK for a request that our guard or strategy accepted with a
 * token, otherwise `undefined`. What others wrote to `request.auth` does not count.
 *
 * @publicApi
 */
export function mcpAuthInfo(request: object): McpAuthInfo | undefined {
  const attached = isObject(request) ? knownOf(request)?.attached : undefined;
  return attached && toMcpAuthInfo(attached.authentication, attached.resource);
}

/** @internal */
export function toMcpAuthInfo(
  { accessToken, token: { claims, senderConstrained }, user, scopesFrom }: Authentication,
  resource: ProtectedResource | undefined,
): McpAuthInfo {
  const exp = claimAt(claims, 'exp');
  const isMeant = resource !== undefined && [claimAt(claims, 'aud')].flat().includes(resource.identifier);
  return {
    token: accessToken,
    clientId: [claimAt(claims, 'client_id'), claimAt(claims, 'azp')].find((name) => typeof name === 'string') ?? '',
    scopes: grantedScopes(claims, scopesFrom),
    ...(typeof exp === 'number' && { expiresAt: exp }),
    ...(isMeant && { resource: new URL(resource.identifier) }),
    extra: { claims, user, ...(senderConstrained && { senderConstrained }) },
  };
}

/** A `scopesFrom` that throws gives none, as for a route that asks for scopes. */
function grantedScopes(claims: Authentication['token']['claims'], scopesFrom: Authentication['scopesFrom']): string[] {
  try {
    return [...new Set(scopesOf(claims, scopesFrom))].filter((scope) => scope !== '');
  } catch {
    return [];
  }
}
