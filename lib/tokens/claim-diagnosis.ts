import type { Diagnosis } from '../core/diagnosis.js';
import { describe, list, misconfigured, quote, type DiagnosisContext, type Refused } from './diagnosis-text.js';
import { getOwn, type JsonObject } from './json-object.js';

/** Why a claim, or the type in the header, is not acceptable. @internal */
export function explainClaim(error: Refused, context: DiagnosisContext): Diagnosis {
  const { claim: name = '' } = error;
  switch (name) {
    case 'aud':
      return audience(context);
    case 'typ':
      return type(context);
    case 'cnf':
      return misconfigured(
        error.message,
        'have the client request a bearer token, or configure the check of its binding',
      );
    case 'sub':
      return isUnexpectedNumber(context) ? misconfigured(NUMERIC, ALLOW_NUMERIC) : explainRule(error, context);
    default:
      return explainRule(error, context);
  }
}

/** Why a claim is not what the module or the route asks for. @internal */
export function explainRule({ claim: name = '', message }: Refused, { claims }: DiagnosisContext): Diagnosis {
  const isMissing = claims && (getOwn(claims, name) ?? null) === null;
  const reason = isMissing ? `The claim "${name}" of the access token is missing` : message;
  if (looksLikeIdToken(claims)) return misconfigured(reason, ID_TOKEN);
  return {
    reason,
    hint: 'compare the claims of the token with the rules of the module and of the route',
    misconfiguration: false,
  };
}

function isUnexpectedNumber({ claims = {}, rules }: DiagnosisContext): boolean {
  return typeof getOwn(claims, 'sub') === 'number' && !rules?.allowNumericSubject;
}

const NUMERIC = '"sub" is a number, and RFC 7519 asks for text';
const ALLOW_NUMERIC = 'set allowNumericSubject for this issuer';

function audience({ claims = {}, rules }: DiagnosisContext): Diagnosis {
  const expected = rules?.audience || [];
  const aud = getOwn(claims, 'aud');
  if (aud === undefined || aud === null) {
    const hint = Object.hasOwn(claims, 'client_id') ? COGNITO : 'have the provider put the name of this API into "aud"';
    return misconfigured(`"aud" is missing, expected ${list(expected, 'or')}`, hint);
  }
  if (Array.isArray(aud) ? !aud.every((member) => typeof member === 'string') : typeof aud !== 'string') {
    return misconfigured(
      '"aud" is neither text nor a list of texts',
      'the provider makes invalid tokens (RFC 7519 section 4.1.3)',
    );
  }
  const given = (Array.isArray(aud) ? aud : [aud]) as string[];
  const reason = `"aud" is ${list(given, 'and')}, expected ${list(expected, 'or')}`;
  return misconfigured(reason, audienceHint(given, expected, claims));
}

const COGNITO =
  '"aud" is missing: access tokens of Cognito have client_id instead; set audience to false and ask for client_id and token_use';

function audienceHint(given: readonly string[], expected: readonly string[], claims: JsonObject): string {
  const pieces = (text: string) => text.replace(/["'[\]]/g, ' ').split(/[\s,]+/);
  const overlaps = (one: readonly string[], other: readonly string[]) => one.some((text) => other.includes(text));
  if (overlaps(expected.filter((text) => pieces(text).length > 1).flatMap(pieces), given))
    return 'the option "audience" holds several names in one text: give a list';
  if (overlaps(given.filter((text) => pieces(text).length > 1).flatMap(pieces), expected))
    return 'the provider puts several names into one text: have it send a list';
  if (overlaps(given.map(loose), expected.map(loose)))
    return 'the names differ only in case, scheme or a trailing slash: copy the one of the token';
  if (isForGraph(claims)) return GRAPH;
  if (looksLikeIdToken(claims)) return ID_TOKEN;
  if (given.length === 1 && given[0] === 'account')
    return 'Keycloak names this API in "aud" only with an audience mapper in a client scope';
  return 'have the client request a token for this API, or set the option "audience" to what the provider calls it';
}

function loose(text: string): string {
  return text
    .toLowerCase()
    .replace(/^(https?|api):\/\//, '')
    .replace(/\/$/, '');
}

const ID_TOKEN = 'this looks like an ID token: have the client send the access token';

/** By what only ID tokens have, or what Cognito and Keycloak write into them. @internal */
export function looksLikeIdToken(claims: JsonObject | undefined): boolean {
  if (!claims) return false;
  const [aud, azp] = [getOwn(claims, 'aud'), getOwn(claims, 'azp')];
  return (
    ['nonce', 'at_hash', 'c_hash'].some((name) => Object.hasOwn(claims, name)) ||
    getOwn(claims, 'token_use') === 'id' ||
    getOwn(claims, 'typ') === 'ID' ||
    (typeof azp === 'string' && (Array.isArray(aud) ? aud.length === 1 && aud[0] === azp : aud === azp))
  );
}

function type({ header = {}, claims, rules }: DiagnosisContext): Diagnosis {
  const typ = getOwn(header, 'typ');
  const came = typ === undefined ? 'missing' : describe(typ);
  const hint = looksLikeIdToken(claims)
    ? ID_TOKEN
    : 'leave out the option "tokenType" if this provider does not mark its access tokens';
  return misconfigured(`The header's "typ" is ${came}, expected ${quote(rules?.tokenType ?? '')}`, hint);
}

/** @internal */
export const GRAPH =
  'this is a token for Microsoft Graph, which only Graph can verify: have the client request a scope of this API (api://.../...)';

/** @internal */
export function isForGraph(claims: JsonObject | undefined): boolean {
  const aud = claims && getOwn(claims, 'aud');
  return aud === '00000003-0000-0000-c000-000000000000' || aud === 'https://graph.microsoft.com';
}
