import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentationExamples } from '../../tools/documentation.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    isolatedModules: true,
    skipLibCheck: true,
    noEmit: true,
    paths: entryPoints(),
  },
  include: ['**/*.ts'],
};

const VITEST_CONFIG = `
import config from ${JSON.stringify(`${ROOT}vitest.config.ts`)};
export default { ...config, test: { ...config.test, projects: undefined, include: ['**/*.spec.ts'], isolate: false, maxWorkers: 1, reporters: ['default'] } };
`;

/** The examples of the README and docs/ as a project of their own, with the installed packages and nothing else. */
export class ExamplesProject {
  readonly examples = documentationExamples();
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'nestjs-jwks-examples-')));

  constructor() {
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'), 'junction');
    this.write('package.json', '{ "type": "module" }');
    this.write('tsconfig.json', JSON.stringify(TSCONFIG));
    this.write('vitest.config.mjs', VITEST_CONFIG);
    for (const { file, before, code } of this.examples) this.write(file, `${before}\n${code}export {};\n`);
  }

  /** The errors of the type checker; an empty text if there are none. */
  typeCheck(): string {
    return this.node(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.').output;
  }

  /** Runs the spec files among the examples. */
  runSpecs(): { status: number | null; output: string } {
    return this.node(join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run');
  }

  /** Writes a copy of an example with its addresses replaced, and returns its path. */
  variant(file: string, addresses: Record<string, string>): string {
    const example = this.examples.find((each) => each.file === file);
    if (!example) throw new Error(`The documentation has no example ${file}`);
    const code = Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to), example.code);
    this.write(`variant-${file}`, `${example.before}\n${code}`);
    return join(this.folder, `variant-${file}`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private write(path: string, text: string): void {
    mkdirSync(join(this.folder, dirname(path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  private node(...args: string[]): { status: number | null; output: string } {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|FORCE_COLOR)/.test(name));
    const env = { ...Object.fromEntries(inherited), NO_COLOR: '1' };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8', env });
    return { status, output: `${stdout}${stderr}` };
  }
}

/** Where the sources of each entry point of the package are, for the type checker. */
function entryPoints(): Record<string, [string]> {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>;
  };
  const sources = Object.entries(exports).flatMap(([subpath, target]): [string, [string]][] => {
    if (typeof target === 'string') return [];
    const source = target.types.replace('./dist/', `${ROOT}lib/`).replace('.d.ts', '.ts');
    return [[subpath.replace('.', 'nestjs-jwks'), [source]]];
  });
  return Object.fromEntries(sources);
}
