// The table of the root README's chapter on speed, between two comments of it.
import { figure, METRICS, withUnit } from './metrics.mjs';
import { limitText, measuredText } from './terminal.mjs';

const START = '<!-- bench: written by npm run bench -->';
const END = '<!-- /bench -->';

/** The README with the table of these results. */
export function withTable(readme, results) {
  const [from, to] = [readme.indexOf(START), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`The README has no place for the table, between ${START} and ${END}`);
  return `${readme.slice(0, from)}${START}\n\n${readmeTable(results)}\n\n${readme.slice(to)}`;
}

export function readmeTable({ bars, machine: { node, cores, cpu, memory }, date, seconds }) {
  const rows = bars.map((bar) => [bar.text, limitText(bar), verdictText(bar), besideText(bar)]);
  const lines = [['what', 'bar', 'measured', 'behind it'], ['---', '---', '---', '---'], ...rows];
  return [
    `Node ${node.replace('v', '')}, ${cores} cores (${cpu}), ${memory}; ${date}, ${figure(seconds / 60)} minutes.`,
    '',
    '<!-- prettier-ignore -->',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

function verdictText(bar) {
  return bar.holds ? `**${measuredText(bar)}**` : `${measuredText(bar)}: **missed**`;
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
