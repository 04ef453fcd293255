import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../lib/core/clock.js';
import { DEFAULTS } from '../../lib/options/defaults.js';
import { resolveModuleOptions } from '../../lib/options/resolve-options.js';

const folder = new URL('../../lib/options/', import.meta.url);

/**
 * `@default` tags by the path of their option, of the interface that the path's start belongs to.
 */
function documentedDefaults(): Map<string, string> {
  const prefixes: Record<string, string> = {
    JwksCacheOptions: 'cache.',
    JwksRefetchLimitOptions: 'refetchLimit.',
    JwksHttpOptions: 'http.',
    JwksTokenCacheOptions: 'tokenCache.',
    JwksMetricsOptions: 'metrics.',
    JwksOpenApiOptions: 'openApi.',
    JwksDpopOptions: 'dpop.',
    JwksDpopNonceOptions: 'dpop.nonce.',
  };
  const tags = new Map<string, string>();
  for (const file of readdirSync(folder).filter(
    (name) => name.endsWith('-options.ts') && !name.startsWith('resolve-'),
  )) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, name = '', body = ''] of text.matchAll(/export interface (\w+)[^{]*\{\n([\s\S]*?)\n\}/g)) {
      if (name === 'JwksClientOptions' || name === 'JwksIssuerConfig') continue;
      for (const [, doc = '', option = ''] of body.matchAll(/\/\*\*([\s\S]*?)\*\/\s+(\w+)\??[:(]/g)) {
        const tag = /@default ([\s\S]*?)\s*$/.exec(doc.replace(/\n\s*\*/g, '\n'))?.[1]?.replace(/\s+/g, ' ');
        if (tag !== undefined) tags.set(`${prefixes[name] ?? ''}${option}`, tag);
      }
    }
  }
  return tags;
}

function literalOf(tag: string): unknown {
  if (!/^['[\d]|^(true|false)$/.test(tag)) return undefined;
  return JSON.parse(tag.replaceAll("'", '"').replaceAll('_', '')) as unknown;
}

const flat = flatten(DEFAULTS);

function flatten(options: object, prefix = ''): [string, unknown][] {
  return Object.entries(options).flatMap(([name, value]): [string, unknown][] =>
    typeof value === 'object' && !Array.isArray(value)
      ? flatten(value as object, `${prefix}${name}.`)
      : [[prefix + name, value]],
  );
}

describe('the defaults', () => {
  const documented = documentedDefaults();

  it.each(flat)('%s is documented as %j', (option, value) => {
    expect(literalOf(documented.get(option) ?? '')).toEqual(value);
  });

  it('have no documented value that does not exist', () => {
    const valued = [...documented].filter(([, tag]) => literalOf(tag) !== undefined).map(([option]) => option);
    expect(valued.sort()).toEqual(flat.map(([option]) => option).sort());
  });

  it('are what options come to that say nothing', () => {
    const { trust, cache, refetchLimit, http, tokenCache, settings } = resolveModuleOptions({
      issuer: 'https://id.example.com',
      audience: 'a',
    });
    const { metrics, prefetch } = settings;
    const ms = (value: unknown) => (/^\d+[smh]$/.test(String(value)) ? parseDuration(value) : value);
    const inMilliseconds = (values: object) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, ms(value)]));
    if (trust.kind !== 'one') throw new Error('one issuer');
    const { rules, allowInsecure, members } = trust.issuer;
    expect(cache).toEqual({ ...inMilliseconds(DEFAULTS.cache), store: undefined, integrityKeys: [] });
    expect(tokenCache).toEqual(DEFAULTS.tokenCache);
    expect(metrics).toEqual(DEFAULTS.metrics);
    expect(refetchLimit).toEqual(inMilliseconds(DEFAULTS.refetchLimit));
    expect({ ...http, ...http.transport }).toMatchObject(inMilliseconds(DEFAULTS.http));
    expect({
      ...rules,
      algorithms: [...rules.algorithms],
      allowInsecure,
      prefetch,
      failover: members.slice(1),
    }).toEqual({
      algorithms: DEFAULTS.algorithms,
      tokenType: undefined,
      clockTolerance: 5_000,
      maxTokenAge: undefined,
      requiredClaims: DEFAULTS.requiredClaims,
      allowNumericSubject: DEFAULTS.allowNumericSubject,
      allowInsecure: DEFAULTS.allowInsecure,
      prefetch: DEFAULTS.prefetch,
      failover: DEFAULTS.failover,
    });
  });
});
