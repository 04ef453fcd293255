import { execFileSync } from 'node:child_process';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf, readText, typeScriptFiles } from '../support/source-files.js';

const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string>> & {
  exports: Record<string, string | { types: string; default: string }>;
  files: string[];
};

/** The package of an import, without what is below it. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function packagesImportedBy(folder: string): Set<string> {
  const specifiers = typeScriptFiles(folder).flatMap((path) => importsOf(readText(path)));
  return new Set(
    specifiers
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !builtinModules.includes(name))
      .map(packageOf),
  );
}

describe('package.json', () => {
  it('can be imported, and required: every entry has `types` and `default`', () => {
    const { './package.json': itself, ...entries } = manifest.exports;
    expect(itself).toBe('./package.json');
    expect(Object.keys(entries)).toEqual([
      '.',
      './source',
      './endpoint',
      './resource-metadata',
      './testing',
      './terminus',
      './prometheus',
      './inspect',
    ]);
    for (const entry of Object.values(entries)) expect(Object.keys(entry)).toEqual(['types', 'default']);
  });

  it('publishes dist/ alone', () => {
    expect(manifest.files).toEqual(['dist']);
  });

  it('runs nothing at installation', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare'];
    expect(Object.keys(manifest['scripts'] ?? {}).filter((name) => hooks.includes(name))).toEqual([]);
  });

  it('declares every package that lib/ imports, and no other', () => {
    const { dependencies = {}, peerDependencies = {} } = manifest;
    const imported = packagesImportedBy('lib');
    expect([...imported].filter((name) => !(name in dependencies) && !(name in peerDependencies))).toEqual([]);
    expect(Object.keys(dependencies).filter((name) => !imported.has(name))).toEqual([]);
  });

  it('loads optional peers on first use only', () => {
    const optional = Object.keys(manifest['peerDependenciesMeta'] ?? {});
    // Types cost nothing. A subpath belongs to a peer, and is imported by those alone who have
    // that.
    const sources = typeScriptFiles('lib').filter((path) => !path.startsWith('lib/terminus/'));
    for (const path of sources)
      for (const name of optional)
        expect(readText(path), path).not.toMatch(new RegExp(`^(?:import|export) (?!type )[^;]*'${name}`, 'm'));
  });

  it('names the tools exactly, and Nest too', () => {
    const loose = Object.entries(manifest['devDependencies'] ?? {}).filter(
      ([, range]) => !/^\d+\.\d+\.\d+$/.test(range),
    );
    expect(loose).toEqual([]);
    expect(manifest['devDependencies']).toMatchObject({ vitest: '4.1.12', '@vitest/coverage-v8': '4.1.12' });
  });

  it('is in step with its lockfile', () => {
    const lock = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Record<string, unknown>> };
    const { '': root = {} } = lock.packages;
    for (const kind of ['version', 'dependencies', 'devDependencies', 'peerDependencies', 'engines'])
      expect(root[kind], kind).toEqual(manifest[kind]);
    // npm ci stops where an optional binding of another platform is missing.
    const listed = new Set(Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const optional = Object.values(lock.packages).flatMap((entry) => Object.keys(entry['optionalDependencies'] ?? {}));
    expect(optional.filter((name) => !listed.has(name))).toEqual([]);
  });
});

describe('the repository', () => {
  it('names no registry: the user chooses one', () => {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const search = ['grep', '-lE', ['"resolved":', String.raw`registry\.[a-z]+\.[a-z]+`, 'npmmirror'].join('|')];
    const found = (() => {
      try {
        return execFileSync('git', [...search, '--', '.', ':!test/package/manifest.spec.ts'], {
          cwd: root,
          encoding: 'utf8',
        });
      } catch (error) {
        // 1: nothing found; 128: no repository, as in a copy of the checkout.
        if ([1, 128].includes((error as { status: number }).status)) return '';
        throw error;
      }
    })();
    expect(found).toBe('');
  });
});
