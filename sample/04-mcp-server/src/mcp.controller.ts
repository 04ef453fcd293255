import { All, Controller, Header, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { McpGuard } from './mcp.guard.js';
import { Notes } from './notes.js';

/** Streamable HTTP without sessions: a server of the SDK for each request. */
@Controller('mcp')
export class McpController {
  constructor(private readonly notes: Notes) {}

  @Post()
  @UseGuards(McpGuard)
  async handle(@Req() request: IncomingMessage & { body: unknown }, @Res() response: ServerResponse): Promise<void> {
    const server = this.notes.server();
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on('close', () => void server.close());
    await server.connect(transport);
    // It passes `request.auth` to the tools: the AuthInfo that the guard has put there.
    await transport.handleRequest(request, response, request.body);
  }

  /** There are no sessions, and so nothing to listen to or to end. */
  @All()
  @HttpCode(405)
  @Header('Allow', 'POST')
  others(): void {}
}
