import { DOCUMENT_PATH, PATH_CHARACTERS } from '../documents/document-route.js';
import { describe } from '../options/describe.js';
import { OptionReader } from '../options/option-reader.js';
import { isChallengeValue } from '../core/challenge-values.js';
import { isLoopbackHost } from '../sources/address-guard.js';
import type { ProtectedResourceOptions } from './protected-resource-options.js';

/** @internal */
export interface ResolvedResource {
  readonly resource: string;
  readonly authorizationServers: readonly string[] | undefined;
  readonly scopesSupported: readonly string[];
  readonly resourceName: string | undefined;
  readonly documentation: string | undefined;
}

const NAMES: readonly (keyof ProtectedResourceOptions)[] = [
  'resource',
  'authorizationServers',
  'scopesSupported',
  'resourceName',
  'documentation',
];
/** RFC 3986 section 2: the URL parser leaves others in a query, such as a backslash. */
const URL_CHARACTERS = /^[\w.~:/?@!$&'()*+,;=%[\]-]+$/;
/** Where clients send their credentials must not depend on a variable that is not set. */
const DECIDED = new Set<keyof ProtectedResourceOptions>(['resource', 'authorizationServers']);

/**
 * Checks the options of the module. Throws a `JwksConfigurationError` that names the option.
 *
 * @internal
 */
export function resolveResourceOptions(given: unknown): ResolvedResource {
  const options = OptionReader.read(given, '', NAMES, DECIDED);
  return {
    resource: readResource(options),
    authorizationServers: readAuthorizationServers(options),
    scopesSupported: readScopes(options),
    resourceName: options.text('resourceName', undefined, /\S/, 'a name to show to users'),
    documentation: readDocumentation(options),
  };
}

function readResource(options: OptionReader): string {
  if (!options.has('resource')) {
    throw options.fault('resource', "is required: the URL that clients call, such as 'https://api.example.com/mcp'");
  }
  const resource = options.get('resource');
  const fault = secureUrlFault(resource);
  if (fault) throw options.fault('resource', fault);
  const { pathname } = new URL(resource as string);
  const path = pathname.replace(/\/$/, '');
  if (path === '' || DOCUMENT_PATH.test(path)) return resource as string;
  throw options.fault('resource', `takes a URL whose path is made of ${PATH_CHARACTERS}`);
}

function readAuthorizationServers(options: OptionReader): readonly string[] | undefined {
  const isServer = (entry: unknown): entry is string => secureUrlFault(entry) === undefined;
  const takes = 'a list of https URLs (http on loopback), such as ["https://id.example.com/"]';
  const servers = options.list('authorizationServers', isServer, takes);
  if (servers?.length === 0) throw options.invalid('authorizationServers', takes);
  return servers;
}

function readScopes(options: OptionReader): readonly string[] {
  const takes = 'a list of scopes: strings without spaces, quotes and backslashes';
  return [...new Set(options.list('scopesSupported', isChallengeValue, takes))];
}

function readDocumentation(options: OptionReader): string | undefined {
  if (!options.has('documentation')) return undefined;
  const page = options.get('documentation');
  if (typeof page === 'string' && /^https?:/.test(page) && URL.canParse(page)) return page;
  throw options.invalid('documentation', "the URL of a page, such as 'https://docs.example.com/api'");
}

/**
 * Why a value is no identifier of a resource or an authorization server. It has to be written as
 * a URL parser writes it: clients compare identifiers as text.
 */
function secureUrlFault(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    return `takes an https URL, not ${describe(value, typeof value === 'string' && value.includes('@'))}`;
  }
  const { protocol, hostname, username, password, href } = new URL(value);
  if (username !== '' || password !== '') return 'takes a URL without credentials';
  if (value.includes('#')) return 'takes a URL without a fragment';
  if (!URL_CHARACTERS.test(href)) return 'has a query with characters that have to be percent-encoded';
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopbackHost(hostname))) {
    return 'takes an https URL; http is for loopback alone';
  }
  return [href, href.replace(/\/$/, '')].includes(value) ? undefined : `has to be written as "${href}"`;
}
