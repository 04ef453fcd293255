import type { ModulesContainer } from '@nestjs/core';
import { JwksConfigurationError } from '../core/errors.js';
import type { SenderSettings } from '../proof/sender-constraint.js';
import { typesIn } from './guard-coverage.js';
import { handlersOf } from './guard-marks.js';
import { ownRouteMetadataOf, PUBLIC } from './route-metadata.js';

/**
 * Finds a route for bound tokens alone in an application that accepts none of them, so that no request
 * can ever pass.
 *
 * @throws JwksConfigurationError that names class, method and remedy.
 * @internal
 */
export function assertBoundTokensAreTaken(modules: ModulesContainer, sender: SenderSettings | undefined): void {
  if (sender?.dpop || sender?.mtls || sender?.isVerifiedByGateway) return;
  for (const { types } of typesIn(modules))
    for (const type of types)
      for (const { name, method } of handlersOf(type)) {
        const own = ownRouteMetadataOf(method);
        const options = own ?? ownRouteMetadataOf(type);
        if (options === undefined || options === PUBLIC || !options.senderConstrained) continue;
        throw new JwksConfigurationError(
          `${type.name}${own ? `.${name}` : ''} has senderConstrained: true, and JwksModule accepts no bound tokens: set "dpop", for example { publicUrl: 'https://api.example.com' }, or "mtls"`,
          'senderConstrained',
        );
      }
}
