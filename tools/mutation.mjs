// Removes every single check of lib/tokens, lib/keys and lib/auth in turn, on a copy, and looks whether a test fails:
// npm run test:mutation [-- --workers=2 --room=tokens --file=claims]
import { fork } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EQUIVALENT } from './equivalent-mutants.mjs';
import { instrument, ROOMS, stagesOf } from './mutants.mjs';
import { root, temporaryFolder } from './run.mjs';

/** A mutant may turn a loop into an endless one: the tests of a room take a few seconds. */
const PATIENCE = 120_000;
const PATIENCE_AT_FIRST = 600_000;
const { values: flags } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    room: { type: 'string' },
    file: { type: 'string', default: '' },
  },
});

const started = performance.now();
const folder = copyOfTheRepository();
const rooms = flags.room ? [flags.room] : Object.keys(ROOMS);
const mutants = rooms.flatMap((room) => instrumentRoom(room));
const told = mutants.filter((mutant) => !reasonOf(mutant));
const equivalent = mutants.length - told.length;
console.log(`${mutants.length} mutants, ${equivalent} of them equivalent by tools/equivalent-mutants.mjs`);

// None awake, before and after: what fails then counts as a kill of every mutant.
const asleep = rooms.map((room) => ({ id: 0, file: room, stages: [ROOMS[room].flat()] }));
const queue = [...asleep, ...told, ...asleep];
const survivors = [];
let next = 0;
await Promise.all(Array.from({ length: Number(flags.workers) }, work));

survivors.sort((a, b) => a.id - b.id);
console.log(['', ...survivors.map(describe)].join('\n'));
const killed = told.length - survivors.length;
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(
  `\nmutation score ${((100 * killed) / told.length).toFixed(1)} %: ${killed} of ${told.length} killed, ${survivors.length} survived, ${equivalent} equivalent, ${minutes} minutes`,
);
console.log(`${killed} passed, ${survivors.length} failed`);
process.exit(survivors.length === 0 ? 0 : 1);

function copyOfTheRepository() {
  const copy = temporaryFolder('mutation');
  for (const name of [
    'lib',
    'test',
    'tools',
    'package.json',
    'tsconfig.json',
    'vitest.config.ts',
    'README.md',
    'SECURITY.md',
  ]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  return copy;
}

function instrumentRoom(room) {
  const found = [];
  for (const name of readdirSync(join(folder, 'lib', room)).toSorted()) {
    if (!name.includes(flags.file)) continue;
    const path = join(folder, 'lib', room, name);
    // Ids stay the same whatever is left out: each file has a thousand of its own.
    const { code, mutants: made } = instrument(
      `lib/${room}/${name}`,
      readFileSync(path, 'utf8'),
      1 + 1_000 * firstOf(room, name),
    );
    writeFileSync(path, code);
    found.push(...made.map((mutant) => ({ ...mutant, stages: stagesOf(room, name) })));
  }
  return found;
}

function firstOf(room, name) {
  return Object.keys(ROOMS)
    .flatMap((each) => readdirSync(join(root, 'lib', each)).map((file) => `${each}/${file}`))
    .indexOf(`${room}/${name}`);
}

function reasonOf({ file, code, what }) {
  return EQUIVALENT.find((each) => file.endsWith(each.file) && code === each.code && (!each.what || each.what === what))
    ?.reason;
}

function describe({ file, line, code, what }) {
  return `${file}:${line}: ${code} ${what}`;
}

/** One after the other, each stage only where the one before it found nothing. */
async function work() {
  let child;
  while (next < queue.length) {
    const index = next++;
    const mutant = queue[index];
    child ??= startWorker();
    const answer = await ask(child, { id: mutant.id, stages: mutant.stages });
    if (answer === 'hung') child = undefined;
    if (mutant.id === 0) {
      if (answer !== '') throw new Error(`the tests of ${mutant.file} fail without any mutant (${answer})`);
    } else if (answer === '') {
      survivors.push(mutant);
      console.log(`survived: ${describe(mutant)}`);
    }
    if (index % 50 === 0) console.log(`${index} of ${queue.length}, ${survivors.length} survived`);
  }
  child?.kill();
}

function startWorker() {
  const env = { ...process.env, NODE_PATH: undefined };
  return fork(join(folder, 'tools', 'mutation-worker.mjs'), {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** The name of a test that fails, '' or 'hung'. A worker that ends is no kill: it says nothing of the mutant. */
function ask(child, message) {
  return new Promise((resolve, reject) => {
    const settle = (end) => (value) => {
      clearTimeout(timer);
      child.removeAllListeners();
      end(value);
    };
    const hang = settle(() => {
      child.kill('SIGKILL');
      resolve('hung');
    });
    const timer = setTimeout(hang, message.id === 0 ? PATIENCE_AT_FIRST : PATIENCE);
    child.once('message', settle(resolve));
    child.once(
      'exit',
      settle((code) => reject(new Error(`the worker of mutant ${message.id} ended with ${code}`))),
    );
    child.send(message);
  });
}
