import { ratio } from '../support/statistics.mjs';
import { BARS } from './bars.mjs';

/**
 * Holds the measures that were run to their bars.
 *
 * @param {Record<string, { rows: object[] }>} measured results by measure
 * @returns one verdict for each bar of those measures; `value` is undefined where something that it
 * compares was not measured
 */
export function evaluate(measured, bars = BARS) {
  return bars
    .filter(({ measure }) => measure in measured)
    .map((bar) => {
      const { rows } = measured[bar.measure];
      const value = valueOf(bar, rows);
      const holds = value !== undefined && (bar.is === '>=' ? value >= bar.limit : value <= bar.limit);
      return { ...bar, value, holds, beside: besideOf(bar, rows) };
    });
}

function valueOf({ of, to }, rows) {
  const [upper, lower] = [metricOf(rows, of), to && metricOf(rows, to)];
  if (!upper || (to && !lower)) return undefined;
  return Number((lower ? ratio(upper, lower) : upper.median).toPrecision(3));
}

/** The figures behind a ratio, ours first; beside a figure by itself those of everybody else. */
function besideOf({ of, to }, rows) {
  const [group, , metric] = of;
  const wanted = to
    ? [of, to]
    : rows.filter((row) => row.group === group).map(({ contender }) => [group, contender, metric]);
  return wanted
    .map((at) => ({ at, row: rowOf(rows, at) }))
    .filter(({ at, row }) => row?.metrics[at[2]])
    .sort((a, b) => isOurs(b.row) - isOurs(a.row))
    .map(({ at, row }) => ({ group: at[0], title: row.title, metric: at[2], median: row.metrics[at[2]].median }));
}

function isOurs({ contender }) {
  return Number(contender === 'nestjs-jwks');
}

function metricOf(rows, at) {
  return rowOf(rows, at)?.metrics[at[2]];
}

function rowOf(rows, [group, contender]) {
  return rows.find((row) => row.group === group && row.contender === contender);
}
