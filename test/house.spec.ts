import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { importsOf, readText, resolveImport, typeScriptFiles, withoutComments } from './support/source-files.js';

/** What a room may import of ours, besides itself. The arrows of the design, from the ground up. */
const SEES: Record<string, readonly string[]> = {
  core: [],
  keys: ['core'],
  sources: ['core', 'keys'],
  cache: ['core', 'keys', 'sources'],
  tokens: ['core', 'keys', 'sources', 'cache'],
  options: ['core', 'keys', 'sources', 'cache', 'tokens'],
  client: ['core', 'keys', 'sources', 'cache', 'tokens', 'options'],
  telemetry: ['core'],
  auth: ['core', 'keys', 'sources', 'cache', 'tokens', 'client', 'jwks.service'],
  testing: ['core'],
  'jwks.module-definition': ['options'],
  'jwks.service': ['core', 'keys', 'sources', 'cache', 'tokens', 'options', 'client', 'jwks.module-definition'],
};

/** The files that put things together: they may import anything but the subpaths of their own. */
const ASSEMBLIES = ['jwks.module', 'index'];
const SUBPATHS = ['testing', 'terminus', 'endpoint'];
const KNOW_NEST = ['jwks.module', 'jwks.module-definition', 'jwks.service', 'auth', 'testing', 'terminus', 'endpoint'];
const KNOW_RXJS = [...KNOW_NEST, 'client'];
const NEST = /^(@nestjs\/|passport|reflect-metadata)/;

const files = typeScriptFiles('lib').map((path) => ({ path, source: readText(path) }));

/** The room of a file: the folder under lib/, or the name of a file that stands in lib/ itself. */
function roomOf(path: string): string {
  const [, first = '', ...rest] = path.split('/');
  return rest.length > 0 ? first : first.replace(/\.ts$/, '');
}

function ownImports(file: { path: string; source: string }): string[] {
  return importsOf(file.source)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolveImport(file.path, specifier));
}

