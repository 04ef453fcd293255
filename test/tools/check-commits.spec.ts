import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const TOOL = fileURLToPath(new URL('../../tools/check-commits.mjs', import.meta.url));
const LONG = `Add ${'x'.repeat(69)}`;
/** Nothing of the machine's git: neither its configuration nor the repository that a hook runs in. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nestjs-jwks-commits-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(repository: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=tester', '-c', 'user.email=tester@example.com'];
  return execFileSync('git', [...identity, ...args], { cwd: join(folder, repository), env, encoding: 'utf8' }).trim();
}

function commit(repository: string, ...subjects: string[]): string {
  for (const subject of subjects) git(repository, 'commit', '--quiet', '--allow-empty', '-m', subject);
  return git(repository, 'rev-parse', 'HEAD');
}

function repositoryWith(...subjects: string[]): string {
  git('.', 'init', '--quiet', '--initial-branch=main', 'origin');
  return commit('origin', ...subjects);
}

/** The exit code with the last line, and the commits that were complained about. */
function check(repository: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [TOOL, ...args], {
    cwd: join(folder, repository),
    env,
    encoding: 'utf8',
  });
  return { status, last: stdout.trimEnd().split('\n').at(-1), complaints: stderr.trim() };
}

function checkMessage(message: string) {
  writeFileSync(join(folder, 'message'), message);
  return check('.', `--message=${join(folder, 'message')}`);
}

describe('the subject of a commit', () => {
  it.each([
    'Add a health indicator',
    `Add ${'x'.repeat(68)}`,
    'Address the review of the token cache',
    'Test the guard on Fastify',
    'Use the media type of RFC 9068',
    'Serve /.well-known/jwks.json and GET /orders/1',
    "Merge branch 'tools'",
    `Merge ${'0'.repeat(40)} into ${'f'.repeat(40)}`,
    `Revert "${LONG}"`,
    'Bump @as-integrations/express5-with-a-long-name from 1.1.2 to 1.1.3 in the tools group',
  ])('passes: %s', (subject) => {
    expect(checkMessage(`${subject}\n\n${'A body may be as wide as it likes. '.repeat(9)}\n`)).toMatchObject({
      status: 0,
      complaints: '',
    });
  });

  it.each([
    [LONG, 'has 73 characters, more than 72'],
    ['Add a health indicator.', 'ends in a period'],
    ['Added a health indicator', 'does not begin with an imperative'],
    ['Fixes the guard', 'does not begin with an imperative'],
    ['Dropping the memory store', 'does not begin with an imperative'],
    ["Merge branch 'main' of /home/me/project into tools", 'names a folder of a machine'],
    ["Merge branch 'tools' of ../tools", 'names a folder of a machine'],
    ['Copy files from /home/alice/project', 'names a folder of a machine'],
    [String.raw`Copy files from C:\Users\alice`, 'names a folder of a machine'],
    ['', 'is empty'],
  ])('fails: %j', (subject, problem) => {
    const { status, complaints } = checkMessage(`${subject}\n`);
    expect(status).toBe(1);
    expect(complaints).toContain(problem);
  });

  it('is read as git reads it: without comments, up to the first empty line', () => {
    expect(checkMessage('# Please enter\n\nAdd a guard\n# On branch main\n\nAdded in a hurry.\n').status).toBe(0);
    const { complaints } = checkMessage(`Add a guard\n${'x'.repeat(72)}\n\nBody\n`);
    expect(complaints).toContain('has 84 characters');
  });

  it('may ask to be squashed while it is written, not when it is to be merged', () => {
    expect(checkMessage(`fixup! ${LONG}\n`).status).toBe(0);
    const baseline = repositoryWith('Add a guard');
    commit('origin', 'fixup! Add a guard');
    expect(check('origin', `--baseline=${baseline}`).complaints).toContain('is to be squashed');
  });
});

describe('the commits that are checked', () => {
  it('are those since the convention, in a repository without a remote', () => {
    const baseline = repositoryWith(LONG);
    commit('origin', 'Add a guard', 'Add a strategy');
    expect(check('origin', `--baseline=${baseline}`)).toEqual({
      status: 0,
      last: '2 passed, 0 failed',
      complaints: '',
    });
    commit('origin', LONG);
    expect(check('origin', `--baseline=${baseline}`)).toMatchObject({ status: 1, last: '2 passed, 1 failed' });
  });

  it('are the newest 20 in a clone of main from a folder', () => {
    const baseline = repositoryWith('Add a guard');
    commit('origin', LONG, ...Array.from({ length: 20 }, (_, index) => `Add part ${index}`));
    git('.', 'clone', '--quiet', join(folder, 'origin'), 'clone');
    expect(check('clone', `--baseline=${baseline}`)).toMatchObject({ status: 0, last: '20 passed, 0 failed' });
    commit('origin', LONG);
    git('clone', 'pull', '--quiet');
    expect(check('clone', `--baseline=${baseline}`)).toMatchObject({ status: 1, last: '19 passed, 1 failed' });
  });

  it('are those of the branch, where it is ahead of origin/main', () => {
    const baseline = repositoryWith('Add a guard');
    commit('origin', LONG);
    git('.', 'clone', '--quiet', join(folder, 'origin'), 'clone');
    git('clone', 'switch', '--quiet', '-c', 'feature');
    commit('clone', 'Add a strategy');
    expect(check('clone', `--baseline=${baseline}`)).toMatchObject({ status: 0, last: '1 passed, 0 failed' });
  });

  it('are never those before the convention, on a branch that started there', () => {
    repositoryWith('Add a guard');
    git('.', 'clone', '--quiet', join(folder, 'origin'), 'clone');
    const baseline = commit('clone', LONG);
    commit('clone', 'Add a strategy');
    expect(check('clone', `--baseline=${baseline}`)).toMatchObject({ status: 0, last: '1 passed, 0 failed' });
  });

  it('are what a shallow clone has', () => {
    const baseline = repositoryWith(LONG);
    commit('origin', 'Add a guard', 'Add a strategy');
    git('.', 'clone', '--quiet', '--depth=1', `file://${join(folder, 'origin')}`, 'clone');
    expect(check('clone', `--baseline=${baseline}`)).toMatchObject({ status: 0, last: '1 passed, 0 failed' });
  });

  it('are those of a range that is given', () => {
    const first = repositoryWith('Add a guard');
    commit('origin', LONG);
    expect(check('origin', `${first}..HEAD`)).toMatchObject({ status: 1, last: '0 passed, 1 failed' });
  });

  it('fail where there is no repository', () => {
    expect(check('.').status).not.toBe(0);
  });
});
