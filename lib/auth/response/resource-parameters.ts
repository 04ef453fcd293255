import { MissingTokenError } from '../../core/errors.js';
import type { ProtectedResource } from '../../jwks.service.js';
import { freezeRouteOptions, type AuthenticatedOptions } from '../route-options.js';
import type { ChallengeParameter } from './refusal.js';

/**
 * What `ProtectedResourceModule` adds to a challenge (RFC 9728 section 5.1): where the metadata is,
 * and for a request without a token the scopes to ask for, where the route has some.
 *
 * @internal
 */
export function resourceParameters(
  resource: ProtectedResource | undefined,
  error: unknown,
  optionsOf?: () => AuthenticatedOptions | undefined,
): ChallengeParameter[] {
  if (!resource) return [];
  const scopes = error instanceof MissingTokenError ? scopesAskedBy(optionsOf) : [];
  return [
    ...(scopes.length > 0 ? [['scope', scopes.join(' ')] as const] : []),
    ['resource_metadata', resource.metadataUrl],
  ];
}

/** As for a token that lacks one: a client that asks for these has enough. */
function scopesAskedBy(optionsOf: (() => AuthenticatedOptions | undefined) | undefined): readonly string[] {
  try {
    const { scopes = [], anyOfScopes = [] } = freezeRouteOptions(optionsOf?.() ?? {});
    return [...new Set([...scopes, ...anyOfScopes])];
  } catch {
    // `getOptions` of a subclass: what it throws must not replace the error that is answered.
    return [];
  }
}
