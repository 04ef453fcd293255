import { isJwksError, type AnyJwksError } from '../core/errors.js';
import { safeText } from '../core/events.js';
import { JwksClient } from '../client/jwks-client.js';
import type { SourceAnswer } from '../sources/jwk-set-source.js';
import { looksLikeIdToken } from '../tokens/claim-diagnosis.js';
import type { InspectCheck, InspectedToken } from './report.js';

/** What the token has to satisfy. @internal */
export interface TokenExpectations {
  /** The exact `iss`; `undefined`: not known, where only the URL of a set was given. */
  readonly issuer: string | undefined;
  readonly audience: string | readonly string[] | undefined;
  readonly answer: SourceAnswer;
}

/** The checks of a verification, in their order. */
const CHECKS = [
  'form',
  'issuer',
  'algorithm',
  'key',
  'signature',
  'type',
  'claims',
  'times',
  'audience',
  'binding',
] as const;
type CheckName = (typeof CHECKS)[number];

/** Rules that a second look leaves out, so that the checks after a failed one are made too. */
interface Relaxed {
  issuer?: boolean;
  audience?: boolean;
  times?: boolean;
  claims?: boolean;
}

const HEADER = ['alg', 'kid', 'typ'];
const CLAIMS = ['iss', 'aud', 'azp', 'client_id', 'scope', 'scp', 'token_use', 'ver', 'iat', 'nbf', 'exp'];
/** Wide enough for any clock, in milliseconds. */
const ANY_TIME = 1e15;

/**
 * Verifies a token the way a module does, and again without the rule that failed, until every check
 * has a result or none can follow.
 *
 * @internal
 */
export async function inspectToken(token: string, expected: TokenExpectations): Promise<InspectCheck[]> {
  const failed = new Map<CheckName, AnyJwksError>();
  const relaxed: Relaxed = {};
  for (;;) {
    const error = await verify(token, expected, relaxed);
    if (!error) break;
    const name = checkOf(error);
    failed.set(name, error);
    if (!(name in RELAX) || relaxed[name as keyof Relaxed]) break;
    relaxed[name as keyof Relaxed] = true;
  }
  return resultsOf(failed, expected, looksLikeIdToken(partsOf(token)?.claims));
}

const RELAX: Readonly<Record<keyof Relaxed, true>> = { issuer: true, audience: true, times: true, claims: true };

async function verify(
  token: string,
  { issuer, audience, answer }: TokenExpectations,
  relaxed: Relaxed,
): Promise<AnyJwksError | undefined> {
  const client = new JwksClient({
    issuer: (!relaxed.issuer && issuer) || false,
    audience: (!relaxed.audience && audience) || false,
    source: { load: async () => answer },
    allowInsecure: true,
    tokenCache: false,
    ...(relaxed.times && { clockTolerance: ANY_TIME }),
    ...(relaxed.claims && { requiredClaims: [] }),
  });
  try {
    await client.verify(token);
    return undefined;
  } catch (error) {
    if (isJwksError(error)) return error;
    throw error;
  } finally {
    await client.close();
  }
}

function checkOf(error: AnyJwksError): CheckName {
  switch (error.code) {
    case 'issuer_untrusted':
      return 'issuer';
    case 'alg_not_allowed':
      return 'algorithm';
    case 'key_not_found':
      return 'key';
    case 'signature_invalid':
      return 'signature';
    case 'token_expired':
    case 'token_not_active':
      return 'times';
    case 'claim_invalid':
      return ({ aud: 'audience', typ: 'type', cnf: 'binding' } as const)[error.claim] ?? 'claims';
    default:
      return 'form';
  }
}

function resultsOf(
  failed: ReadonlyMap<CheckName, AnyJwksError>,
  { issuer, audience }: TokenExpectations,
  isIdToken: boolean,
): InspectCheck[] {
  // The checks after one that could not be left out were never made.
  const last = Math.max(
    -1,
    ...[...failed.keys()].filter((name) => !(name in RELAX)).map((name) => CHECKS.indexOf(name)),
  );
  return CHECKS.map((name, index): InspectCheck => {
    const error = failed.get(name);
    if (error) return { name, result: 'failed', ...explain(error) };
    if (last !== -1 && index > last) return { name, result: 'skipped', detail: 'not reached' };
    if (name === 'issuer' && issuer === undefined)
      return { name, result: 'skipped', detail: 'give the issuer instead of the URL of its keys to compare it' };
    if (name === 'audience' && audience === undefined)
      return { name, result: 'skipped', detail: 'give --audience to compare it' };
    if (name === 'type' && isIdToken)
      return {
        name,
        result: 'passed',
        detail: 'this looks like an ID token',
        hint: 'APIs take access tokens: see "tokenType"',
      };
    return { name, result: 'passed' };
  });
}

function explain(error: AnyJwksError): Pick<InspectCheck, 'detail' | 'hint'> {
  const { reason, hint } = error as { reason?: string; hint?: string };
  return { detail: reason ?? error.message, ...(hint && { hint }) };
}

/**
 * Header and claims that matter, each cut; nothing of them is verified. `undefined` where the token
 * is not a JWT.
 *
 * @internal
 */
export function describeToken(token: string): InspectedToken | undefined {
  const parts = partsOf(token);
  return parts && { header: pick(parts.header, HEADER), claims: pick(parts.claims, CLAIMS) };
}

function partsOf(token: string): Record<'header' | 'claims', Record<string, unknown>> | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  const [header, claims] = parts.slice(0, 2).map(parse);
  return header && claims && { header, claims };
}

function parse(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function pick(object: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => (Object.hasOwn(object, name) ? [[name, presentable(object[name])]] : [])),
  );
}

function presentable(value: unknown): unknown {
  if (typeof value === 'string') return safeText(value);
  if (Array.isArray(value))
    return value.slice(0, 10).map((member) => (typeof member === 'string' ? safeText(member) : typeof member));
  return typeof value === 'number' || typeof value === 'boolean' ? value : typeof value;
}
