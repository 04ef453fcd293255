import type { Diagnosis } from '../core/diagnosis.js';
import { safeText } from '../core/events.js';
import { explainClaim, explainRule, GRAPH, isForGraph } from './claim-diagnosis.js';
import {
  describe,
  list,
  misconfigured,
  quote,
  seconds,
  type DiagnosisContext,
  type Refused,
} from './diagnosis-text.js';
import { getOwn } from './json-object.js';
import { issuerHint } from './issuer-hint.js';

type Explain = (error: Refused, context: DiagnosisContext) => Diagnosis;

/** Clocks that differ by less are nothing to act on, in milliseconds. */
const NOTEWORTHY_OFFSET = 10_000;

const EXPLAIN: Readonly<Partial<Record<string, Explain>>> = {
  token_malformed: malformed,
  issuer_untrusted: untrusted,
  alg_not_allowed: algorithm,
  key_not_found: keyNotFound,
  signature_invalid: signature,
  token_expired: expired,
  token_not_active: notActive,
  claim_invalid: explainClaim,
  access_denied: explainRule,
};

const HINTS: Readonly<Partial<Record<string, string>>> = {
  token_missing: 'send it as "Authorization: Bearer ...", or say with tokenFrom where it is',
  invalid_request: 'send one token, in one place',
  insufficient_scope: 'have the client ask for the scope, and the provider grant it',
  token_refused: 'the cause of the error says what "validate" threw, if it threw',
};

/**
 * Explains why a token was refused. Sentences come from fixed templates; of the token only `iss`,
 * `aud`, `typ`, `alg` and `kid` are shown, made safe and cut at 64 characters.
 *
 * @internal
 */
export function diagnose(error: Refused, context: DiagnosisContext): Diagnosis {
  const explain = Object.hasOwn(EXPLAIN, error.code) ? EXPLAIN[error.code] : undefined;
  if (explain) return explain(error, context);
  const hint = (Object.hasOwn(HINTS, error.code) && HINTS[error.code]) || 'the cause of the error says more';
  return { reason: error.message, hint, misconfiguration: false };
}

