// What the other tools share: child processes, temporary folders, installs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
export const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/**
 * npm by the very file that runs us where there is one: `npm` is a script of another name on
 * Windows.
 */
const npmCommand = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];

/**
 * Runs to the end and returns status and output; `{ show: true }` lets the output through as
 * it comes.
 */
export function run(command, args, { show = false, ...options } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (error) throw error;
  return { status: status ?? 1, output: `${stdout ?? ''}${stderr ?? ''}`, stdout: stdout ?? '' };
}

/** The same, and an error with the output where the status is not 0. */
export function must(command, args, options) {
  const result = run(command, args, options);
  if (result.status !== 0)
    throw new Error(`${[command, ...args].join(' ')}: status ${result.status}\n${result.output}`);
  return result;
}

export function npm(args, options) {
  const [command, ...before] = npmCommand;
  return must(command, [...before, ...args], options);
}

/** Installs the locked packages of a folder, once for each lockfile. */
export function installLocked(folder) {
  const stamp = join(folder, 'node_modules', '.installed-from');
  const lockfile = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfile) return;
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
  writeFileSync(stamp, lockfile);
}

/** A temporary folder that is gone when the process ends. */
export function temporaryFolder(name) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `nestjs-jwks-${name}-`)));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}
