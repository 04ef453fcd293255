// The results as one SVG: eight panels of bars. Its own card under it, so that it can be read on a
// light page and on a dark one.
import { METRICS, withUnit } from './metrics.mjs';
import { PANELS, SHORT } from './panels.mjs';

const CARD = { width: 920, margin: 24, gap: 32, head: 64, foot: 34 };
const PANEL = {
  width: (CARD.width - 2 * CARD.margin - CARD.gap) / 2,
  head: 44,
  row: 23,
  label: 168,
  value: 74,
  below: 18,
};

const STYLE = `
  text { font: 12.5px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
  .card { fill: #ffffff; stroke: #d1d9e0 }
  .title { font-size: 19px; font-weight: 600 }
  .panel { font-size: 14px; font-weight: 600 }
  .note, .foot { fill: #59636e }
  .ours { fill: #0969da }
  .variant { fill: #80b3ed }
  .rival { fill: #a7b1bc }
  .floor { fill: none; stroke: #818b98; stroke-dasharray: 3 2 }
  .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .card { fill: #0d1117; stroke: #3d444d }
    .note, .foot { fill: #9198a1 }
    .ours { fill: #4493f8 }
    .variant { fill: #2d5ea6 }
    .rival { fill: #656c76 }
  }`;

/** @returns {string} the SVG document */
export function picture(results) {
  const panels = PANELS.map((panel) => ({ ...panel, rows: rowsOf(results, panel) })).filter(
    ({ rows }) => rows.length > 0,
  );
  const pairs = Array.from({ length: Math.ceil(panels.length / 2) }, (_, index) =>
    panels.slice(2 * index, 2 * index + 2),
  );
  const parts = [];
  let y = CARD.head;
  for (const pair of pairs) {
    for (const [column, panel] of pair.entries())
      parts.push(drawPanel(panel, { x: CARD.margin + column * (PANEL.width + CARD.gap), y }));
    y += Math.max(...pair.map(heightOf)) + PANEL.below;
  }
  return frame(parts.join('\n'), { height: y + CARD.foot, foot: footOf(results) });
}

function frame(content, { height, foot }) {
  const title = 'nestjs-jwks side by side with its rivals';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${CARD.width}" height="${height}" viewBox="0 0 ${CARD.width} ${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>${STYLE}
</style>
<rect class="card" x="0.5" y="0.5" width="${CARD.width - 1}" height="${height - 1}" rx="8"/>
${text({ x: CARD.margin, y: 38, className: 'title' }, title)}
${content}
${text({ x: CARD.margin, y: height - 16, className: 'foot' }, foot)}
</svg>
`;
}

function footOf({ machine: { node, cores, cpu }, date }) {
  return `Node ${node.replace('v', '')}, ${cores} cores (${cpu}), ${date}. Dashed: work that no contender can avoid.`;
}

function rowsOf({ measured }, { measure, group, metric }) {
  const rows = measured[measure]?.rows.filter((row) => row.group === group && row.metrics[metric]) ?? [];
  const sign = METRICS[metric].better === 'more' ? -1 : 1;
  return rows
    .map(({ contender, title, kind, metrics }) => ({ contender, title, kind, value: metrics[metric].median }))
    .sort((a, b) => sign * (a.value - b.value));
}

function heightOf({ rows }) {
  return PANEL.head + rows.length * PANEL.row;
}

function drawPanel({ title, metric, rows }, { x, y }) {
  const { better, panel: what } = METRICS[metric];
  const longest = Math.max(...rows.map(({ value }) => value));
  const room = PANEL.width - PANEL.label - PANEL.value;
  const bars = rows.map((row, index) => {
    const width = Math.max(1.5, longest > 0 ? (row.value / longest) * room : 0);
    return drawBar({ ...row, metric }, { x, y: y + PANEL.head + index * PANEL.row, width });
  });
  const note = `${what}; ${better === 'more' ? 'longer' : 'shorter'} is better`;
  return [
    text({ x, y: y + 14, className: 'panel' }, title),
    text({ x, y: y + 32, className: 'note' }, note),
    ...bars,
  ].join('\n');
}

function drawBar({ contender, title, kind, value, metric }, { x, y, width }) {
  const start = x + PANEL.label;
  const isOurs = contender === 'nestjs-jwks';
  const className = isOurs ? 'strong' : undefined;
  const look = kind === 'ours' && !isOurs ? 'variant' : kind;
  const bar = `<rect class="${look}" x="${start}" y="${y + 3.5}" width="${width.toFixed(1)}" height="${PANEL.row - 8}" rx="2"/>`;
  return [
    text({ x, y: y + 16, className }, SHORT[contender] ?? title),
    bar,
    text({ x: Number((start + width + 7).toFixed(1)), y: y + 16, className }, withUnit(value, METRICS[metric].unit)),
  ].join('');
}

function text({ x, y, className }, content) {
  return `<text x="${x}" y="${y}"${className ? ` class="${className}"` : ''}>${escape(content)}</text>`;
}

function escape(content) {
  return content.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character]);
}