function malformed({ message }: Refused, { token, maxTokenLength }: DiagnosisContext): Diagnosis {
  if (typeof token !== 'string') return misconfigured(message, 'a token is a string');
  if (token.length > maxTokenLength) {
    const reason = `The access token has ${token.length} characters, more than ${maxTokenLength}`;
    return misconfigured(reason, 'leave roles and groups out of the token, or allow more with maxTokenLength');
  }
  if (/^bearer\s/i.test(token))
    return misconfigured(message, 'leave out the word "Bearer": the token alone is expected');
  if (/^\s|\s$|^["']/.test(token)) return misconfigured(message, 'the token has white space or quotes around it');
  const parts = token.split('.').length;
  if (parts === 5) return misconfigured('The access token is encrypted (a JWE of five parts)', ENCRYPTED);
  if (parts !== 3) return misconfigured(`${message}: it has ${parts} parts, not 3`, parts === 1 ? OPAQUE : CUT);
  if (token.includes('=')) return misconfigured(message, PADDED);
  if (token.endsWith('.')) return misconfigured(message, 'it has no signature: unsigned tokens are never accepted');
  return misconfigured(message, 'look at the token with npx nestjs-jwks inspect');
}

const OPAQUE =
  'an opaque token: ask the provider for a JWT access token, often by naming the API (audience or resource) when the token is requested';
const CUT = 'the token was cut or joined with something else on its way';
const ENCRYPTED =
  'ask the provider for signed tokens that are not encrypted; Auth0 encrypts those that were requested without an audience';
const PADDED =
  'it is padded with "=", as by AWS ALB: take the access token of the provider instead (x-amzn-oidc-accesstoken)';

function untrusted(_: Refused, { claims, rules, issuers }: DiagnosisContext): Diagnosis {
  const iss = claims && getOwn(claims, 'iss');
  const trusted = rules && rules.issuer !== false && !issuers?.includes(rules.issuer) ? [rules.issuer] : issuers;
  if (typeof iss !== 'string') {
    return misconfigured('The access token has no "iss"', 'is this a token of the provider at all?');
  }
  if (trusted?.includes(iss)) {
    return misconfigured(
      `The issuer ${quote(iss)} is not one that this route takes`,
      'see the option "issuer" of the route',
    );
  }
  if (!trusted) {
    return misconfigured(`The issuer ${quote(iss)} is not trusted`, 'the function of "issuers" does not know it');
  }
  return misconfigured(`The issuer is ${quote(iss)}, not ${list(trusted, 'or')}`, issuerHint(iss, trusted));
}

function algorithm(_: Refused, { header, rules }: DiagnosisContext): Diagnosis {
  const alg = header && getOwn(header, 'alg');
  const allowed = [...(rules?.algorithms ?? [])];
  const reason = `The signature algorithm is ${describe(alg)}, not one of ${allowed.join(', ')}`;
  if (typeof alg !== 'string') return misconfigured(reason, 'this is not a signed token');
  if (/^hs\d/i.test(alg)) return misconfigured(reason, SHARED_SECRET);
  if (/^none$/i.test(alg)) return misconfigured(reason, 'unsigned tokens are never accepted');
  return misconfigured(reason, 'name it in "algorithms" if the provider signs with it on purpose');
}

const SHARED_SECRET =
  'HS256 tokens are made by applications with a shared secret: switch the provider to signing keys (RS256 or ES256), or this token is of another system';

function keyNotFound({ message, kid }: Refused, { header, set }: DiagnosisContext): Diagnosis {
  const alg = header && getOwn(header, 'alg');
  if (!set) return misconfigured(kid === undefined ? message : `No key ${quote(kid)} was found`, WRONG_SET);
  const kids = [...set].flatMap((key) => key.kid ?? []);
  if (kid === undefined) {
    const reason = `The access token has no "kid", and ${set.size} keys may fit ${describe(alg)}`;
    return misconfigured(reason, 'have the provider put a "kid" into its tokens and keys');
  }
  const namesake = set.get(kid);
  if (namesake) {
    const meant = namesake.alg ?? namesake.crv ?? namesake.kty;
    return misconfigured(
      `The key ${quote(kid)} is for ${safeText(meant)}, and the access token is signed with ${describe(alg)}`,
      'the provider publishes another key under this kid than the one it signs with',
    );
  }
  const dropped = set.dropped.find((entry) => entry.kid === kid);
  if (dropped)
    return misconfigured(
      `The key ${quote(kid)} cannot be used: it ${dropped.reason}`,
      'the provider has to replace it',
    );
  const reason = `The JWK Set has no key ${quote(kid)}; it has ${kids.length > 0 ? list(kids, 'and') : 'keys without kid'}`;
  return misconfigured(reason, WRONG_SET);
}

const WRONG_SET =
  'the token is of another environment, realm or tenant of the provider, or it was signed with a key that has been replaced';

function signature({ message }: Refused, { header, claims }: DiagnosisContext): Diagnosis {
  if ((header && Object.hasOwn(header, 'nonce')) || isForGraph(claims)) return misconfigured(message, GRAPH);
  return {
    reason: message,
    hint: 'forged, damaged, or signed with a key that has been replaced',
    misconfiguration: false,
  };
}

function expired({ message }: Refused, context: DiagnosisContext): Diagnosis {
  const { claims, now, clockOffset = 0 } = context;
  const exp = claims && getOwn(claims, 'exp');
  const isTooOld = typeof exp === 'number' && exp * 1000 > now;
  const reason =
    typeof exp !== 'number' || isTooOld ? message : `The access token expired ${seconds(now - exp * 1000)} ago`;
  if (Math.abs(clockOffset) > NOTEWORTHY_OFFSET) return misconfigured(reason, clocks(clockOffset));
  return { reason, hint: 'the client has to get a new token', misconfiguration: false };
}

function notActive({ message }: Refused, { claims, now, clockOffset = 0 }: DiagnosisContext): Diagnosis {
  const [name, ahead] = ['nbf', 'iat']
    .map((each): [string, number] => [each, (Number((claims && getOwn(claims, each)) ?? 0) || 0) * 1000 - now])
    .reduce((one, other) => (other[1] > one[1] ? other : one));
  const reason = ahead > 0 ? `The access token is valid from ${seconds(ahead)} in the future ("${name}")` : message;
  if (Math.abs(clockOffset) > NOTEWORTHY_OFFSET) return misconfigured(reason, clocks(clockOffset));
  return misconfigured(
    reason,
    `the clock differs by about ${seconds(ahead)}: synchronize this machine and the provider`,
  );
}

function clocks(offset: number): string {
  const which = offset > 0 ? 'behind' : 'ahead of';
  return `the clock differs by about ${seconds(Math.abs(offset))}: this machine is ${which} the provider, synchronize it`;
}
