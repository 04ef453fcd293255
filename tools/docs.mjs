// Builds the README and docs/ as a site into site/dist: npm run docs
// A dead link fails it.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installLocked, root, run } from './run.mjs';

const site = join(root, 'site');
// Copies, since a page outside of the folder finds no package of it.
const pages = join(site, 'pages');
const shown = ['README.md', 'SECURITY.md', 'docs', 'bench/results/picture.svg'];

installLocked(site);
rmSync(pages, { recursive: true, force: true });
for (const path of shown) cpSync(join(root, path), join(pages, path), { recursive: true });
const vitepress = join(site, 'node_modules', 'vitepress', 'bin', 'vitepress.js');
process.exit(run(process.execPath, [vitepress, 'build', site], { cwd: site, show: true }).status);