describe('the house', () => {
  it('is read at all', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.flatMap(ownImports).length).toBeGreaterThan(files.length);
  });

  it('has imports that run along the arrows alone, types included', () => {
    const against = files.flatMap((file) => {
      const room = roomOf(file.path);
      if (ASSEMBLIES.includes(room)) return [];
      const seen = [room, ...(SEES[room] ?? [])];
      return ownImports(file)
        .filter((target) => !seen.includes(roomOf(target)))
        .map((target) => `${file.path} -> ${target}`);
    });
    expect(against).toEqual([]);
  });

  it('keeps its subpaths apart from the main entry', () => {
    const mixed = files
      .filter((file) => !SUBPATHS.includes(roomOf(file.path)))
      .flatMap((file) => ownImports(file).filter((target) => SUBPATHS.includes(roomOf(target))));
    expect(mixed).toEqual([]);
  });

  it('has no circles, types included', () => {
    const graph = new Map(files.map((file) => [file.path, ownImports(file)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, way: string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
      if (done.has(path) || way.includes(path)) return;
      for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  it('imports files that exist, by their .js name', () => {
    const paths = new Set(files.map((file) => file.path));
    expect(files.flatMap(ownImports).filter((target) => !paths.has(target))).toEqual([]);
    expect(files.flatMap(({ source }) => importsOf(source).filter((name) => /^\.(?!.*\.js$)/.test(name)))).toEqual([]);
  });

  it('knows Nest and Passport only where it meets the application', () => {
    const knowing = files.filter(
      ({ path, source }) =>
        !KNOW_NEST.includes(roomOf(path)) &&
        path !== 'lib/telemetry/log-events.ts' &&
        path !== 'lib/index.ts' &&
        importsOf(source).some((specifier) => NEST.test(specifier)),
    );
    expect(knowing.map(({ path }) => path)).toEqual([]);
  });

  it('knows rxjs only from the client up', () => {
    const knowing = files.filter(
      ({ path, source }) =>
        !KNOW_RXJS.includes(roomOf(path)) && importsOf(source).some((specifier) => /^rxjs(\/|$)/.test(specifier)),
    );
    expect(knowing.map(({ path }) => path)).toEqual([]);
  });

  it('takes time from a clock that was handed in', () => {
    const own =
      /\bDate\.now\b|\bnew Date\(\)|\bset(Timeout|Interval)\b|\bperformance\b|\bAbortSignal\.timeout\b|timers\/promises/;
    const timed = files.filter(({ path, source }) => path !== 'lib/core/clock.ts' && own.test(withoutComments(source)));
    expect(timed.map(({ path }) => path)).toEqual([]);
  });

  it('has rooms that the linter fences in the same way', () => {
    const { overrides } = JSON.parse(readText('.oxlintrc.json')) as {
      overrides: {
        files: string[];
        rules: { 'no-restricted-imports'?: [string, { patterns: { group: string[] }[] }] };
      }[];
    };
    for (const room of Object.keys(SEES).filter((name) => existsSync(new URL(`../lib/${name}/`, import.meta.url)))) {
      if (room === 'testing') continue;
      const override = overrides.find((each) => each.files.includes(`lib/${room}/**`));
      const fenced = override?.rules['no-restricted-imports']?.[1].patterns.flatMap(({ group }) => group) ?? [];
      const others = Object.keys(SEES).filter(
        (other) => !other.includes('.') && other !== room && !SEES[room]?.includes(other),
      );
      expect(fenced, room).toEqual(expect.arrayContaining(others.map((other) => `**/${other}/**`)));
    }
  });

  it('has files of less than 200 lines', () => {
    const long = files.filter(({ source }) => source.trimEnd().split('\n').length >= 200);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('has a spec folder for every room, and none without one', () => {
    const rooms = new Set(
      files
        .map(({ path }) => path)
        .filter((path) => path.split('/').length > 2)
        .map(roomOf),
    );
    const specs = new Set(
      typeScriptFiles('test')
        .filter((path) => path.endsWith('.spec.ts'))
        .map((path) => path.split('/')[1]),
    );
    expect([...rooms].filter((room) => !specs.has(room))).toEqual([]);
    const others = ['e2e', 'security', 'readme', 'package', 'bench', 'house.spec.ts', ...rooms];
    expect([...specs].filter((name = '') => !others.includes(name) && !/^(jwks\.|index)/.test(name))).toEqual([]);
  });
});

describe('the public surface', () => {
  const entries = ['lib/index.ts', 'lib/testing/index.ts'].filter((path) => files.some((file) => file.path === path));
  const exported = entries.flatMap((entry) => publicNames(entry));

  it('is exported by name, types apart', () => {
    for (const { path, source } of files) expect(withoutComments(source), path).not.toMatch(/\bexport\s*\*/);
    expect(exported.length).toBeGreaterThan(5);
    expect(exported.filter(({ text }) => text === undefined).map(({ name }) => name)).toEqual([]);
  });

  it.each(exported)('documents $name as @publicApi', ({ text = '' }) => {
    expect(text).toContain('@publicApi');
    expect(text).not.toContain('@internal');
    expect(text.replace(/@\w+/g, '').replace(/[^a-z]/gi, '').length, 'a sentence, not only a tag').toBeGreaterThan(5);
  });
});

/** The names that an entry re-exports, each with the doc comment of its declaration. */
function publicNames(entry: string): { name: string; text: string | undefined }[] {
  const code = withoutComments(readText(entry));
  return [...code.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}\s*from\s*['"]([^'"]+)['"]/g)].flatMap(
    ([, names = '', from = '']) =>
      names
        .split(',')
        .map((name) => name.replace(/\btype\b/, '').trim())
        .filter(Boolean)
        .map((name) => {
          const [original = name, alias = original] = name.split(/\s+as\s+/);
          return { name: alias, text: docOf(readText(resolveImport(entry, from)), original) };
        }),
  );
}

/** The doc comment that stands before the declaration of a name, decorators in between allowed. */
function docOf(source: string, name: string): string | undefined {
  const comment = String.raw`(/\*\*(?:[^*]|\*(?!/))*\*/)\s*`;
  const decorators = String.raw`(?:@\w+\((?:[^)]*|\{\n(?:(?!\n\}\))[^])*\n\})\)\s*)*`;
  const kind = '(?:declare )?(?:abstract )?(?:async )?(?:class|interface|type|const|function|enum)';
  const declaration = new RegExp(`${comment}${decorators}export ${kind} ${name}\\b`);
  return declaration.exec(source)?.[1];
}
