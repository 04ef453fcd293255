import type { ExecutionContext } from '@nestjs/common';
import type { InsufficientScopeError, AnyJwksError } from '../../core/errors.js';
import type { JwksService } from '../../jwks.service.js';
import type { TokenScheme } from '../../proof/sender-proof.js';
import { sentScheme } from '../request/credentials.js';
import { freezeRouteOptions, type AuthenticatedOptions } from '../route-options.js';

/** Which schemes a route takes, and what its challenges say besides the error. @internal */
export interface ChallengeOffer {
  /** The scheme that the client used: the error goes on its challenge. */
  readonly used: TokenScheme;
  readonly isBearerTaken: boolean;
  /** `undefined`: DPoP is not taken. */
  readonly dpopAlgorithms: readonly string[] | undefined;
  /** URL of the metadata of the protected resource (RFC 9728 section 5.1). */
  readonly resourceMetadata: string | undefined;
  /** The scopes that the route requires, for clients that come without a token. */
  readonly scopes: readonly string[];
}

/** @internal */
export const BEARER_ALONE: ChallengeOffer = {
  used: 'Bearer',
  isBearerTaken: true,
  dpopAlgorithms: undefined,
  resourceMetadata: undefined,
  scopes: [],
};

/** A request that is rejected. Its members are asked only where a challenge depends on them. @internal */
export interface RejectedRequest {
  readonly request: () => unknown;
  /** Absent: a request of HTTP. */
  readonly context?: ExecutionContext;
  /** Absent: the options of the route are not known. */
  readonly options?: () => AuthenticatedOptions | undefined;
}

/** What the challenges of a rejected request say. @internal */
export function offerOf(jwks: JwksService, rejected: RejectedRequest): ChallengeOffer {
  const { dpop, mtls, isVerifiedByGateway } = jwks.settings.sender;
  if (!dpop && !jwks.resource) return BEARER_ALONE;
  const { scopes = [], anyOfScopes = [], senderConstrained = false } = routeOptions(rejected);
  const isDpopAsked = senderConstrained && !mtls && !isVerifiedByGateway;
  return {
    used: dpop ? sentScheme(rejected.request(), rejected.context) : 'Bearer',
    isBearerTaken: !dpop || !(dpop.required || isDpopAsked),
    dpopAlgorithms: dpop?.algorithms,
    resourceMetadata: jwks.resource?.metadataUrl,
    // All of them, as in the 403 of a token that lacks one: a token that has these is enough.
    scopes: jwks.resource ? [...new Set([...scopes, ...anyOfScopes])] : [],
  };
}

function routeOptions({ options }: RejectedRequest): AuthenticatedOptions {
  try {
    return freezeRouteOptions(options?.() ?? {});
  } catch {
    // `getOptions` of a subclass: what it throws must not replace the error that is answered.
    return {};
  }
}

interface ChallengeError {
  readonly error?: string | undefined;
  readonly description: string;
}

type Parameter = readonly [name: string, value: string];

/**
 * The challenges of a response (RFC 9110 section 11.6.1): the one with the error first, the others
 * bare (RFC 9449 section 7.2).
 *
 * @internal
 */
export function challengesFor(
  fault: ChallengeError,
  thrown: AnyJwksError,
  realm: string | undefined,
  offer: ChallengeOffer,
): string {
  const { used, isBearerTaken, dpopAlgorithms, resourceMetadata } = offer;
  const schemes: TokenScheme[] = [
    ...(isBearerTaken ? ['Bearer' as const] : []),
    ...(dpopAlgorithms ? ['DPoP' as const] : []),
  ];
  const [first = 'Bearer', ...others] = [...schemes].sort(
    (one, other) => Number(other === used) - Number(one === used),
  );
  const challengeOf = (scheme: TokenScheme, parameters: readonly Parameter[]) =>
    challenge(scheme, [
      ...(realm ? [['realm', realm] as const] : []),
      ...parameters,
      ...(resourceMetadata ? [['resource_metadata', resourceMetadata] as const] : []),
      ...(scheme === 'DPoP' && dpopAlgorithms ? [['algs', dpopAlgorithms.join(' ')] as const] : []),
    ]);
  const parameters = errorParameters(fault, thrown, offer);
  // Without an error there is nothing to say of one scheme alone.
  const ofOthers = fault.error ? [] : parameters;
  return [challengeOf(first, parameters), ...others.map((scheme) => challengeOf(scheme, ofOthers))].join(', ');
}

function errorParameters(
  { error, description }: ChallengeError,
  thrown: AnyJwksError,
  offer: ChallengeOffer,
): Parameter[] {
  const scopes = thrown.code === 'insufficient_scope' ? (thrown as InsufficientScopeError).scopes : undefined;
  const asked = thrown.code === 'token_missing' && offer.scopes.length > 0 ? offer.scopes : undefined;
  const scope = scopes ?? asked;
  return [
    ...(error
      ? ([
          ['error', error],
          ['error_description', description],
        ] as const)
      : []),
    ...(scope ? [['scope', scope.join(' ')] as const] : []),
    ...(thrown.code === 'step_up_required' ? stepUpParameters(thrown) : []),
  ];
}

/** RFC 9470 section 3. */
function stepUpParameters({
  acrValues,
  maxAge,
}: {
  acrValues: readonly string[];
  maxAge: number | undefined;
}): Parameter[] {
  return [
    ...(acrValues.length > 0 ? [['acr_values', acrValues.join(' ')] as const] : []),
    ...(maxAge === undefined ? [] : [['max_age', String(maxAge)] as const]),
  ];
}

/** RFC 6750 section 3: the scheme and, where there is something to say, its parameters. */
function challenge(scheme: TokenScheme, parameters: readonly Parameter[]): string {
  const written = parameters.map(([name, value]) => `${name}="${quotable(value)}"`);
  return written.length > 0 ? `${scheme} ${written.join(', ')}` : scheme;
}

/** The inside of a quoted-string (RFC 9110 section 5.6.4), on one line whatever it is made of. */
function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&');
}
