// Runs bench/ with what users would install: its locked packages, and this package as a tarball.
// What stands after `--` reaches it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm, root, run, temporaryFolder } from './run.mjs';

const bench = join(root, 'bench');
const packages = join(bench, 'node_modules');

installRivals();
installOurs();
process.exit(run(process.execPath, ['main.mjs', ...process.argv.slice(2)], { cwd: bench, show: true }).status);

/** Once for each lockfile. */
function installRivals() {
  const stamp = join(packages, '.installed-from');
  const lockfile = createHash('sha256')
    .update(readFileSync(join(bench, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfile) return;
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: bench });
  writeFileSync(stamp, lockfile);
}

function installOurs() {
  npm(['run', '--silent', 'build']);
  const folder = temporaryFolder('bench');
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder]).stdout);
  npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, filename)], { cwd: bench });
}
