import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { Assistant } from './assistant.js';
import { startIdentityProvider } from './identity-provider.js';
import { NotesModule } from './notes.module.js';

let failures = 0;

function expectSame(what: string, actual: unknown, expected: unknown): void {
  const isGood = isDeepStrictEqual(actual, expected);
  if (!isGood) failures += 1;
  console.log(`  ${isGood ? '✓' : '✗'} ${what}: ${JSON.stringify(actual)}`);
}

/** The resource has to have a name before it listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const port = await freePort();
const resource = `http://127.0.0.1:${port}/mcp`;
const provider = await startIdentityProvider(resource);
const app = await NestFactory.create(NotesModule.for(resource, provider.issuer), { logger: ['error', 'warn'] });
await app.listen(port, '127.0.0.1');
console.log(`Identity provider: ${provider.issuer}\nMCP server:        ${resource}`);

console.log('\nA client without a token.');
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_notes' } };
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const response = await fetch(resource, { method: 'POST', headers, body: JSON.stringify(call) });
console.log(`  < WWW-Authenticate: ${response.headers.get('www-authenticate')}`);
const { resourceMetadataUrl, scope, error } = extractWWWAuthenticateParams(response);
const location = `http://127.0.0.1:${port}/.well-known/oauth-protected-resource/mcp`;
expectSame('status and error', [response.status, error], [401, undefined]);
expectSame('where the metadata is', resourceMetadataUrl?.href, location);
expectSame('scope to ask for', scope, 'notes:read');
const metadata = await discoverOAuthProtectedResourceMetadata(resource, { resourceMetadataUrl });
expectSame('the metadata', metadata, {
  resource,
  authorization_servers: [provider.issuer],
  bearer_methods_supported: ['header'],
  scopes_supported: ['notes:read', 'notes:write'],
  resource_name: 'Notes',
});
const byFallback = await discoverOAuthProtectedResourceMetadata(resource);
expectSame('found without a challenge too', isDeepStrictEqual(byFallback, metadata), true);

console.log('\nA client that gets tokens: it connects, lists the tools and calls one.');
const assistant = new Assistant(provider.issuer);
const transport = new StreamableHTTPClientTransport(new URL(resource), {
  authProvider: assistant,
  fetch: assistant.fetch,
});
const client = new Client({ name: 'assistant', version: '1.0.0' });

function scopesHeld(): unknown {
  const [, claims = ''] = assistant.tokens()?.access_token.split('.') ?? [];
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { scope?: unknown }).scope;
}

await client.connect(transport);
const { tools } = await client.listTools();
expectSame(
  'tools',
  tools.map(({ name }) => name),
  ['list_notes', 'add_note'],
);
const listed = await client.callTool({ name: 'list_notes' });
expectSame('list_notes', listed.content, [{ type: 'text', text: 'Buy milk' }]);
expectSame('scopes of its token', scopesHeld(), 'notes:read');

console.log('\nIt calls a tool that needs another scope: 403 names the scope, and it gets a token that has it.');
const withTooLittle = { ...headers, authorization: `Bearer ${assistant.tokens()?.access_token}` };
const write = { ...call, params: { name: 'add_note', arguments: { note: 'Buy bread' } } };
const denied = await fetch(resource, { method: 'POST', headers: withTooLittle, body: JSON.stringify(write) });
const challenge = extractWWWAuthenticateParams(denied);
console.log(`  < WWW-Authenticate: ${denied.headers.get('www-authenticate')}`);
expectSame('status and error', [denied.status, challenge.error], [403, 'insufficient_scope']);
expectSame('scope to ask for', challenge.scope, 'notes:read notes:write');
expectSame('where the metadata is', challenge.resourceMetadataUrl?.href, location);
const added = await client.callTool(write.params);
expectSame('add_note', added.content, [{ type: 'text', text: 'Added by assistant' }]);
expectSame('scopes of its token', scopesHeld(), 'notes:read notes:write');
const relisted = await client.callTool({ name: 'list_notes' });
expectSame('list_notes', relisted.content, [{ type: 'text', text: 'Buy milk\nBuy bread' }]);

await client.close();
await app.close();
provider.close();
console.log(failures === 0 ? '\nEvery step went as it should.' : `\n${failures} steps did not go as they should.`);
process.exit(failures === 0 ? 0 : 1);
