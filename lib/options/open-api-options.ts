import { DEFAULTS } from './defaults.js';
import type { OptionReader } from './option-reader.js';

/** How routes show in an OpenAPI document. @publicApi */
export interface JwksOpenApiOptions {
  /**
   * The name of the security scheme.
   *
   * @default 'bearer'
   */
  scheme?: string;
}

/** @internal */
export type ResolvedOpenApi = { readonly scheme: string } | false;

/** @internal */
export function resolveOpenApi(parent: OptionReader): ResolvedOpenApi {
  if (parent.get('openApi') === false) return false;
  const options = parent.section('openApi', ['scheme'] satisfies (keyof JwksOpenApiOptions)[]);
  // OpenAPI 3.1 section 4.8.7: names of components.
  return { scheme: options.text('scheme', DEFAULTS.openApi.scheme, /^[\w.-]+$/, 'letters, digits, ".", "-" and "_"') };
}
