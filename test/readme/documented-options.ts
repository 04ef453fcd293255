import { readText } from '../support/source-files.js';

/** Which interface documents which part of the options, and under which path. */
const INTERFACES: Record<string, { file: string; prefix: string; only?: readonly string[] }> = {
  JwksSharedOptions: { file: 'jwks-options', prefix: '' },
  JwksMultiIssuerOptions: { file: 'jwks-options', prefix: '', only: ['issuers'] },
  JwksIssuerOptions: { file: 'issuer-options', prefix: '' },
  JwksTokenOptions: { file: 'issuer-options', prefix: '' },
  JwksSourceOptions: { file: 'issuer-options', prefix: '' },
  JwksCacheOptions: { file: 'cache-options', prefix: 'cache.' },
  JwksRefetchLimitOptions: { file: 'cache-options', prefix: 'refetchLimit.' },
  JwksHttpOptions: { file: 'http-options', prefix: 'http.' },
  JwksTokenCacheOptions: { file: 'token-cache-options', prefix: 'tokenCache.' },
};

/**
 * Every option by its path, with the text of its `@default` tag; `required` where it has none and
 * must be given, `none` where it need not.
 */
export function documentedOptions(): Map<string, string> {
  const options = new Map<string, string>();
  for (const [name, { file, prefix, only }] of Object.entries(INTERFACES)) {
    const [body] = new RegExp(`interface ${name} [^]*?\\n\\}`).exec(readText(`lib/options/${file}.ts`)) ?? [];
    if (!body) throw new Error(`lib/options/${file}.ts has no interface ${name}`);
    for (const [, comment = '', member = '', optional] of body.matchAll(
      /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*(\w+)(\?)?[:(]/g,
    )) {
      if (only && !only.includes(member)) continue;
      const text = comment.replace(/^\s*\* ?/gm, '');
      options.set(
        `${prefix}${member}`,
        /@default ([^]+)$/.exec(text)?.[1]?.trim() ?? (optional || only ? 'none' : 'required'),
      );
    }
  }
  return options;
}
