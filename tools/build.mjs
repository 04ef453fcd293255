// Builds dist/ from lib/, from nothing: a file that was renamed must not survive in the package.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, tsc } from './run.mjs';

rmSync(join(root, 'dist'), { recursive: true, force: true });
process.exit(run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { show: true }).status);
