import type { ModulesContainer } from '@nestjs/core';
import type { SenderSettings } from '../proof/sender-constraint.js';
import { typesIn } from './guard-coverage.js';
import { handlersOf } from './guard-marks.js';
import { ownRouteMetadataOf, PUBLIC } from './route-metadata.js';

/**
 * Finds routes for bound tokens alone in an application that accepts none of them, so that no request
 * can pass. Returns a warning for each, with class, method and remedy.
 *
 * @internal
 */
export function unreachableRoutes(
  modules: ModulesContainer,
  { dpop, mtls, isVerifiedByGateway }: SenderSettings,
): string[] {
  if (dpop || mtls || isVerifiedByGateway) return [];
  const warnings = new Set<string>();
  for (const { types } of typesIn(modules))
    for (const type of types)
      for (const { name, method } of handlersOf(type)) {
        const own = ownRouteMetadataOf(method);
        const options = own ?? ownRouteMetadataOf(type);
        if (options === undefined || options === PUBLIC || !options.senderConstrained) continue;
        warnings.add(
          `${type.name}${own ? `.${name}` : ''} has senderConstrained: true, and JwksModule accepts no bound tokens, so that every request is rejected: set "dpop", for example { publicUrl: 'https://api.example.com' }, or "mtls"`,
        );
      }
  return [...warnings];
}
