// Compiles the sample that it is given and runs it; what stands after `--` reaches it: npm run
// sample -- --serve
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, run, tsc } from './run.mjs';

const [name = '', ...args] = process.argv.slice(2);
const sample = join(root, 'sample', name);
const { status } = run(process.execPath, [tsc, '-p', sample], { show: true });
if (status !== 0) process.exit(status);

const child = spawn(process.execPath, [join(sample, 'dist', 'main.js'), ...args], { stdio: 'inherit' });
// Ctrl-C reaches the sample by itself, being in the same group; it ends when it has cleaned up, and
// so do we.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
