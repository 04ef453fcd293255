import { Controller, Injectable, Post, Req, Res, UseGuards, type ExecutionContext, type Type } from '@nestjs/common';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { JwksAuthGuard, JwksModule, type AuthenticatedOptions } from '../../lib/index.js';
import { ProtectedResourceModule } from '../../lib/resource-metadata/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { Api, type MakeAdapter } from '../e2e/support/api.js';

const RESOURCE = 'https://api.example.com/mcp';

/** What a tool is given. */
const seen: (AuthInfo | undefined)[] = [];

async function serve(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  for (const name of ['read', 'write']) {
    server.registerTool(name, {}, ({ authInfo }) => {
      seen.push(authInfo);
      return { content: [{ type: 'text', text: 'done' }] };
    });
  }
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => void server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, body);
}

@Injectable()
class ToolGuard extends JwksAuthGuard {
  protected override getOptions(context: ExecutionContext): AuthenticatedOptions {
    const { body } = context.switchToHttp().getRequest<{ body: { params?: { name?: string } } }>();
    return body.params?.name === 'write' ? { scopes: ['notes:write'] } : {};
  }
}

@Controller('mcp')
@UseGuards(ToolGuard)
class OnExpress {
  @Post()
  handle(@Req() request: IncomingMessage & { body: unknown }, @Res() response: ServerResponse) {
    return serve(request, response, request.body);
  }
}

@Controller('mcp')
@UseGuards(ToolGuard)
class OnFastify {
  @Post()
  handle(
    @Req() request: { raw: IncomingMessage; body: unknown },
    @Res() reply: { raw: ServerResponse; hijack(): void },
  ) {
    reply.hijack();
    return serve(request.raw, reply.raw, request.body);
  }
}

const PLATFORMS: [string, MakeAdapter, Type<unknown>][] = [
  ['Express', () => new ExpressAdapter(), OnExpress],
  ['Fastify', () => new FastifyAdapter(), OnFastify],
];

describe.each(PLATFORMS)('a server on the MCP SDK with %s', (_, makeAdapter, controller) => {
  it('M8: passes the AuthInfo of each request to its tools, and rejects what the guard rejects', async () => {
    const issuer = await TestIssuer.start({ audience: RESOURCE });
    await using api = await Api.start(makeAdapter, {
      imports: [
        JwksModule.forRoot({ ...issuer.options(), attach: { auth: 'mcp' } }),
        ProtectedResourceModule.forRoot({ resource: RESOURCE }),
      ],
      controllers: [controller],
    });
    const url = new URL('/mcp', await api.app.getUrl());
    const connected = async (token: string): Promise<Client> => {
      const client = new Client({ name: 'test', version: '1.0.0' });
      const headers = { authorization: `Bearer ${token}` };
      await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
      return client;
    };
    seen.length = 0;
    const token = await issuer.sign({ sub: 'alice', azp: 'assistant', scope: 'notes:read' });
    const client = await connected(token);
    await client.callTool({ name: 'read' });
    const claims = expect.objectContaining({ sub: 'alice' }) as object;
    expect(seen).toEqual([
      {
        token,
        clientId: 'assistant',
        scopes: ['notes:read'],
        expiresAt: expect.any(Number) as number,
        resource: new URL(RESOURCE),
        extra: { claims, user: expect.objectContaining({ claims }) as object },
      },
    ]);
    const denied = await client.callTool({ name: 'write' }).catch((error: unknown) => error);
    expect(denied).toBeInstanceOf(StreamableHTTPError);
    expect(denied).toMatchObject({ code: 403 });
    expect(seen).toHaveLength(1);
    await expect(connected('a.b.c')).rejects.toMatchObject({ code: 401 });
    await client.close();
    await issuer.close();
  });
});
