import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorResponseOf } from '../../lib/auth/response/refusal.js';
import * as errors from '../../lib/core/errors.js';
import * as senderErrors from '../../lib/core/sender-errors.js';
import { readText } from '../support/source-files.js';
import { anchorsOf, pages, tableOf, withoutCode } from './pages.js';

const ROOT = new URL('../../', import.meta.url);
const readme = readText('README.md');

describe('the tables of the documentation', () => {
  it('list the options of @Authenticated', () => {
    const source = readText('lib/auth/route-options.ts');
    const [body = ''] = /interface AuthenticatedOptions \{[^]*?\n\}/.exec(source) ?? [];
    const declared = [...body.matchAll(/^ {2}readonly (\w+)\?/gm)].map(([, name]) => name);
    const listed = tableOf('docs/protecting-routes.md', 'Protecting routes').map(([option]) => option);
    expect(listed.sort()).toEqual(declared.sort());
  });

  it('list every error, with its code and status', () => {
    const rows = tableOf('docs/errors.md', 'Errors').map(([, error, code, status]) => [error, code, status]);
    const expected = concreteErrors().map((error) => [
      error.name,
      error.code,
      String(errorResponseOf(error)?.status ?? 'at start-up'),
    ]);
    expect(rows.sort()).toEqual(expected.sort());
  });

  it('list every event', () => {
    const declared = [...readText('lib/core/events.ts').matchAll(/type: '([a-z.]+)'/g)].map(([, type]) => type);
    expect(tableOf('docs/observability.md', 'Events').map(([event]) => event)).toEqual(declared);
  });

  it('list the states of a set', () => {
    const states = ['fresh', 'refresh-due', 'stale', 'expired'];
    expect(tableOf('docs/caching.md', 'The four states').map(([state]) => state)).toEqual(states);
    const [, declared = ''] = /type \w*SetState = ([^;]+);/.exec(readText('lib/cache/lifetime.ts')) ?? [];
    for (const state of states) expect(declared).toContain(`'${state}'`);
  });

  it('list what can request a refresh', () => {
    const [, declared = ''] = /type \w*RefreshCause =([^;]+);/.exec(readText('lib/core/events.ts')) ?? [];
    const text = readText('docs/observability.md');
    for (const [, trigger = ''] of declared.matchAll(/'([\w-]+)'/g)) expect(text).toContain(`\`${trigger}\``);
  });
});

describe('the README', () => {
  it('has at most 250 lines', () => {
    expect(readme.trim().split('\n').length).toBeLessThanOrEqual(250);
  });

  it('names the two commands that a fresh clone needs', () => {
    expect(readme).toMatch(/^npm ci && npm run sample\b/m);
    expect(readme).toMatch(/^npm ci && npm test\b/m);
  });

  it('links to every page in docs/, to the providers by their index', () => {
    const providers = linksOf(readText('docs/providers/README.md')).map((link) => `docs/providers/${link}`);
    const linked = [...linksOf(readme), ...providers, 'README.md'];
    const unlinked = pages.filter(({ path }) => !linked.includes(path));
    expect(unlinked.map(({ path }) => path)).toEqual([]);
  });
});

const files = ['SECURITY.md', 'CHANGELOG.md', 'bench/README.md', 'test/README.md'];
const documents = [...pages, ...files.map((path) => ({ path, text: readText(path) }))];

describe.each(documents)('$path', ({ path, text }) => {
  it('has links that lead somewhere', () => {
    const dead = linksOf(text).filter((link) => {
      if (link.startsWith('https://')) return false;
      const url = new URL(link, new URL(path, ROOT));
      if (!existsSync(fileURLToPath(new URL(url.pathname, url)))) return true;
      const target = fileURLToPath(url).endsWith('.md') && readText(relative(url));
      return url.hash !== '' && !(target && anchorsOf(target).has(url.hash.slice(1)));
    });
    expect(dead).toEqual([]);
  });

  it('names only scripts and files that exist', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
    const paths = [...text.matchAll(/`((?:lib|test|tools|docs)\/[\w./-]+)`/g)].map(([, named = '']) => named);
    expect(paths.filter((each) => !existsSync(new URL(each, ROOT)))).toEqual([]);
  });
});

describe.each(pages)('the prose of $path', ({ text }) => {
  it('is plain English', () => {
    const odd =
      /\b(judg\w*|told|nobody|whoever|somebody|answers? with|aloud|what is none|is had|lets in|refus(e|es|ed|ing))\b/gi;
    expect(
      withoutCode(text)
        .replace(/`[^`]*`/g, '')
        .match(odd),
    ).toBeNull();
  });
});

function linksOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

function relative(url: URL): string {
  return url.pathname.slice(ROOT.pathname.length);
}

const FIRST_ARGUMENTS = new Map<unknown, unknown>([
  [errors.InsufficientScopeError, ['orders:write']],
  [senderErrors.StepUpRequiredError, { maxAge: '5m' }],
]);

/** One of each class that `lib/core` exports and that is not abstract. */
function concreteErrors(): errors.AnyJwksError[] {
  const made = Object.values({ ...errors, ...senderErrors }).flatMap((exported: unknown) => {
    if (typeof exported !== 'function' || !(exported.prototype instanceof errors.JwksError)) return [];
    const Concrete = exported as new (first: unknown) => errors.AnyJwksError;
    return [new Concrete(FIRST_ARGUMENTS.get(exported) ?? 'aud')];
  });
  return made.filter((error) => error.code !== undefined);
}
