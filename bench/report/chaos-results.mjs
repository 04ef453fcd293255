import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chaosRows, chaosVerdict } from '../chaos/verdict.mjs';
import { withChaosTable } from './chaos.mjs';

const LATEST_CHAOS = fileURLToPath(new URL('../results/chaos.json', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** What is kept of a run of the measure: its rows, and whether ours keeps up. */
export function chaosResults({ title, seconds, rows, absent }, circumstances) {
  const found = chaosRows({ rows });
  const faults = new Map(absent.map(({ contender, why }) => [contender, { contender, why }]));
  return { ...circumstances, seconds, title, verdict: chaosVerdict(found), faults: [...faults.values()], rows: found };
}

export function readChaos() {
  return JSON.parse(readFileSync(LATEST_CHAOS, 'utf8'));
}

/** Results and table: what is committed of a run. */
export function publishChaos({ rows, ...results }) {
  // A row in one line each: a diff of two runs can be read.
  const head = JSON.stringify(results, undefined, 2).replace(/\n\}$/, '');
  writeFileSync(
    LATEST_CHAOS,
    `${head},\n  "rows": [\n    ${rows.map((row) => JSON.stringify(row)).join(',\n    ')}\n  ]\n}\n`,
  );
  drawChaos();
}

/** The table, from the committed results. */
export function drawChaos() {
  writeFileSync(DOCUMENT, withChaosTable(readFileSync(DOCUMENT, 'utf8'), readChaos()));
}
