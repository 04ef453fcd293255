// The results as tables of text.
import { figure, METRICS, withUnit } from './metrics.mjs';

/** A measure: for each group its contenders, each metric with its median and its span. */
export function measureTable({ title, rows, absent }) {
  const lines = [`\n## ${title}`];
  for (const group of new Set([...rows, ...absent].map((row) => row.group))) {
    const own = rows.filter((row) => row.group === group);
    const cells = own.map(({ title: contender, metrics }) => [contender, ...Object.entries(metrics).map(cell)]);
    const names = Object.keys(own[0]?.metrics ?? {}).map((name) => METRICS[name].title);
    lines.push('', ...table([[group, ...names], ...cells]));
    for (const { title: contender, why, fault } of absent.filter((row) => row.group === group))
      lines.push(`${fault ? '! ' : ''}${contender}: not measured: ${why}`);
  }
  return lines.join('\n');
}

/** Every bar with what was measured, and those that were missed once more in the last line. */
export function verdictTable(verdicts) {
  const rows = verdicts.map((verdict) => [
    verdict.holds ? 'holds' : 'MISSED',
    measuredText(verdict),
    limitText(verdict),
    verdict.text,
  ]);
  const missed = verdicts.filter(({ holds }) => !holds);
  const end =
    missed.length === 0 ? 'All of them hold.' : `${missed.length} of ${verdicts.length} MISSED: ${ids(missed)}`;
  return ['\n## What must hold', '', ...table([['', 'measured', 'bar', 'what'], ...rows]), '', end].join('\n');
}

export function measuredText({ value, unit }) {
  if (value === undefined) return 'not measured';
  return unit === 'x' ? figure(value) : withUnit(value, unit);
}

export function limitText({ is, limit, unit }) {
  return `${is === '>=' ? 'at least' : 'at most'} ${unit === 'x' ? limit : withUnit(limit, unit)}`;
}

function ids(verdicts) {
  return verdicts.map(({ id }) => id).join(', ');
}

function cell([name, { median, min, max, samples }]) {
  const text = withUnit(median, METRICS[name].unit);
  return samples.length > 1 ? `${text} (${figure(min)} to ${figure(max)})` : text;
}

/** Lines of text with aligned columns; the first row has the headings. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}
