// Builds dist/ from lib/, from nothing: a file that was renamed must not survive in the package.
// TypeScript compiles; then the modules of each entry become one file, since a hundred small ones
// take twice as long to load.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { manifest, root, run, tsc } from './run.mjs';

const dist = join(root, 'dist');
const entries = [
  ...Object.values(manifest.exports).flatMap((entry) => entry.default ?? []),
  ...Object.values(manifest.bin),
];
const cache = join(root, 'node_modules', '.cache');
mkdirSync(cache, { recursive: true });
const compiled = mkdtempSync(join(cache, 'build-'));
try {
  rmSync(dist, { recursive: true, force: true });
  const { status } = run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', compiled], { show: true });
  if (status !== 0) process.exit(status);
  cpSync(compiled, dist, { recursive: true, filter: (path) => !/\.js(\.map)?$/.test(path) });
  await build({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => join(compiled, relative('dist', entry))),
    outdir: dist,
    outbase: compiled,
    chunkNames: 'shared-[hash]',
    bundle: true,
    // All entries must have the same classes.
    splitting: true,
    // A class with decorators is renamed otherwise: Nest's logs would name "JwksModule2".
    keepNames: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
} finally {
  rmSync(compiled, { recursive: true, force: true });
}
