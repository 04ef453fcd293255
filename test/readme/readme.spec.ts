import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorResponseOf } from '../../lib/auth/refusal.js';
import * as errors from '../../lib/core/errors.js';
import { readText, typeScriptFiles } from '../support/source-files.js';
import { documentedOptions } from './documented-options.js';
import { ReadmeProject } from './readme-project.js';

const readme = readText('README.md');
/** The text without code, which may hold what looks like a heading, a table or a link. */
const prose = readme.replace(/^```[^]*?^```$/gm, '').replace(/<!--[^]*?-->\n?/g, '');

describe('the examples of the README', () => {
  let project: ReadmeProject;
  beforeAll(() => {
    project = new ReadmeProject();
  });
  afterAll(() => project.remove());

  it('are found, each under a name of its own', () => {
    expect(project.blocks.length).toBe(readme.match(/^```ts$/gm)?.length);
    expect(new Set(project.blocks.map(({ file }) => file)).size).toBe(project.blocks.length);
    expect(project.blocks.length).toBeGreaterThan(15);
  });

  it('compile', () => {
    expect(project.typeCheck()).toBe('');
  }, 60_000);

  it('that are specs pass', () => {
    expect(project.blocks.filter(({ how }) => how === 'test')).toHaveLength(1);
    const { status, output } = project.runSpecs();
    expect(output).toMatch(/Tests +2 passed \(2\)/);
    expect(status).toBe(0);
  }, 60_000);

  it('that are programs run', async () => {
    const programs = project.blocks.filter(({ how }) => how === 'run');
    expect(programs.length).toBeGreaterThan(0);
    for (const { file } of programs)
      await import(
        /* @vite-ignore */ project.variant(file, {
          "'https://id.example.com/jwks'": 'issuer.jwksUri',
          "'https://id.example.com/'": 'issuer.issuer',
        })
      );
  }, 30_000);
});

describe('the tables of the README', () => {
  it('list the options that there are, with their defaults', () => {
    const rows = tableAfter('## Options').map(([option, byDefault]) => [plain(option), plain(byDefault)]);
    const declared = documentedOptions();
    expect(rows.map(([option]) => option).sort()).toEqual([...declared.keys(), 'isGlobal'].sort());
    for (const [option = '', byDefault] of rows)
      if (option !== 'isGlobal') expect(byDefault, option).toBe(plain(declared.get(option)));
  });

  it('list the options of @Authenticated', () => {
    const source = readText('lib/auth/route-options.ts');
    const [body = ''] = /interface AuthenticatedOptions \{[^]*?\n\}/.exec(source) ?? [];
    const declared = [...body.matchAll(/^ {2}readonly (\w+)\?/gm)].map(([, name]) => name);
    expect(
      tableAfter('## Protecting routes')
        .map(([option]) => plain(option))
        .sort(),
    ).toEqual(declared.sort());
  });

  it('list the faults that there are, with what clients get', () => {
    const rows = tableAfter('## Faults').map(([, error, code, status]) => [plain(error), plain(code), status]);
    const expected = concreteFaults().map((fault) => [
      fault.name,
      fault.code,
      String(errorResponseOf(fault)?.status ?? 'at start-up'),
    ]);
    expect(rows.sort()).toEqual(expected.sort());
  });

  it('list the events that there are', () => {
    const declared = [...readText('lib/core/events.ts').matchAll(/type: '([a-z.]+)'/g)].map(([, type]) => type);
    expect(tableAfter('## Events, logs and status').map(([event]) => plain(event))).toEqual(declared);
  });

  it('has the refresh states that there are', () => {
    expect(tableAfter('## How keys are kept').map(([state]) => state)).toEqual([
      'fresh',
      'refresh-due',
      'stale',
      'expired',
    ]);
  });
});

describe('the README', () => {
  it('names the two commands that a fresh clone needs', () => {
    expect(readme).toMatch(/^npm ci && npm run sample\b/m);
    expect(readme).toMatch(/^npm ci && npm test\b/m);
  });

  it('names only scripts that there are', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  it('has links that lead somewhere', () => {
    const anchors = new Set([...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => `#${anchorOf(heading)}`));
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const dead = targets.filter((target) => {
      if (target.startsWith('https://')) return false;
      return target.startsWith('#') ? !anchors.has(target) : !existsSync(new URL(`../../${target}`, import.meta.url));
    });
    expect(dead).toEqual([]);
    expect(targets.length).toBeGreaterThan(20);
  });

  it('lists each of its sections in the contents', () => {
    const [contents = ''] = /^## Contents\n[^]*?(?=^## )/m.exec(prose) ?? [];
    const after = prose.slice(prose.indexOf(contents) + contents.length);
    for (const [, heading = ''] of after.matchAll(/^## (.+)$/gm))
      if (heading !== 'License') expect(contents).toContain(`(#${anchorOf(heading)})`);
  });

  it('promises nothing that the sources do not export', () => {
    const exported = readText('lib/index.ts') + readText('lib/testing/index.ts');
    const imported = [...readme.matchAll(/^import (?:type )?\{([^}]+)\} from 'nestjs-jwks(?:\/testing)?';$/gm)];
    const names = imported.flatMap(([, list = '']) => list.split(',').map((name) => name.replace('type', '').trim()));
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(exported))).toEqual([]);
    expect(typeScriptFiles('lib')).toContain('lib/index.ts');
  });
});

/** One of each class that `core/errors.ts` exports and that is not abstract. */
function concreteFaults(): errors.AnyJwksError[] {
  const made = Object.values(errors).flatMap((exported: unknown) => {
    if (typeof exported !== 'function' || !(exported.prototype instanceof errors.JwksError)) return [];
    const Fault = exported as new (first: unknown) => errors.AnyJwksError;
    return [new Fault(exported === errors.InsufficientScopeError ? ['orders:write'] : 'aud')];
  });
  return made.filter((fault) => fault.code !== undefined);
}

/** The body rows of the last table of a section, or of its only one. */
function tableAfter(heading: string): string[][] {
  const section = prose.slice(prose.indexOf(`${heading}\n`)).split(/^## /m)[1] ?? '';
  const tables =
    section
      .split(/\n(?!\|)/)
      .join('\n')
      .match(/(?:^\|.*\|$\n?)+/gm) ?? [];
  const [, , ...rows] = (tables[0] ?? '').trim().split('\n');
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function plain(text = ''): string {
  return text.replaceAll('`', '').replace(/\s+/g, ' ').trim();
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
