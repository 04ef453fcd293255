import fc from 'fast-check';
import * as oauth from 'oauth4webapi';
import { describe, expect, it } from 'vitest';
import { JwksRuntime, NO_MODULE } from '../../lib/client/jwks-runtime.js';
import { metadataDocument, metadataLocation } from '../../lib/resource-metadata/metadata-document.js';
import { resolveResourceOptions } from '../../lib/resource-metadata/resolve-resource-options.js';

const ROOT = '/.well-known/oauth-protected-resource';

/** The URL that a client of RFC 9728 asks. */
async function askedFor(resource: string): Promise<string> {
  let asked = '';
  const remember = async (url: string) => {
    asked = url;
    return new Response();
  };
  await oauth.resourceDiscoveryRequest(new URL(resource), {
    [oauth.customFetch]: remember,
    [oauth.allowInsecureRequests]: true,
  });
  return asked;
}

describe('where the metadata of a resource is', () => {
  it.each([
    // RFC 9728 sections 3.1 and 3.
    ['https://resource.example.com', `https://resource.example.com${ROOT}`],
    ['https://resource.example.com/', `https://resource.example.com${ROOT}`],
    ['https://resource.example.com/resource1', `https://resource.example.com${ROOT}/resource1`],
    ['https://api.example.com:8443/v1/mcp', `https://api.example.com:8443${ROOT}/v1/mcp`],
    ['https://api.example.com/mcp/', `https://api.example.com${ROOT}/mcp/`],
    ['https://api.example.com/mcp?tenant=a', `https://api.example.com${ROOT}/mcp?tenant=a`],
    ['https://api.example.com/?tenant=a', `https://api.example.com${ROOT}?tenant=a`],
    ['http://[::1]:3000/mcp', `http://[::1]:3000${ROOT}/mcp`],
  ])('of %s is %s', (resource, url) => {
    expect(metadataLocation(resource).url).toBe(url);
  });

  it('is served in the root and after the well-known name, with and without a slash at the end', () => {
    const both = [ROOT, `${ROOT}/`, `${ROOT}/mcp`, `${ROOT}/mcp/`];
    for (const resource of ['https://a.example/mcp', 'https://a.example/mcp/', 'https://a.example/mcp?b=c'])
      expect(metadataLocation(resource).paths).toEqual(both);
    expect(metadataLocation('https://a.example/').paths).toEqual([ROOT, `${ROOT}/`]);
  });

  it('is where clients ask, for every resource that the options take', async () => {
    const segment = fc.stringMatching(/^[\w.~-]{1,12}$/).filter((text) => !/^\.{1,2}$/.test(text));
    const resources = fc
      .record({
        host: fc.oneof(fc.domain(), fc.ipV4(), fc.constant('[2001:db8::1]')),
        port: fc.option(fc.integer({ min: 1, max: 65_535 })),
        path: fc.array(segment, { maxLength: 4 }),
        slash: fc.boolean(),
        query: fc.option(fc.stringMatching(/^[\w.~:/?&=%-]{1,12}$/)),
      })
      .map(({ host, port, path, slash, query }) => {
        const end = `${path.length === 0 || slash ? '/' : ''}${query === null ? '' : `?${query}`}`;
        const text = `https://${host}${port === null ? '' : `:${port}`}${path.map((each) => `/${each}`).join('')}${end}`;
        return URL.canParse(text) ? new URL(text).href : undefined;
      })
      .filter((resource) => resource !== undefined);
    await fc.assert(
      fc.asyncProperty(resources, async (resource) => {
        resolveResourceOptions({ resource });
        const { url, paths } = metadataLocation(resource);
        expect(url).toBe(await askedFor(resource));
        expect(paths).toContain(new URL(url).pathname);
        expect(url).not.toMatch(/["\\\s]/);
      }),
    );
  });
});

describe('the document', () => {
  const read = (options: object, issuers?: string[], settings = {}) =>
    JSON.parse(
      metadataDocument(resolveResourceOptions(options), issuers, { ...NO_MODULE, ...settings }).body,
    ) as unknown;
  const resource = 'https://api.example.com/mcp';

  it('has the members of RFC 9728', () => {
    const options = {
      resource,
      scopesSupported: ['notes:read', 'notes:write', 'notes:read'],
      resourceName: 'Notes',
      documentation: 'https://docs.example.com/notes',
    };
    expect(read(options, ['https://id.example.com/', 'https://other.example.com'])).toEqual({
      resource,
      authorization_servers: ['https://id.example.com/', 'https://other.example.com'],
      bearer_methods_supported: ['header'],
      scopes_supported: ['notes:read', 'notes:write'],
      resource_name: 'Notes',
      resource_documentation: 'https://docs.example.com/notes',
    });
  });

  it('leaves out lists without an element and what is not given', () => {
    expect(read({ resource, scopesSupported: [] })).toEqual({ resource, bearer_methods_supported: ['header'] });
  });

  it('does not say how tokens are sent where the application finds them itself', () => {
    expect(read({ resource }, undefined, { tokenFrom: () => null })).toEqual({ resource });
  });

  it.each<[object, object]>([
    [{ dpop: true }, { dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] }],
    [
      { dpop: { required: true, algorithms: ['RS256', 'ES256'] } },
      { dpop_signing_alg_values_supported: ['RS256', 'ES256'], dpop_bound_access_tokens_required: true },
    ],
    [{ mtls: { certificate: 'socket' } }, { tls_client_certificate_bound_access_tokens: true }],
    [{ boundTokens: 'verified-by-gateway' }, {}],
  ])('says which bound tokens %j takes', (options, members) => {
    const { settings } = JwksRuntime.ofModule({ issuer: 'https://id.example', audience: 'a', ...options });
    expect(read({ resource }, undefined, settings)).toEqual({
      resource,
      bearer_methods_supported: ['header'],
      ...members,
    });
  });

  it('has the resource exactly as it is configured', () => {
    for (const each of ['https://api.example.com', 'https://api.example.com/', 'https://api.example.com/mcp/?a=b'])
      expect(read({ resource: each })).toMatchObject({ resource: each });
  });
});
