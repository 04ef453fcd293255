// A project as `nest new` of Nest 11 makes it (CommonJS, Jest, ts-jest), after the one step that
// docs/testing.md asks for: the specs of the README and of that page, as unit and as e2e tests.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentationExamples, documentationPages } from './documentation.mjs';
import { must, npm } from './run.mjs';

const NODES = ['20', '22', '24', '26'];

/** The project, ready to be tested. */
export function newJestProject(folder, tarball) {
  const cli = ['exec', '--yes', '--package=@nestjs/cli@11', '--', 'nest', 'new', 'api'];
  npm([...cli, '--skip-git', '--package-manager', 'npm', '--strict'], { cwd: folder });
  const project = join(folder, 'api');
  npm(['install', '--no-audit', '--no-fund', tarball], { cwd: project });
  // They are about the controller that the README's module replaces.
  for (const path of ['src/app.controller.spec.ts', 'test/app.e2e-spec.ts']) rmSync(join(project, path));
  for (const [path, code] of documentedFiles()) writeFileSync(join(project, path), code);
  for (const path of ['package.json', 'test/jest-e2e.json']) configureJest(join(project, path));
  return project;
}

/** Unit and e2e tests, by each supported Node. */
export function testWithJest(project, folder) {
  for (const major of NODES) {
    const prefix = join(folder, `node-${major}`);
    npm(['install', '--prefix', prefix, '--no-save', '--no-package-lock', `node@${major}`], { cwd: folder });
    const jest = (...args) =>
      must(join(prefix, 'node_modules/node/bin/node'), ['node_modules/jest/bin/jest.js', ...args], { cwd: project });
    assert.match(jest().output, /Tests: +2 passed, 2 total/, `unit tests on Node ${major}`);
    assert.match(
      jest('--config', 'test/jest-e2e.json').output,
      /Tests: +2 passed, 2 total/,
      `e2e tests on Node ${major}`,
    );
  }
}

/** Jest has its functions as globals; e2e tests stand beside the sources. */
function documentedFiles() {
  return documentationExamples()
    .filter(({ file }) => file.startsWith('first/') && file !== 'first/main.ts')
    .map(({ file, code }) => {
      const name = file.slice('first/'.length);
      const jest = code.replace(/^import .* from 'vitest';\n/m, '');
      return name === 'outage.spec.ts'
        ? ['test/outage.e2e-spec.ts', jest.replaceAll("'./app", "'../src/app")]
        : [join('src', name), jest];
    });
}

function configureJest(path) {
  const { text } = documentationPages().find((page) => page.path === 'docs/testing.md');
  const [, block] = /^## Jest$[^]*?^```json\n([^]*?)^```$/m.exec(text);
  const { jest } = JSON.parse(block);
  const config = JSON.parse(readFileSync(path, 'utf8'));
  const changed = 'scripts' in config ? { ...config, jest: { ...config.jest, ...jest } } : { ...config, ...jest };
  writeFileSync(path, JSON.stringify(changed, undefined, 2));
}
