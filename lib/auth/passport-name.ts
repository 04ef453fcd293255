import passport from 'passport';
import { JwksConfigurationError } from '../core/errors.js';
import type { JwksService } from '../jwks.service.js';

/** A strategy and the service that it asks. @internal */
export interface StrategyHolder {
  readonly strategy: { readonly name: string };
  readonly jwks: JwksService;
}

/** Applications of this process whose routes use `AuthGuard('jwks')`; the last one has the name. */
const holders: StrategyHolder[] = [];

/**
 * Makes a strategy known to Passport, unless routes depend on the one that has its name.
 *
 * @internal
 */
export function offerStrategy(strategy: StrategyHolder['strategy']): void {
  if (holders.length === 0) register(strategy);
}

/**
 * The same for an application whose routes use `AuthGuard('jwks')`. Returns the function that gives
 * the name back.
 *
 * @throws JwksConfigurationError while an application that trusts other issuers uses it too.
 * @internal
 */
export function takeStrategyName(holder: StrategyHolder): () => void {
  if (holders.some(({ jwks }) => trustedBy(jwks) !== trustedBy(holder.jwks))) {
    throw new JwksConfigurationError(
      `Another application of this process uses AuthGuard('jwks') for other issuers, and Passport has one strategy "jwks": use @Authenticated(), or close that application first`,
    );
  }
  holders.push(holder);
  register(holder.strategy);
  return () => {
    holders.splice(holders.indexOf(holder), 1);
    const last = holders.at(-1);
    if (last) register(last.strategy);
  };
}

function register(strategy: StrategyHolder['strategy']): void {
  passport.use(strategy.name, strategy as unknown as passport.Strategy);
}

function trustedBy(jwks: JwksService): string {
  return JSON.stringify(
    jwks
      .status()
      .map(({ issuer }) => issuer ?? null)
      .toSorted(),
  );
}
