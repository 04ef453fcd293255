import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readmeBlocks } from '../../tools/readme-blocks.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LIB = { 'nestjs-jwks': [`${ROOT}lib/index.ts`], 'nestjs-jwks/testing': [`${ROOT}lib/testing/index.ts`] };

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
    paths: LIB,
  },
  include: ['**/*.ts'],
};

const VITEST_CONFIG = `
import config from ${JSON.stringify(`${ROOT}vitest.config.ts`)};
export default { ...config, test: { ...config.test, include: ['**/*.spec.ts'], reporters: ['default'] } };
`;

/** The README's examples as a project of their own, next to nothing but the installed packages. */
export class ReadmeProject {
  readonly blocks = readmeBlocks();
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'nestjs-jwks-readme-')));

  constructor() {
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'), 'junction');
    this.write('package.json', '{ "type": "module" }');
    this.write('tsconfig.json', JSON.stringify(TSCONFIG));
    this.write('vitest.config.mjs', VITEST_CONFIG);
    for (const { file, before, code } of this.blocks) this.write(file, `${before}\n${code}export {};\n`);
  }

  /** Complaints of the type checker; none is an empty text. */
  typeCheck(): string {
    return this.node(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.').output;
  }

  /** Runs the spec files among the examples. */
  runSpecs(): { status: number | null; output: string } {
    return this.node(join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run');
  }

  /**
   * Writes an example with the addresses in it replaced, under another name; answers with its path.
   */
  variant(file: string, addresses: Record<string, string>): string {
    const block = this.blocks.find((each) => each.file === file);
    if (!block) throw new Error(`README.md has no example ${file}`);
    const code = Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to), block.code);
    this.write(`variant-${file}`, `${block.before}\n${code}`);
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
