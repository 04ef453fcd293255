import { Injectable, type ExecutionContext } from '@nestjs/common';
import { JwksAuthGuard, type AuthenticatedOptions } from 'nestjs-jwks';

/** What tools ask for beside `notes:read`, which every request needs. */
const SCOPES: ReadonlyMap<unknown, string> = new Map([['add_note', 'notes:write']]);

interface Message {
  readonly method?: unknown;
  readonly params?: { readonly name?: unknown };
}

/**
 * Reads from the message which tool is called: a client whose token lacks a scope gets a 403 that
 * names the scope, and can ask for a token that has it.
 */
@Injectable()
export class McpGuard extends JwksAuthGuard {
  protected override getOptions(context: ExecutionContext): AuthenticatedOptions {
    const { body } = context.switchToHttp().getRequest<{ body: Message | Message[] | undefined }>();
    const calls = [body].flat().filter((message) => message?.method === 'tools/call');
    return { scopes: ['notes:read', ...calls.flatMap((call) => SCOPES.get(call?.params?.name) ?? [])] };
  }
}
