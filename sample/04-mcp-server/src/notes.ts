import { Injectable } from '@nestjs/common';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import { z } from 'zod';

/** Notes of each client, and the tools that read and write them. */
@Injectable()
export class Notes {
  private readonly byClient = new Map<string, string[]>();

  server(): McpServer {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    server.registerTool('list_notes', { description: 'Lists your notes' }, ({ authInfo }) =>
      text(this.of(authInfo).join('\n')),
    );
    const inputSchema = { note: z.string() };
    server.registerTool('add_note', { description: 'Adds a note', inputSchema }, ({ note }, { authInfo }) => {
      this.of(authInfo).push(note);
      return text(`Added by ${authInfo?.clientId}`);
    });
    return server;
  }

  private of(authInfo: AuthInfo | undefined): string[] {
    if (!authInfo) throw new Error('The transport has passed no AuthInfo');
    const notes = this.byClient.get(authInfo.clientId) ?? ['Buy milk'];
    this.byClient.set(authInfo.clientId, notes);
    return notes;
  }
}

function text(content: string) {
  return { content: [{ type: 'text' as const, text: content }] };
}
