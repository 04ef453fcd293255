// Checks the subjects of commits against the convention in CONTRIBUTING.md:
// npm run check:commits [-- <range>]
// node tools/check-commits.mjs --message=<file>, which is what the commit-msg hook runs
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { must, run } from './run.mjs';

/** The last commit before the convention. Set a newer one if history is ever rewritten. */
const BASELINE = 'fa2a6d5';
const MAX_LENGTH = 72;
/** How many commits are checked on main itself. A bad subject that was merged fails no longer. */
const RECENT = 20;

/** Subjects that a tool writes: GitHub's merge of a pull request, `git revert`, Dependabot. */
const WRITTEN_BY_TOOLS = [/^Merge [0-9a-f]{40} into [0-9a-f]{40}$/, /^Revert "/, /^Bump \S+ from \S+ to \S+/];
/** Commits for `git rebase --autosquash`. The hook accepts them, CI does not. */
const TO_BE_SQUASHED = /^(?:fixup|squash|amend)! /;
const VERBS =
  'add|allow|change|check|clean|correct|document|drop|extract|fix|handle|implement|improve|introduce|make|move';
const MORE_VERBS =
  'refactor|release|remove|rename|replace|return|revert|rewrite|simplify|split|support|test|update|use|write';
/** "Added", "Adds", "Adding": the verbs of most commits, in every form but the imperative. */
const NOT_IMPERATIVE = new RegExp(`^(?:${inflected(`${VERBS}|${MORE_VERBS}`.split('|')).join('|')})\\b`, 'i');
const MACHINE_FOLDER =
  /(?:^|[\s"'`(=])(?:~|\.\.|file:\/\/|[a-z]:\\|\/(?:data|home|mnt|opt|private|root|srv|tmp|users|var|work|workspaces?)(?=[/\s]|$))/i;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { message: { type: 'string' }, baseline: { type: 'string', default: BASELINE } },
});
process.exit(
  flags.message === undefined
    ? checkRange(positionals.length > 0 ? positionals : newCommits())
    : checkMessage(flags.message),
);

function checkRange(range) {
  const faulty = [];
  const commits = subjectsOf(range);
  for (const [hash, subject] of commits) {
    const problems = problemsOf(subject);
    if (problems.length === 0) continue;
    faulty.push(hash);
    console.error(`${hash} ${subject}\n  ${problems.join('\n  ')}`);
  }
  console.log(`${commits.length - faulty.length} passed, ${faulty.length} failed`);
  return faulty.length === 0 ? 0 : 1;
}

function checkMessage(file) {
  const text = readFileSync(file, 'utf8').replace(/^#.*\n?/gm, '');
  // As git takes it: all lines before the first empty one.
  const subject = text
    .trim()
    .split(/\n\s*\n/, 1)[0]
    .replace(/\s*\n\s*/g, ' ');
  const problems = TO_BE_SQUASHED.test(subject) ? [] : problemsOf(subject);
  if (problems.length > 0) console.error(`${subject}\n  ${problems.join('\n  ')}`);
  return problems.length === 0 ? 0 : 1;
}

/**
 * On a branch: what it adds to origin/main. On main itself, in a clone of it or without a remote:
 * the newest commits. Never what is older than the convention; in a shallow clone no more than
 * there is.
 */
function newCommits() {
  const known = (name) => git(['rev-parse', '--verify', '--quiet', `${name}^{commit}`]);
  const without = (...names) => names.filter(known).map((name) => `^${name}`);
  const ahead = ['HEAD', ...without('refs/remotes/origin/main', flags.baseline)];
  if (known('refs/remotes/origin/main') && git(['rev-list', '--max-count=1', ...ahead])) return ahead;
  return [`--max-count=${RECENT}`, 'HEAD', ...without(flags.baseline)];
}

function subjectsOf(range) {
  const log = git(['log', '--format=%h%x09%s', ...range, '--'], must);
  return log === '' ? [] : log.split('\n').map((line) => line.split('\t'));
}

function git(args, how = run) {
  return how('git', args, { cwd: process.cwd() }).stdout.trim();
}

function problemsOf(subject) {
  if (TO_BE_SQUASHED.test(subject)) return ['is to be squashed: git rebase --autosquash'];
  const problems = [];
  if (subject.length > MAX_LENGTH && !WRITTEN_BY_TOOLS.some((pattern) => pattern.test(subject)))
    problems.push(`has ${subject.length} characters, more than ${MAX_LENGTH}`);
  if (subject.trim() === '') problems.push('is empty');
  if (/[.。]$/.test(subject)) problems.push('ends in a period');
  if (NOT_IMPERATIVE.test(subject))
    problems.push('does not begin with an imperative: "Add", not "Added", "Adds" or "Adding"');
  if (MACHINE_FOLDER.test(subject)) problems.push('names a folder of a machine');
  return problems;
}

function inflected(verbs) {
  return verbs.flatMap((verb) => {
    const [stem, last] = [verb.slice(0, -1), verb.at(-1)];
    if (last === 'e') return [`${stem}es`, `${stem}ed`, `${stem}ing`];
    if (last === 'y') return [`${stem}ies`, `${stem}ied`, `${verb}ing`];
    return [`${verb}e?s`, `${verb}${last}?ed`, `${verb}${last}?ing`];
  });
}
