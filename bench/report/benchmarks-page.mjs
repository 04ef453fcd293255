// The table of docs/benchmarks.md, between two comments of it. It shows what was measured; the bars
// are for the maintainers, and stay in the terminal.
import { figure, METRICS, withUnit } from './metrics.mjs';
import { measuredText } from './terminal.mjs';

const START = '<!-- bench: written by npm run bench -->';
const END = '<!-- /bench -->';

/** The page with the table of these results. */
export function withTable(page, results) {
  const [from, to] = [page.indexOf(START), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`The page has no place for the table, between ${START} and ${END}`);
  return `${page.slice(0, from)}${START}\n\n${benchmarksTable(results)}\n\n${page.slice(to)}`;
}

export function benchmarksTable({ bars, machine: { node, cores, cpu, memory }, date, seconds }) {
  const rows = bars.map((bar) => [bar.text, measuredText(bar), besideText(bar)]);
  const lines = [['what', 'measured', 'figures'], ['---', '---', '---'], ...rows];
  return [
    `Node ${node.replace('v', '')}, ${cores} cores (${cpu}), ${memory}; ${date}, ${figure(seconds / 60)} minutes.`,
    '',
    '<!-- prettier-ignore -->',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

function besideText({ beside }) {
  const groups = new Set(beside.map(({ group }) => group));
  return beside
    .map(({ group, title, metric, median }) => {
      const name = groups.size > 1 ? `${title}, ${group}` : title;
      return `${name}: ${withUnit(median, METRICS[metric].unit)}`;
    })
    .join('; ');
}
