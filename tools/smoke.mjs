// What a stranger gets: packs the package, installs the tarball in an empty project on each
// supported major of Nest, imports it both ways, type-checks a consumer against its declarations
// (and those of everything they name), and runs the README's first route.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import assert from 'node:assert/strict';
import { documentationExamples } from './documentation.mjs';
import { newJestProject, testWithJest } from './smoke-jest.mjs';
import { manifest, must, npm, root, run, temporaryFolder } from './run.mjs';

const ISSUER = 'https://id.example.com/';

let passed = 0;
let failed = 0;

await main();
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function main() {
  const folder = temporaryFolder('smoke');
  let tarball;
  await check('packs', () => {
    const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder]).stdout);
    tarball = join(folder, packed.filename);
    const odd = packed.files.map(({ path }) => path).filter((path) => !isWanted(path));
    assert.deepEqual(odd, [], 'files that have no business in the package');
  });
  if (!tarball) return;
  for (const major of ['11', '12']) await onNest(major, join(folder, `nest-${major}`), tarball);
  let project;
  await check('Nest 11 as its CLI makes it: takes the package', () => {
    project = newJestProject(folder, tarball);
  });
  if (!project) return;
  await check('Nest 11 as its CLI makes it: unit and e2e tests by Jest, Node 20 to 26', () =>
    testWithJest(project, folder),
  );
  await check('Nest 11 as its CLI makes it: compiles', () => must('npx', ['nest', 'build'], { cwd: project }));
  await check('Nest 11 as its CLI makes it: node10 finds the types of every subpath', () => typesUnderNode10(project));
}

/** `moduleResolution: node10`, which projects older than 2025 have, reads no "exports". */
function typesUnderNode10(project) {
  const subpaths = Object.keys(manifest.exports).filter((path) => path !== './package.json');
  const imports = subpaths.map((path, index) => `import * as m${index} from 'nestjs-jwks${path.slice(1)}';`);
  const uses = subpaths.map((_, index) => `export const n${index} = Object.keys(m${index});`);
  writeFileSync(join(project, 'node10.ts'), [...imports, ...uses].join('\n'));
  const options = ['--target', 'es2022', '--module', 'commonjs', '--moduleResolution', 'node10'];
  const { output } = run('npx', ['tsc', ...options, '--noEmit', '--skipLibCheck', 'node10.ts'], { cwd: project });
  assert.equal(output, '');
}

async function onNest(major, folder, tarball) {
  await check(`Nest ${major}: installs`, () => install(major, folder, tarball));
  await check(`Nest ${major}: ESM import and CommonJS require give the same`, () => loadBothWays(folder));
  await check(`Nest ${major}: inspect and its command load without optional peers`, () => {
    must(process.execPath, ['--input-type=module', '-e', "import 'nestjs-jwks/inspect'"], { cwd: folder });
    must(join(folder, 'node_modules/.bin/nestjs-jwks'), ['--help'], { cwd: folder });
  });
  await check(`Nest ${major}: a consumer type-checks, skipLibCheck off`, () => {
    copyFileSync(join(root, 'test/package/consumer.ts'), join(folder, 'types', 'consumer.ts'));
    assert.equal(tsc(folder, 'types').output, '');
  });
  await check(`Nest ${major}: what must not compile does not`, () => refuseToCompile(folder));
  await check(`Nest ${major}: the README's first route runs as pasted`, () => runFirstRoute(folder));
}

function isWanted(path) {
  return /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$|^dist\/.*\.(js|js\.map|d\.ts)$/.test(path);
}

function install(major, folder, tarball) {
  for (const each of ['types', 'refused', 'first/src']) mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }');
  const nest = ['common', 'core', 'platform-express'].map((name) => `@nestjs/${name}@^${major}`);
  const types = ['typescript', '@types/node'].map((name) => `${name}@${manifest.devDependencies[name]}`);
  npm(['install', '--no-audit', '--no-fund', tarball, ...nest, 'reflect-metadata', 'rxjs', ...types], { cwd: folder });
  for (const peer of Object.keys(manifest.peerDependenciesMeta ?? {}))
    assert.equal(existsSync(join(folder, 'node_modules', peer)), false, `${peer} is optional and was installed`);
  // A project that Nest 11 generates is CommonJS, and requires what is an ES module; one of Nest 12
  // is an ES module itself.
  writeFileSync(join(folder, 'first/package.json'), JSON.stringify({ type: major === '11' ? 'commonjs' : 'module' }));
  for (const each of ['types', 'refused', 'first'])
    writeFileSync(join(folder, each, 'tsconfig.json'), JSON.stringify(tsconfig(each)));
}

function tsconfig(folder) {
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: false,
    ...(folder === 'first' ? { rootDir: 'src', outDir: 'dist' } : { noEmit: true }),
  };
  return { compilerOptions, include: ['**/*.ts'] };
}

