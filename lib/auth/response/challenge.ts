import type { InsufficientScopeError, AnyJwksError } from '../../core/errors.js';
import type { TokenScheme } from '../../proof/sender-proof.js';

/** Which schemes a route takes, and what its challenges say besides the error. @internal */
export interface ChallengeOffer {
  /** The scheme that the client used: the error goes on its challenge. */
  readonly used: TokenScheme;
  readonly isBearerTaken: boolean;
  /** `undefined`: DPoP is not taken. */
  readonly dpopAlgorithms: readonly string[] | undefined;
  /** URL of the metadata of the protected resource (RFC 9728 section 5.1). */
  readonly resourceMetadata: string | undefined;
  /** What the route asks for, told to clients that come without a token. */
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

interface Refusal {
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
  refusal: Refusal,
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
  const parameters = errorParameters(refusal, thrown, offer);
  // Without an error there is nothing to say of one scheme alone.
  const ofOthers = refusal.error ? [] : parameters;
  return [challengeOf(first, parameters), ...others.map((scheme) => challengeOf(scheme, ofOthers))].join(', ');
}

function errorParameters({ error, description }: Refusal, thrown: AnyJwksError, offer: ChallengeOffer): Parameter[] {
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
