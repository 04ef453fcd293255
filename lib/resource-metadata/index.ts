export { mcpAuthInfo } from '../auth/mcp-auth-info.js';
export { ProtectedResourceModule } from './protected-resource.module.js';

export type { McpAuthInfo } from '../auth/mcp-auth-info.js';
export type { ProtectedResourceOptions, ProtectedResourceOptionsFactory } from './protected-resource-options.js';
