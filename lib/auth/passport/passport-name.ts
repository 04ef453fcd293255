import passport from 'passport';
import { JwksConfigurationError } from '../../core/errors.js';
import type { JwksService } from '../../jwks.service.js';

/** A strategy and the service that it asks. @internal */
export interface StrategyHolder {
  readonly strategy: { readonly name: string };
  readonly jwks: JwksService;
}

interface Holder {
  readonly strategy: StrategyHolder['strategy'];
  /**
   * The configured issuers, the resource that challenges name, and how the senders of tokens are
   * checked. Issuers that a function finds change with use, and are not among them; functions are not
   * compared.
   */
  readonly configured: string;
}

/** Applications of this process whose routes use `AuthGuard('jwks')`; the last one has the name. */
const holders: Holder[] = [];

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
 * @throws JwksConfigurationError while an application uses it too that trusts other issuers, is another
 * resource or checks the senders of tokens otherwise.
 * @internal
 */
export function takeStrategyName({ strategy, jwks }: StrategyHolder): () => void {
  const holder: Holder = { strategy, configured: configuredOf(jwks) };
  if (holders.some(({ configured }) => configured !== holder.configured)) {
    throw new JwksConfigurationError(
      `Another application of this process uses AuthGuard('jwks') for other issuers or another resource, or checks the senders of tokens otherwise, and Passport has one strategy "jwks": use @Authenticated(), or close that application first`,
    );
  }
  holders.push(holder);
  register(strategy);
  return () => {
    holders.splice(holders.indexOf(holder), 1);
    const last = holders.at(-1);
    if (last) register(last.strategy);
  };
}

function register(strategy: StrategyHolder['strategy']): void {
  passport.use(strategy.name, strategy as unknown as passport.Strategy);
}

/** Read at start, when a function has found no issuer yet. */
function configuredOf(jwks: JwksService): string {
  const issuers = jwks.status().map(({ issuer }) => issuer ?? null);
  return JSON.stringify([issuers.toSorted(), jwks.resource?.identifier, senderRulesOf(jwks)]);
}

/** Without replay stores: which of two remembers a proof makes no difference. */
function senderRulesOf({ settings }: JwksService): unknown {
  const { dpop, mtls, isVerifiedByGateway } = settings.sender;
  return [
    isVerifiedByGateway,
    // A nonce of the same time is the same where secret and lifetime are.
    dpop && { ...dpop, replay: dpop.replay !== undefined, nonces: dpop.nonces?.current(0) },
    mtls && { ...mtls, ...(mtls.kind === 'header' && { proxies: mtls.proxies.rules }) },
  ];
}
