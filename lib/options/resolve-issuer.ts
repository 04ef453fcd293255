import type { JwkSetSource } from '../sources/jwk-set-source.js';
import type { JwksFailoverSource, JwksIssuerOptions, JwksSourceOptions, JwksTokenOptions } from './issuer-options.js';
import { OptionReader } from './option-reader.js';
import {
  readAudience,
  resolveTokenOptions,
  TOKEN_NAMES,
  type ResolvedRules,
  type ResolvedTokenOptions,
} from './resolve-rules.js';
import { resolveIssuerHttp, type ResolvedHttp } from './resolve-http.js';
import { urlFault } from './urls.js';

/** One place to have keys from. @internal */
export type ResolvedMember =
  /** `uri`: of the metadata, where it is elsewhere. */
  | { readonly kind: 'discovery'; readonly issuer: string; readonly uri?: string | undefined }
  | { readonly kind: 'http'; readonly uri: string }
  /** `option`: where the document was given, for the message that says what is wrong with it. */
  | { readonly kind: 'static'; readonly document: unknown; readonly option: string }
  | { readonly kind: 'custom'; readonly source: JwkSetSource };

/** @internal */
export interface ResolvedIssuer {
  /** `undefined`: none is named, which only a client that does not verify may do. */
  readonly issuer: string | false | undefined;
  readonly audience: readonly string[] | false | undefined;
  /** In the order in which they are asked; at least one. */
  readonly members: readonly ResolvedMember[];
  readonly rules: ResolvedRules;
  readonly claims: JwksTokenOptions['claims'];
  readonly validate: JwksTokenOptions['validate'];
  readonly scopesFrom: JwksTokenOptions['scopesFrom'];
  readonly allowInsecure: boolean;
  /** Absent: as for the module. */
  readonly http?: ResolvedHttp | undefined;
}

/** What says where keys come from. @internal */
export const SOURCE_NAMES: readonly (keyof JwksSourceOptions)[] = [
  'jwksUri',
  'discoveryUri',
  'jwks',
  'source',
  'failover',
];

/** @internal */
export const ISSUER_NAMES: readonly (keyof JwksIssuerOptions)[] = [
  'issuer',
  'audience',
  ...SOURCE_NAMES,
  ...TOKEN_NAMES,
];

/** What stands beside `issuers`. @internal */
export interface IssuerDefaults {
  readonly audience: readonly string[] | false | undefined;
  readonly tokens: ResolvedTokenOptions;
  readonly http: ResolvedHttp;
}

/** @internal */
export function resolveIssuer(options: OptionReader, defaults?: IssuerDefaults): ResolvedIssuer {
  const { rules, claims, validate, scopesFrom, allowInsecure } = resolveTokenOptions(options, defaults?.tokens);
  return {
    issuer: readIssuer(options, allowInsecure),
    audience: readAudience(options) ?? defaults?.audience,
    members: readMembers(options, allowInsecure),
    rules,
    claims,
    validate,
    scopesFrom,
    allowInsecure,
    http: defaults && resolveIssuerHttp(options, defaults.http),
  };
}

const UNSET = 'is undefined (an environment variable that is not set?)';

/**
 * Issuer and audience are decisions: one left out by accident would switch its check off.
 *
 * @internal
 */
export function requireIssuer(options: OptionReader): void {
  if (!options.has('issuer'))
    throw options.fault('issuer', `${UNSET}: name the exact "iss" of the tokens, or say false`);
}

/** One that is written down as `undefined` is not left to the default. @internal */
export function requireAudience(options: OptionReader, fallback?: IssuerDefaults['audience']): void {
  if (options.has('audience') || (fallback !== undefined && !options.mentions('audience'))) return;
  throw options.fault('audience', `${UNSET}: name the "aud" that tokens must have, or say false for any`);
}

