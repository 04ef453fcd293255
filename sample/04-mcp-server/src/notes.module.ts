import { Module, type DynamicModule } from '@nestjs/common';
import { JwksModule } from 'nestjs-jwks';
import { ProtectedResourceModule } from 'nestjs-jwks/resource-metadata';
import { McpController } from './mcp.controller.js';
import { Notes } from './notes.js';

@Module({})
export class NotesModule {
  /** `resource`: the URL that clients call. Tokens have to be made for it. */
  static for(resource: string, issuer: string): DynamicModule {
    return {
      module: NotesModule,
      imports: [
        JwksModule.forRoot({ issuer, audience: resource, attach: { auth: 'mcp' } }),
        ProtectedResourceModule.forRoot({
          resource,
          scopesSupported: ['notes:read', 'notes:write'],
          resourceName: 'Notes',
        }),
      ],
      controllers: [McpController],
      providers: [Notes],
    };
  }
}