function tsc(folder, project) {
  return run(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-p', project], { cwd: folder });
}

/** Both ways in, by name, and not two copies of the classes. */
function loadBothWays(folder) {
  for (const subpath of ['', '/source', '/endpoint', '/resource-metadata', '/testing']) {
    const entry = `nestjs-jwks${subpath}`;
    const script = `
      const required = require('${entry}');
      import('${entry}').then((imported) => {
        const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports');
        for (const name of names) if (required[name] !== imported[name]) throw new Error(name + ' is there twice');
        const isClass = (value) => typeof value === 'function' && /^class /.test(Function.prototype.toString.call(value));
        for (const name of names) if (isClass(imported[name]) && imported[name].name !== name) throw new Error(name + ' has another name');
        console.log(names.sort().join());
      });`;
    writeFileSync(join(folder, 'load.cjs'), script);
    const names = must(process.execPath, ['load.cjs'], { cwd: folder }).stdout.trim().split(',');
    assert.deepEqual(names, valueExports(subpath === '/source' ? 'lib/source.ts' : `lib${subpath}/index.ts`));
  }
  const { stdout } = must(process.execPath, ['-p', "require('nestjs-jwks/package.json').version"], { cwd: folder });
  assert.equal(stdout.trim(), manifest.version);
}

/** What an entry exports besides types, by its source. */
function valueExports(entry) {
  const source = readFileSync(join(root, entry), 'utf8');
  return [...source.matchAll(/^export \{([^}]*)\} from/gm)]
    .flatMap(([, names]) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name && !name.startsWith('type '))
    .sort();
}

/** Each line marked `// refused` must be complained about, and no other. */
function refuseToCompile(folder) {
  const file = join(root, 'test/package/must-not-compile.ts');
  copyFileSync(file, join(folder, 'refused', 'refused.ts'));
  const { output } = tsc(folder, 'refused');
  const complaints = [...output.matchAll(/^refused\/refused\.ts\((\d+),/gm)].map(([, line]) => Number(line));
  const marked = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => (line.includes('// refused') ? [index + 1] : []));
  assert.ok(marked.length > 0);
  assert.deepEqual([...new Set(complaints)], marked, output);
  assert.equal(output.split('\n').filter((line) => /^\S.*error/.test(line)).length, complaints.length, output);
}

/** The three files of the README as they stand there; only the issuer's URL is another. */
async function runFirstRoute(folder) {
  const { TestIssuer } = await import(
    pathToFileURL(createRequire(join(folder, 'x.js')).resolve('nestjs-jwks/testing')).href
  );
  const issuer = await TestIssuer.start({ audience: 'orders-api', issuerPath: '/' });
  for (const { file, code } of documentationExamples())
    if (/^first\/(?!.*\.spec\.)/.test(file))
      writeFileSync(join(folder, file.replace('first', 'first/src')), code.replaceAll(ISSUER, issuer.issuer));
  assert.equal(tsc(folder, 'first').output, '');
  const port = await freePort();
  const api = spawn(process.execPath, ['first/dist/main.js'], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
  });
  let log = '';
  for (const stream of [api.stdout, api.stderr]) stream.on('data', (chunk) => (log += chunk));
  try {
    await answering(port, () => `${api.exitCode === null ? 'runs' : `ended with ${api.exitCode}`}\n${log}`);
    await tryRoutes(`http://127.0.0.1:${port}`, issuer);
    await tryProviderOnLoopback(folder);
  } finally {
    api.kill();
    await issuer.close();
  }
}

async function tryRoutes(origin, issuer) {
  const ask = async (path, token, method = 'GET') => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(`${origin}${path}`, { method, headers });
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      text: await response.text(),
    };
  };
  const [, status, challenge, body] = /HTTP\/1\.1 (\d+) .*\nWWW-Authenticate: (.*)\n\n(\{.*\})/.exec(
    readFileSync(join(root, 'README.md'), 'utf8'),
  );
  assert.deepEqual(await ask('/orders'), { status: Number(status), challenge, text: body }, 'what the README shows');

  const reader = await issuer.sign({ sub: 'alice' });
  const writer = await issuer.sign({ sub: 'alice', scope: 'orders:read orders:write' });
  const stranger = await issuer.sign({ sub: 'alice', aud: 'another-api' });
  assert.equal((await ask('/orders', reader)).text, '{"orders":[],"of":"alice"}');
  assert.equal((await ask('/orders', reader, 'POST')).status, 403);
  assert.equal((await ask('/orders', writer, 'POST')).status, 201);
  assert.equal((await ask('/orders', stranger)).status, 401);
  assert.equal((await ask('/orders/health')).status, 200);
}

/** The README's one line for those who have no identity provider. */
async function tryProviderOnLoopback(folder) {
  const [, script] = /^node -e "(.*)"$/m.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  const provider = spawn(process.execPath, ['-e', script], { cwd: folder });
  try {
    const [line] = await once(provider.stdout, 'data');
    const [issuer, token] = String(line).trim().split(' ');
    assert.equal(issuer, 'http://127.0.0.1:4330');
    assert.equal(token.split('.').length, 3);
    assert.equal((await fetch(`${issuer}/.well-known/openid-configuration`)).status, 200);
  } finally {
    provider.kill();
  }
}

async function answering(port, state) {
  for (let attempt = 0; attempt < 150; attempt += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the application does not answer: ${state()}`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${name}\n${error instanceof Error ? error.stack : error}`);
  }
}
