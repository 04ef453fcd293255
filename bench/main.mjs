// Measures, evaluates and writes the results: see README.md.
import { parseArgs } from 'node:util';
import { measures } from './measures/index.mjs';
import { chaosTable, chaosVerdictText } from './report/chaos.mjs';
import { chaosResults, publishChaos } from './report/chaos-results.mjs';
import { evaluate } from './report/evaluate.mjs';
import { measureTable, verdictTable } from './report/terminal.mjs';
import { machine, versions } from './report/results.mjs';
import { publish } from './report/publish.mjs';
import { Lab } from './support/lab.mjs';
import { Sheet } from './support/sheet.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});

// Whatever a run leaves behind is cleared away at its exit.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exit(await main());

async function main() {
  const chosen = choose(options.only.flatMap((names) => names.split(',')));
  const startedAt = performance.now();
  const lab = await Lab.start({ quick: options.quick });
  const measured = {};
  for (const measure of chosen) {
    measured[measure.id] = await take(lab, measure);
    if (measure.id !== 'chaos') console.log(measureTable(measured[measure.id]));
  }
  const { chaos: resilience, ...speed } = measured;
  const circumstances = { date: new Date().toISOString().slice(0, 10), machine: machine(), versions: versions() };
  const chaos = resilience && reportChaos(chaosResults(resilience, circumstances));
  const verdicts = evaluate(speed);
  if (verdicts.length > 0) console.log(verdictTable(verdicts));
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const { date, ...where } = circumstances;
  const results = { date, seconds, ...where, bars: verdicts, measured: speed };
  // A run in part, or in haste, is not what is published.
  if (chosen.length === measures.length && !options.quick) publish(results);
  return exitCode(measured, [...verdicts, ...(chaos ? [chaos.verdict] : [])]);
}

/** A table of its own, which other measures do not change: it is published after each run that is not in haste. */
function reportChaos(results) {
  console.log(chaosTable(results));
  console.log(chaosVerdictText(results.verdict));
  if (!options.quick && results.faults.length === 0) publishChaos(results);
  return results;
}

function choose(names) {
  const unknown = names.filter((name) => !measures.some(({ id }) => id === name));
  if (unknown.length > 0) {
    console.error(`No measure ${unknown.join(', ')}; there are ${measures.map(({ id }) => id).join(', ')}.`);
    process.exit(2);
  }
  return names.length === 0 ? measures : measures.filter(({ id }) => names.includes(id));
}

async function take(lab, measure) {
  const sheet = new Sheet();
  const startedAt = performance.now();
  console.error(`... ${measure.id}`);
  await measure.run(lab, sheet);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  return { title: measure.title, seconds, rows: sheet.rows, absent: sheet.absent };
}

function exitCode(measured, verdicts) {
  const faults = Object.values(measured).flatMap(({ absent }) => absent.filter(({ fault }) => fault));
  for (const { group, title, why } of faults) console.error(`FAULT: ${title}, ${group}: ${why}`);
  if (faults.length > 0) return 1;
  return options.check && verdicts.some(({ holds }) => !holds) ? 1 : 0;
}
