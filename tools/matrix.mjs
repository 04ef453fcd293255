// Runs the suite elsewhere: node tools/matrix.mjs [node-20 node-22 node-24 node-26 nest-11] Each
// run prints all of its output and ends in its `N passed, N failed`; the last line of all is their
// sum.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { manifest, npm, root, run, temporaryFolder, tsc } from './run.mjs';

const NODES = ['20', '22', '24', '26'];
/** Packages of Nest's that do not count with it: how far ahead they are. */
const AHEAD = { '@nestjs/apollo': 2, '@nestjs/graphql': 2, '@nestjs/mercurius': 2 };
const current = process.versions.node.split('.')[0];
const total = { passed: 0, failed: 0, skipped: 0 };
const targets = process.argv.slice(2);

for (const target of targets.length > 0 ? targets : [...NODES.map((major) => `node-${major}`), 'nest-11']) {
  console.log(`\n=== ${target}`);
  try {
    const [kind, major] = target.split('-');
    if (kind === 'node') onNode(major);
    else if (kind === 'nest') onNest(major);
    else throw new Error(`unknown target ${target}: ${NODES.map((each) => `node-${each}`).join(', ')}, nest-11`);
  } catch (error) {
    console.error(error);
    total.failed += 1;
  }
}
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exit(total.failed === 0 ? 0 : 1);

/**
 * The same checkout, run by another Node, which the package `node` brings into a temporary folder.
 */
function onNode(major) {
  if (major === current) {
    suite(process.execPath, root);
    return;
  }
  const folder = temporaryFolder(`node-${major}`);
  npm(['install', '--prefix', folder, '--no-save', '--no-package-lock', `node@${major}`], { cwd: folder });
  suite(join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node'), root);
}

/**
 * A copy of the checkout where every @nestjs package is of another major version: types first, then
 * the suite.
 */
function onNest(major) {
  const folder = temporaryFolder(`nest-${major}`);
  cpSync(root, folder, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) =>
      !/[\\/](\.git|dist|coverage|reports|\.stryker-tmp)$/.test(path.slice(root.length - 1)) ||
      path.includes('node_modules'),
  });
  // In the manifest too: npm's overrides refer to what stands there.
  const nest = Object.keys(manifest.devDependencies).filter((name) => name.startsWith('@nestjs/'));
  const majors = Object.fromEntries(nest.map((name) => [name, String(Number(major) + (AHEAD[name] ?? 0))]));
  const ranges = Object.fromEntries(nest.map((name) => [name, `^${majors[name]}`]));
  const changed = { ...manifest, devDependencies: { ...manifest.devDependencies, ...ranges } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(changed, undefined, 2));
  npm(['install', '--no-package-lock', '--ignore-scripts'], { cwd: folder });
  for (const name of nest) {
    const { version } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'));
    console.log(`${name} ${version}`);
    if (!version.startsWith(`${majors[name]}.`)) throw new Error(`${name} is ${version}, not ${majors[name]}`);
  }
  // What is tested is this package, with its own manifest: the other versions are installed by now.
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const types = run(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: folder });
  console.log(`type check: ${types.status === 0 ? 'passed' : `failed\n${types.output}`}`);
  total[types.status === 0 ? 'passed' : 'failed'] += 1;
  suite(process.execPath, folder);
}

function suite(node, cwd) {
  console.log(`Node ${run(node, ['-p', 'process.version']).stdout.trim()}`);
  // First in the PATH: what the tests start as `node` must be the same one.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const { status, output, stdout } = run(node, [join('node_modules', 'vitest', 'vitest.mjs'), 'run'], { cwd, env });
  console.log(output);
  const counts = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/.exec(stdout.trimEnd().split('\n').at(-1) ?? '');
  total.passed += Number(counts?.[1] ?? 0);
  total.skipped += Number(counts?.[3] ?? 0);
  total.failed += Number(counts?.[2] ?? 0) || (status === 0 && counts ? 0 : 1);
}
