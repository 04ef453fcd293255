import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');

/**
 * `lib/` as JavaScript in a folder of its own, for processes that no test runner compiles for. Gone
 * when it is disposed of.
 */
export class CompiledLib implements AsyncDisposable {
  private constructor(private readonly folder: string) {}

  /** Type errors are the type check's business; here the code only has to compile. */
  static async make(): Promise<CompiledLib> {
    const cache = join(root, 'node_modules', '.cache');
    await mkdir(cache, { recursive: true });
    const lib = new CompiledLib(await mkdtemp(join(cache, 'nestjs-jwks-')));
    await writeFile(join(lib.folder, 'package.json'), '{ "type": "module" }');
    const said = await compile(['-p', join(root, 'tsconfig.build.json'), '--outDir', lib.folder]);
    await access(fileURLToPath(lib.url)).catch(() => {
      throw new Error(`lib/ does not compile: ${said}`);
    });
    return lib;
  }

  /** For `import()`. */
  get url(): string {
    return pathToFileURL(join(this.folder, 'index.js')).href;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

function compile(args: string[]): Promise<string> {
  const tsc = join(typescript, '..', 'bin', 'tsc');
  const cheap = ['--declaration', 'false', '--sourceMap', 'false', '--inlineSources', 'false', '--noCheck'];
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, ...args, ...cheap], (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}
