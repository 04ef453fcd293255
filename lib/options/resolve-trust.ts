import { JwksConfigurationError } from '../core/errors.js';
import type { JwksIssuerResolver } from './issuer-options.js';
import { OptionReader } from './option-reader.js';
import {
  requireAudience,
  requireIssuer,
  ISSUER_NAMES,
  resolveIssuer,
  SOURCE_NAMES,
  type IssuerDefaults,
  type ResolvedIssuer,
} from './resolve-issuer.js';
import type { ResolvedHttp } from './resolve-http.js';
import { readAudience, resolveTokenOptions } from './resolve-rules.js';

/** Which issuers are trusted: one, some, or those that a function finds. @internal */
export type ResolvedTrust =
  | { readonly kind: 'one'; readonly issuer: ResolvedIssuer }
  | { readonly kind: 'list'; readonly issuers: readonly ResolvedIssuer[] }
  /**
   * `undefined`: the function knows no such issuer. Rejects with what it throws, or with a
   * JwksConfigurationError.
   */
  | { readonly kind: 'tenants'; readonly resolve: (issuer: string) => Promise<ResolvedIssuer | undefined> };

/** @internal */
export function resolveTrust(options: OptionReader, http: ResolvedHttp): ResolvedTrust {
  if (!options.has('issuers')) {
    requireIssuer(options);
    requireAudience(options);
    return { kind: 'one', issuer: resolveIssuer(options) };
  }
  options.excludes('issuers', ['issuer', ...SOURCE_NAMES], 'it goes into its members');
  const defaults = { audience: readAudience(options), tokens: resolveTokenOptions(options), http };
  if (options.mentions('audience')) requireAudience(options);
  if (typeof options.get('issuers') !== 'function') return { kind: 'list', issuers: readList(options, defaults) };
  const find = options.method<JwksIssuerResolver>('issuers', 'a function') as JwksIssuerResolver;
  return { kind: 'tenants', resolve: (issuer) => resolveTenant(issuer, find, defaults) };
}

function readList(options: OptionReader, defaults: IssuerDefaults): ResolvedIssuer[] {
  const isObject = (member: unknown): member is object => typeof member === 'object' && member !== null;
  const takes = 'a list of at least one issuer, or a function that finds one';
  const members = options.list('issuers', isObject, takes) ?? [];
  if (members.length === 0) throw options.invalid('issuers', takes);
  const issuers = members.map((member, index) => resolveEntry(member, `issuers[${index}].`, defaults));
  for (const [index, { issuer }] of issuers.entries()) {
    if (issuers.findIndex((other) => other.issuer === issuer) === index) continue;
    const option = `issuers[${index}].issuer`;
    throw new JwksConfigurationError(`Option "${option}" names an issuer that stands before it already`, option);
  }
  return issuers;
}

async function resolveTenant(
  issuer: string,
  find: JwksIssuerResolver,
  defaults: IssuerDefaults,
): Promise<ResolvedIssuer | undefined> {
  const found = await find(issuer);
  return found === undefined || found === null ? undefined : resolveEntry(found, 'issuers().', defaults);
}

/** `false` would make one issuer's keys good for the tokens of every other. */
function resolveEntry(given: unknown, prefix: string, defaults: IssuerDefaults): ResolvedIssuer {
  const options = OptionReader.read(given, prefix, [...ISSUER_NAMES, 'http']);
  requireIssuer(options);
  if (options.get('issuer') === false) throw options.invalid('issuer', 'the exact "iss" of the tokens');
  requireAudience(options, defaults.audience);
  return resolveIssuer(options, defaults);
}
