// Runs bench/ with what users would install: its locked packages, and this package as a tarball.
// What stands after `--` reaches it.
import { join } from 'node:path';
import { installLocked, npm, root, run, temporaryFolder } from './run.mjs';

const bench = join(root, 'bench');

installLocked(bench);
installOurs();
process.exit(run(process.execPath, ['main.mjs', ...process.argv.slice(2)], { cwd: bench, show: true }).status);

function installOurs() {
  npm(['run', '--silent', 'build']);
  const folder = temporaryFolder('bench');
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder]).stdout);
  npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, filename)], { cwd: bench });
}
