import { extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { assistant } from './identity-provider.js';

/**
 * Gets tokens for the SDK's client, which does the rest: it reads the challenge, finds the metadata
 * and the authorization server, and repeats the request. The SDK gives this kind of provider the
 * scopes of the configuration alone, so that it reads those of a challenge itself.
 */
export class Assistant extends ClientCredentialsProvider {
  private scope: string | undefined;

  constructor(issuer: string) {
    // Its secret goes to this issuer only, whatever a server's metadata names.
    super({ clientId: assistant.id, clientSecret: assistant.secret, expectedIssuer: issuer });
  }

  override prepareTokenRequest(): URLSearchParams {
    console.log(`  the client asks for a token with "${this.scope}"`);
    return super.prepareTokenRequest(this.scope);
  }

  /** Prints each exchange. */
  readonly fetch: FetchLike = async (url, init) => {
    const response = await fetch(url, init);
    const { pathname } = new URL(url);
    const call = typeof init?.body === 'string' ? `, ${messageOf(init.body)}` : '';
    console.log(`  ${init?.method ?? 'GET'} ${pathname}${call}: ${response.status}`);
    this.scope = extractWWWAuthenticateParams(response).scope ?? this.scope;
    return response;
  };
}

function messageOf(body: string): string {
  const { method, params } = JSON.parse(body) as { method: string; params?: { name?: string } };
  return params?.name ? `${method} ${params.name}` : method;
}
