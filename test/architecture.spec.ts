import { describe, expect, it } from 'vitest';
import { importsOf, readText, resolveImport, typeScriptFiles, withoutComments } from './support/source-files.js';

/**
 * Which layers of ours a layer may import, besides itself: lower ones only (docs/architecture.md).
 */
const LAYERS: Record<string, readonly string[]> = {
  core: [],
  documents: [],
  keys: ['core'],
  sources: ['core', 'keys'],
  cache: ['core', 'keys', 'sources'],
  tokens: ['core', 'keys', 'sources', 'cache'],
  proof: ['core', 'keys', 'sources', 'cache', 'tokens'],
  options: ['core', 'keys', 'sources', 'cache', 'tokens', 'proof'],
  client: ['core', 'keys', 'sources', 'cache', 'tokens', 'proof', 'options'],
  telemetry: ['core'],
  auth: ['core', 'keys', 'sources', 'cache', 'tokens', 'proof', 'options', 'client', 'jwks.service'],
  endpoint: ['core', 'documents', 'keys', 'sources', 'options', 'client', 'jwks.service'],
  'resource-metadata': ['core', 'documents', 'sources', 'options', 'client', 'auth', 'jwks.service'],
  terminus: ['core', 'jwks.service'],
  cli: ['core', 'keys', 'sources', 'cache', 'tokens', 'options', 'client'],
  testing: [
    'core',
    'keys',
    'tokens',
    'options',
    'client',
    'auth',
    'endpoint',
    'jwks.service',
    'jwks.module-definition',
  ],
  'jwks.module-definition': ['options'],
  'jwks.service': [
    'core',
    'keys',
    'sources',
    'cache',
    'tokens',
    'proof',
    'options',
    'client',
    'jwks.module-definition',
  ],
};

/** The files that assemble the layers. They may import anything but the subpaths. */
const ASSEMBLIES = ['jwks.module', 'index', 'source', 'prometheus', 'inspect'];
const SUBPATHS = ['testing', 'terminus', 'endpoint', 'resource-metadata', 'cli', 'prometheus', 'inspect'];
const KNOW_NEST = [
  'jwks.module',
  'jwks.module-definition',
  'jwks.service',
  'auth',
  'testing',
  'terminus',
  'endpoint',
  'resource-metadata',
];
const KNOW_RXJS = [...KNOW_NEST, 'client'];
const NEST = /^(@nestjs\/|passport|reflect-metadata)/;

const files = typeScriptFiles('lib').map((path) => ({ path, source: readText(path) }));

/** The layer of a file: the folder under lib/, or the name of a file directly in lib/. */
function layerOf(path: string): string {
  const [, first = '', ...rest] = path.split('/');
  return rest.length > 0 ? first : first.replace(/\.ts$/, '');
}

function ownImports(file: { path: string; source: string }): string[] {
  return importsOf(file.source)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolveImport(file.path, specifier));
}

describe('the architecture', () => {
  it('is read from the files of lib/', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.flatMap(ownImports).length).toBeGreaterThan(files.length);
  });

  it('has imports that run from higher layers to lower ones only, types included', () => {
    const against = files.flatMap((file) => {
      const layer = layerOf(file.path);
      if (ASSEMBLIES.includes(layer)) return [];
      const seen = [layer, ...(LAYERS[layer] ?? [])];
      return ownImports(file)
        .filter((target) => !seen.includes(layerOf(target)))
        .map((target) => `${file.path} -> ${target}`);
    });
    expect(against).toEqual([]);
  });

  it('has no import.meta, which Jest cannot make CommonJS of', () => {
    const users = files.filter(({ source }) => /\bimport\.meta\b/.test(withoutComments(source)));
    expect(users.map(({ path }) => path)).toEqual([]);
  });

  it('keeps its subpaths apart from the main entry', () => {
    const mixed = files
      .filter((file) => !SUBPATHS.includes(layerOf(file.path)))
      .flatMap((file) => ownImports(file).filter((target) => SUBPATHS.includes(layerOf(target))));
    expect(mixed).toEqual([]);
  });

  it('has no import cycles, types included', () => {
    const graph = new Map(files.map((file) => [file.path, ownImports(file)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, way: string[]): void => {
      if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
      if (done.has(path) || way.includes(path)) return;
      for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('imports files that exist, by their .js name', () => {
    const paths = new Set(files.map((file) => file.path));
    expect(files.flatMap(ownImports).filter((target) => !paths.has(target))).toEqual([]);
    expect(files.flatMap(({ source }) => importsOf(source).filter((name) => /^\.(?!.*\.js$)/.test(name)))).toEqual([]);
  });

  it('imports Nest and Passport only in the layers that face the application', () => {
    const knowing = files.filter(
      ({ path, source }) =>
        !KNOW_NEST.includes(layerOf(path)) &&
        path !== 'lib/telemetry/log-events.ts' &&
        path !== 'lib/index.ts' &&
        importsOf(source).some((specifier) => NEST.test(specifier)),
    );
    expect(knowing.map(({ path }) => path)).toEqual([]);
  });

  it('imports rxjs only from the client layer upwards', () => {
    const knowing = files.filter(
      ({ path, source }) =>
        !KNOW_RXJS.includes(layerOf(path)) && importsOf(source).some((specifier) => /^rxjs(\/|$)/.test(specifier)),
    );
    expect(knowing.map(({ path }) => path)).toEqual([]);
  });

  it('takes the time from the injected clock only', () => {
    const own =
      /\bDate\.now\b|\bnew Date\(\)|\bset(Timeout|Interval)\b|\bperformance\b|\bAbortSignal\.timeout\b|timers\/promises/;
    const timed = files.filter(({ path, source }) => path !== 'lib/core/clock.ts' && own.test(withoutComments(source)));
    expect(timed.map(({ path }) => path)).toEqual([]);
  });

  it('has files of at most 350 lines', () => {
    const long = files.filter(({ source }) => source.trimEnd().split('\n').length > 350);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('has a spec folder for every layer, and no spec folder without one', () => {
    const layers = new Set(
      files
        .map(({ path }) => path)
        .filter((path) => path.split('/').length > 2)
        .map(layerOf),
    );
    const specs = new Set(
      typeScriptFiles('test')
        .filter((path) => path.endsWith('.spec.ts'))
        .map((path) => path.split('/')[1]),
    );
    expect([...layers].filter((layer) => !specs.has(layer))).toEqual([]);
    const others = [
      'e2e',
      'security',
      'readme',
      'package',
      'bench',
      'docs',
      'tools',
      'architecture.spec.ts',
      ...layers,
    ];
    expect([...specs].filter((name = '') => !others.includes(name) && !/^(jwks\.|index)/.test(name))).toEqual([]);
  });
});

describe('the public surface', () => {
  const entries = [
    'index',
    'source',
    'endpoint/index',
    'resource-metadata/index',
    'testing/index',
    'terminus/index',
    'prometheus',
    'inspect',
  ].map((name) => `lib/${name}.ts`);
  const exported = entries.flatMap((entry) => publicNames(entry));

  it('is exported by name, types apart', () => {
    for (const { path, source } of files) expect(withoutComments(source), path).not.toMatch(/\bexport\s*\*/);
    expect(exported.length).toBeGreaterThan(5);
    expect(exported.filter(({ text }) => text === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('has at most 60 names in the main entry', () => {
    expect(publicNames('lib/index.ts').length).toBeLessThanOrEqual(60);
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
