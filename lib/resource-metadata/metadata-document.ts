import type { ModuleSettings } from '../options/resolve-options.js';
import type { Document } from '../documents/document-answer.js';
import type { ResolvedResource } from './resolve-resource-options.js';

/** Where the metadata of a resource is. @internal */
export interface MetadataLocation {
  readonly url: string;
  /** Where it is served: clients look in the root too, and differ about the slash at the end. */
  readonly paths: readonly string[];
}

/** How long others may keep the document, in seconds: it changes with a deployment. */
const MAX_AGE = 600;

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/**
 * RFC 9728 section 3.1: the well-known name stands between the host and the path, where a path that
 * is nothing but a slash counts for none; a query stays at the end.
 *
 * @internal
 */
export function metadataLocation(resource: string): MetadataLocation {
  const { origin, pathname, search } = new URL(resource);
  const inserted = WELL_KNOWN + (pathname === '/' ? '' : pathname);
  const bases = new Set([WELL_KNOWN, inserted.replace(/\/$/, '')]);
  return { url: origin + inserted + search, paths: [...bases].flatMap((path) => [path, `${path}/`]) };
}

/** The document (RFC 9728 section 2). Members without a value are left out. @internal */
export function metadataDocument(
  { resource, scopesSupported, resourceName, documentation }: ResolvedResource,
  issuers: readonly string[] | undefined,
  settings: ModuleSettings,
): Document {
  const metadata = {
    resource,
    authorization_servers: issuers,
    // Where `tokenFrom` looks only the application knows.
    bearer_methods_supported: settings.tokenFrom ? undefined : ['header'],
    scopes_supported: scopesSupported.length > 0 ? scopesSupported : undefined,
    resource_name: resourceName,
    resource_documentation: documentation,
    ...senderConstraints(settings),
  };
  return {
    contentType: 'application/json',
    body: JSON.stringify(metadata),
    cacheControl: `public, max-age=${MAX_AGE}`,
  };
}

/** Members about tokens that are bound to their sender. None: such tokens are rejected. */
function senderConstraints({ sender }: ModuleSettings): Readonly<Record<string, unknown>> {
  return {
    dpop_signing_alg_values_supported: sender.dpop?.algorithms,
    dpop_bound_access_tokens_required: sender.dpop?.required ? true : undefined,
    tls_client_certificate_bound_access_tokens: sender.mtls ? true : undefined,
  };
}