function readIssuer(options: OptionReader, allowInsecure: boolean): string | false | undefined {
  const issuer = options.get('issuer');
  if (issuer === undefined || issuer === false) return issuer;
  if (typeof issuer !== 'string' || issuer.trim() === '')
    throw options.invalid('issuer', 'the exact "iss" of the tokens, or false');
  if (issuer.trim() !== issuer) throw options.fault('issuer', 'has white space around it, which no "iss" has');
  const discovers = !namesKeys(options);
  // A name that is compared: where the keys come from has an address of its own.
  if (!discovers) return issuer;
  const fault = urlFault(issuer, { allowInsecure });
  if (fault)
    throw options.fault('issuer', `${fault}; with "jwksUri", "discoveryUri", "jwks" or "source" it may be any text`);
  if (/\/\.well-known\//.test(issuer))
    throw options.fault(
      'issuer',
      'is the address of a document: name the issuer, which is "issuer" in that document; the address may be given as "discoveryUri"',
    );
  // OpenID Connect Discovery section 2, RFC 8414 section 2.
  if (issuer.includes('?')) throw options.fault('issuer', 'takes a URL without a query, or a "jwksUri" beside it');
  return issuer;
}

function namesKeys(options: OptionReader): boolean {
  return ['jwksUri', 'discoveryUri', 'jwks', 'source'].some((name) => options.has(name));
}

function readMembers(options: OptionReader, allowInsecure: boolean): ResolvedMember[] {
  options.excludes('source', ['jwksUri', 'discoveryUri'], 'a source of your own takes its place');
  options.excludes('discoveryUri', ['jwksUri'], 'it says where to find what "jwksUri" names');
  const further = readFailover(options, allowInsecure);
  const backup: ResolvedMember[] = options.has('jwks')
    ? [{ kind: 'static', document: options.get('jwks'), option: options.nameOf('jwks') }]
    : [];
  const first = readFirst(options, allowInsecure);
  if (first) return [first, ...further, ...backup];
  if (backup.length === 0)
    throw options.fault('jwksUri', 'is missing, and without "issuer" there is nothing to discover it from');
  if (further.length > 0)
    throw options.fault('failover', 'can\'t follow "jwks", which never fails: give it beside "jwksUri"');
  return backup;
}

function readFirst(options: OptionReader, allowInsecure: boolean): ResolvedMember | undefined {
  if (options.has('source')) return { kind: 'custom', source: readSource(options) };
  if (options.has('jwksUri')) return { kind: 'http', uri: readUri(options, 'jwksUri', allowInsecure) };
  const issuer = options.get('issuer');
  if (options.has('discoveryUri')) {
    if (typeof issuer !== 'string') throw options.fault('discoveryUri', 'needs the "issuer" that the metadata is of');
    return { kind: 'discovery', issuer, uri: readUri(options, 'discoveryUri', allowInsecure) };
  }
  return typeof issuer === 'string' && !options.has('jwks') ? { kind: 'discovery', issuer } : undefined;
}

function readFailover(options: OptionReader, allowInsecure: boolean): ResolvedMember[] {
  const takes = 'a list of JWKS URIs, { jwksUri }, { jwks } or { source }';
  const isMember = (member: unknown): member is JwksFailoverSource =>
    typeof member === 'string' || (typeof member === 'object' && member !== null);
  return (options.list('failover', isMember, takes) ?? []).map((member, index) => {
    const written = typeof member === 'string' ? { jwksUri: member } : member;
    const prefix = `${options.nameOf('failover')}[${index}].`;
    const reader = OptionReader.read(written, prefix, ['jwksUri', 'jwks', 'source']);
    if (['jwksUri', 'jwks', 'source'].filter((name) => reader.has(name)).length !== 1) {
      throw options.fault('failover', `takes exactly one of jwksUri, jwks and source in its member ${index}`);
    }
    if (reader.has('jwks')) return { kind: 'static', document: reader.get('jwks'), option: reader.nameOf('jwks') };
    if (reader.has('source')) return { kind: 'custom', source: readSource(reader) };
    return { kind: 'http', uri: readUri(reader, 'jwksUri', allowInsecure) };
  });
}

function readUri(options: OptionReader, name: string, allowInsecure: boolean): string {
  const uri = options.get(name);
  const fault = urlFault(uri, { allowInsecure });
  if (fault) throw options.fault(name, fault);
  return uri as string;
}

function readSource(options: OptionReader): JwkSetSource {
  const source = options.get('source') as Partial<JwkSetSource> | null;
  if (typeof source?.load !== 'function')
    throw options.invalid('source', 'a JwkSetSource (something with the function load)');
  return source as JwkSetSource;
}
