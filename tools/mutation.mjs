// Removes every single check of lib/tokens, lib/keys and lib/auth in turn, on a copy, and looks
// whether a test fails: npm run test:mutation [-- --workers=2 --room=tokens
// --file=claims,json-object --alone --kills --equivalent]
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EQUIVALENT } from './equivalent-mutants.mjs';
import { instrument } from './mutants.mjs';
import { isOutOfTime, MutationRunner } from './mutation-runner.mjs';
import { inOrder, ROOMS, specsOf } from './mutation-specs.mjs';
import { root, temporaryFolder } from './run.mjs';

const { values: flags } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    room: { type: 'string' },
    file: { type: 'string', default: '' },
    /** Says of each mutant by which test it was killed. */
    kills: { type: 'boolean', default: false },
    /** Runs the specs of the room alone: what only others notice survives. */
    alone: { type: 'boolean', default: false },
    /** Tries those that are declared equivalent instead: each must survive. */
    equivalent: { type: 'boolean', default: false },
  },
});

// An end that runs the exit handlers: the copy goes, and so do the processes.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
const copied = [
  'lib',
  'test',
  'tools',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'README.md',
  'SECURITY.md',
];
const folder = temporaryFolder('mutation');
for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');

const rooms = flags.room ? [flags.room] : ROOMS;
const mutants = new Map(rooms.map((room) => [room, instrumentRoom(room)]));
const stale = flags.file ? [] : staleDeclarations();
for (const { file, code } of stale) console.log(`tools/equivalent-mutants.mjs: ${file} has no such check: ${code}`);

const runners = Array.from({ length: Number(flags.workers) }, () => new MutationRunner(folder));
const rows = [];
for (const room of rooms) rows.push(await measured(room));
for (const runner of runners) runner.stop();
const failures = flags.equivalent ? checkEquivalents() : tell();
process.exit(failures + stale.length === 0 ? 0 : 1);

function instrumentRoom(room) {
  const found = [];
  for (const [index, name] of readdirSync(join(folder, 'lib', room))
    .toSorted()
    .entries()) {
    if (!flags.file.split(',').some((part) => name.includes(part))) continue;
    const path = join(folder, 'lib', room, name);
    // Ids stay the same whatever is left out: each file has a thousand of its own.
    const firstId = 1 + 1_000 * (index + 100 * ROOMS.indexOf(room));
    const { code, mutants: made } = instrument(`lib/${room}/${name}`, readFileSync(path, 'utf8'), firstId);
    writeFileSync(path, code);
    found.push(...made.map((mutant) => ({ ...mutant, room, name, declared: declarationOf(mutant) })));
  }
  return found;
}

function declarationOf({ file, code, what, near }) {
  const fits = (each) =>
    (each.what ?? what) === what && near.includes(each.near ?? '') && `lib/${each.file}` === file && each.code === code;
  return EQUIVALENT.find(fits);
}

/** A declaration outlives its code, and would then hide a mutant that is new. */
function staleDeclarations() {
  const used = new Set([...mutants.values()].flat().map(({ declared }) => declared));
  return EQUIVALENT.filter((each) => rooms.some((room) => each.file.startsWith(`${room}/`)) && !used.has(each));
}

/**
 * Runs the mutants of a room, each until a test fails. None is awake before and after: what fails
 * then would kill them all.
 */
async function measured(room) {
  const start = performance.now();
  const all = mutants.get(room);
  const awake = all.filter(({ declared }) => flags.equivalent === (declared !== undefined));
  const milliseconds = new Map();
  const specs = specsOf(folder, room, flags.alone);
  await runAsleep(specs, (spec, time) => milliseconds.set(spec, time));
  console.log(`lib/${room}: ${awake.length} mutants, ${specs.length} specs of ${minutesOf(sum(milliseconds))} minutes`);
  const queue = [...awake];
  await Promise.all(runners.map((runner) => work(runner, queue, milliseconds)));
  await runAsleep(specs, () => {});
  return { room, checks: all.length, awake, minutes: minutesOf(performance.now() - start) };
}

async function runAsleep(specs, onPassed) {
  const failure = await runners[0].failureOf(0, specs, { onPassed });
  if (failure !== '') throw new Error(`fails without any mutant: ${failure}`);
}

async function work(runner, queue, milliseconds) {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    mutant.failure = await runner.failureOf(mutant.id, inOrder({ ...mutant, milliseconds }), { milliseconds });
    if (mutant.failure === '') console.log(`survived: ${describe(mutant)}`);
    else if (flags.kills || flags.equivalent) console.log(`killed: ${describe(mutant)}: ${mutant.failure}`);
    if (queue.length % 50 === 0) console.log(`${queue.length} to go`);
  }
}

/** The table of test/README.md, and the score. */
function tell() {
  const awake = rows.flatMap((row) => row.awake);
  const survivors = awake.filter(({ failure }) => failure === '');
  for (const mutant of survivors) console.log(`survived: ${describe(mutant)}`);
  for (const mutant of awake.filter(({ failure }) => isOutOfTime(failure)))
    console.log(`killed by time: ${describe(mutant)}: ${mutant.failure}`);
  console.log('\n| room | checks | killed | of them by time | survived | change nothing | minutes |');
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const row of rows) {
    const survived = row.awake.filter(({ failure }) => failure === '').length;
    const killed = row.awake.length - survived;
    const cells = [
      killed,
      row.awake.filter(({ failure }) => isOutOfTime(failure)).length,
      survived,
      row.checks - row.awake.length,
      row.minutes,
    ];
    console.log(`| \`lib/${row.room}\` | ${row.checks} | ${cells.join(' | ')} |`);
  }
  const killed = awake.length - survivors.length;
  console.log(`\nmutation score ${((100 * killed) / awake.length).toFixed(1)} %`);
  console.log(`${killed} passed, ${survivors.length} failed`);
  return survivors.length;
}

function checkEquivalents() {
  const wrong = rows.flatMap((row) => row.awake).filter(({ failure }) => failure !== '');
  for (const mutant of wrong) console.log(`not equivalent: ${describe(mutant)}: ${mutant.failure}`);
  return wrong.length;
}

function describe({ file, line, code, what }) {
  return `${file}:${line}: ${code} ${what}`;
}

function minutesOf(milliseconds) {
  return (milliseconds / 60_000).toFixed(1);
}

function sum(numbers) {
  return [...numbers.values()].reduce((a, b) => a + b, 0);
}
