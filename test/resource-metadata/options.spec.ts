import { afterEach, describe, expect, it } from 'vitest';
import { resolveResourceOptions } from '../../lib/resource-metadata/resolve-resource-options.js';

const resource = 'https://api.example.com/mcp';

function faultOf(options: unknown): { option?: string; message: string } {
  try {
    resolveResourceOptions(options);
  } catch (error) {
    return error as { option?: string; message: string };
  }
  throw new Error(`${JSON.stringify(options)} was accepted`);
}

describe('options of a protected resource that cannot be', () => {
  it.each<[string | undefined, unknown]>([
    [undefined, undefined],
    [undefined, null],
    [undefined, [resource]],
    ['resource', {}],
    ['resource', { resource: undefined }],
    ['resource', { resource: '' }],
    ['resource', { resource: new URL(resource) }],
    ['resource', { resource: 'api.example.com/mcp' }],
    ['resource', { resource: 'ftp://api.example.com/mcp' }],
    ['resource', { resource: 'http://api.example.com/mcp' }],
    ['resource', { resource: 'http://localhost.example.com/mcp' }],
    ['resource', { resource: 'https://me:secret@api.example.com/mcp' }],
    ['resource', { resource: `${resource}#` }],
    ['resource', { resource: 'https://API.example.com/mcp' }],
    ['resource', { resource: 'https://api.example.com:443/mcp' }],
    ['resource', { resource: 'https://api.example.com/a/../mcp' }],
    ['resource', { resource: 'https:\\\\api.example.com\\mcp' }],
    ['resource', { resource: ` ${resource}` }],
    ['resource', { resource: `${resource}\r\nSet-Cookie: a=b` }],
    ['resource', { resource: 'https://api.example.com//mcp' }],
    ['resource', { resource: 'https://api.example.com/mcp//' }],
    ['resource', { resource: 'https://api.example.com/:tenant' }],
    ['resource', { resource: 'https://api.example.com/*' }],
    ['resource', { resource: 'https://api.example.com/caf%C3%A9' }],
    ['resource', { resource: `${resource}?a=\\` }],
    ['resource', { resource: `${resource}?a=|` }],
    ['resource', { resource: `${resource}?a={b}` }],
    ['authorizationServers', { resource, authorizationServers: ['https://id.example.com/?a=\\'] }],
    ['authorizationServers', { resource, authorizationServers: undefined }],
    ['authorizationServers', { resource, authorizationServers: [] }],
    ['authorizationServers', { resource, authorizationServers: 'https://id.example.com/' }],
    ['authorizationServers', { resource, authorizationServers: ['accounts.google.com'] }],
    ['authorizationServers', { resource, authorizationServers: ['http://id.example.com/'] }],
    ['scopesSupported', { resource, scopesSupported: 'notes:read' }],
    ['scopesSupported', { resource, scopesSupported: ['notes read'] }],
    ['scopesSupported', { resource, scopesSupported: [''] }],
    ['resourceName', { resource, resourceName: ' ' }],
    ['resourceName', { resource, resourceName: 7 }],
    ['documentation', { resource, documentation: 'javascript:alert(1)' }],
    ['documentation', { resource, documentation: '/docs' }],
    ['scopeSupported', { resource, scopeSupported: [] }],
    ['isGlobal', { resource, isGlobal: true }],
  ])('are an error that names %s: %j', (option, options) => {
    const fault = faultOf(options);
    expect(fault).toMatchObject({ name: 'JwksConfigurationError' });
    expect(fault.option).toBe(option);
    expect(fault.message).not.toContain('secret');
  });

  it('M2, M4: cannot put a line into a header, or be undefined', () => {
    expect(faultOf({ resource: `${resource}\r\nSet-Cookie: a=b` }).option).toBe('resource');
    expect(faultOf({ resource, authorizationServers: undefined }).message).toContain('is undefined');
  });

  it('are explained', () => {
    expect(faultOf({ resource: 'https://API.example.com/mcp' }).message).toContain(`"${resource}"`);
    expect(faultOf({ resource, scopeSupported: [] }).message).toContain('did you mean "scopesSupported"?');
    expect(faultOf({}).message).toContain('the URL that clients call');
    expect(faultOf({ resource: undefined }).message).toContain('environment variable');
  });
});

describe('options of a protected resource', () => {
  it.each([resource, 'http://127.0.0.1:3000/mcp', 'http://localhost:3000', 'http://[::1]/mcp', `${resource}?a=b`])(
    'take the resource %s',
    (each) => {
      expect(resolveResourceOptions({ resource: each }).resource).toBe(each);
    },
  );

  describe('with a polluted prototype', () => {
    const names = ['authorizationServers', 'scopesSupported', 'documentation', 'resourceName'];
    afterEach(() => {
      for (const name of names) delete (Object.prototype as Record<string, unknown>)[name];
    });

    it('M4: have what was given and nothing else', () => {
      for (const name of names) (Object.prototype as Record<string, unknown>)[name] = ['https://evil.example'];
      expect(resolveResourceOptions({ resource })).toEqual({
        resource,
        authorizationServers: undefined,
        scopesSupported: [],
        resourceName: undefined,
        documentation: undefined,
      });
    });
  });
});
