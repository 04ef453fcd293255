// The measure `chaos` as a table, for a terminal and for docs/benchmarks.md.
import { PATIENCE } from '../chaos/tally.mjs';
import { figure } from './metrics.mjs';
import { table } from './terminal.mjs';

const START = '<!-- chaos: written by npm run bench -->';
const END = '<!-- /chaos -->';

/** In milliseconds: shorter pauses move a token or two. */
const TOO_LATE = 300;

const WORDS = { refused: 'good refused', badAccepted: 'bad accepted', fetched: 'fetches' };
const LEGEND = [
  'Each cell: good tokens rejected (how many of them as bad tokens, 401; the others as keys that are unavailable,',
  `or without an answer within ${PATIENCE / 1_000} s), the slowest answer to a good one, fetches that reached the provider.`,
].join(' ');

export function chaosTable({ title, rows, faults }) {
  const missing = faults.map(({ contender, why }) => `! ${contender}: not measured: ${why}`);
  return [`\n## ${title}`, '', LEGEND, '', ...table(cells(rows)), ...missing, ...delays(rows)].join('\n');
}

/** Contenders whose tokens came late, so that one meant for a state may have met the next one. */
function delays(rows) {
  const contenders = new Set(rows.map(({ contender }) => contender));
  return [...contenders].flatMap((name) => {
    const most = Math.max(...rows.filter(({ contender }) => contender === name).map(({ behind }) => behind));
    return most > TOO_LATE ? [`! ${name}: tokens came up to ${figure(most)} ms late, the machine was too busy`] : [];
  });
}

/** Where ours does not keep up, and by how much. */
export function chaosVerdictText({ holds, failed, situations }) {
  if (holds) return `\nnestjs-jwks keeps up in all ${situations.length} situations.`;
  const lines = situations
    .filter((situation) => !situation.holds)
    .map((situation) => `${situation.id}: ${missesOf(situation).join(', ')}`);
  return [`\nIn ${failed.length} of ${situations.length} situations nestjs-jwks does NOT keep up:`, ...lines].join(
    '\n',
  );
}

function missesOf(situation) {
  return Object.entries(WORDS)
    .map(([metric, word]) => ({ word, ...situation[metric] }))
    .filter(({ holds }) => !holds)
    .map(({ word, ours, limit }) => `${word} ${ours ?? 'not measured'}, at most ${limit ?? 'not measured'}`);
}

/** The document with the table of these results, between two comments of it. */
export function withChaosTable(document, results) {
  const [from, to] = [document.indexOf(START), document.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`The document has no place for the table, between ${START} and ${END}`);
  return `${document.slice(0, from)}${START}\n\n${chaosMarkdown(results)}\n\n${document.slice(to)}`;
}

export function chaosMarkdown({ rows, machine: { node, cores, cpu }, date }) {
  const [heading, ...body] = cells(rows);
  return [
    LEGEND,
    '',
    '<!-- prettier-ignore -->',
    ...[heading, heading.map(() => '---'), ...body].map((line) => `| ${line.join(' | ')} |`),
    '',
    `Node ${node.replace('v', '')}, ${cores} cores (${cpu}), ${date}.`,
  ].join('\n');
}

function cells(rows) {
  const contenders = [...new Map(rows.map(({ contender, title }) => [contender, title]))];
  const situations = [...new Set(rows.map(({ situation }) => situation))];
  const find = (situation, name) => rows.find((row) => row.situation === situation && row.contender === name);
  return [
    ['situation', ...contenders.map(([, title]) => title)],
    ...situations.map((situation) => [situation, ...contenders.map(([name]) => cell(find(situation, name)))]),
  ];
}

function cell(row) {
  if (!row) return 'not measured';
  const { good, refused, blamed, badAccepted, slowest, fetched } = row;
  return [
    blamed > 0 ? `${refused} (${blamed})` : `${refused}`,
    refused < good ? `${figure(Math.ceil(slowest))} ms` : '-',
    `${fetched}`,
    ...(badAccepted > 0 ? [`**accepted ${badAccepted} bad**`] : []),
  ].join(' · ');
}
