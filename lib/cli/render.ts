import type { InspectCheck, InspectedKey, InspectReport } from './report.js';

const RED = 31;
const GREEN = 32;
const DIM = 2;
const BOLD = 1;

const MARKS = { passed: ['ok', GREEN], failed: ['FAILED', RED], skipped: ['-', DIM] } as const;

/** A report as text for a terminal or a pipe. @internal */
export function render(report: InspectReport, inColor: boolean): string {
  const paint = (text: string, style: number) => (inColor ? `\u001b[${style}m${text}\u001b[0m` : text);
  const title = (text: string) => `\n${paint(text, BOLD)}`;
  const { requests, freshness, keys, token, checks, clockOffset } = report;
  const lines = [
    paint(report.target, BOLD),
    title('Requests'),
    ...requests.map(({ url, status, duration }) => `  ${status ?? 'no response'}  ${url}  ${duration} ms`),
  ];
  if (report.jwksUri)
    lines.push(title('Keys'), `  from ${report.jwksUri}${report.foundBy === 'discovery' ? ', by discovery' : ''}`);
  else if (keys.length > 0) lines.push(title('Keys'));
  lines.push(...keys.map((key) => `  ${keyLine(key)}`));
  if (freshness) {
    const headers = Object.entries(requests.at(-1)?.headers ?? {});
    lines.push(
      title('Freshness, with the default options'),
      ...headers.map(([name, value]) => `  ${paint(`${name}: ${value}`, DIM)}`),
      `  fresh for ${freshness.freshFor} s, refreshed in the background after ${freshness.refreshAfter} s,`,
      `  serves for another ${freshness.staleFor} s while the provider is down`,
    );
  }
  if (clockOffset !== undefined) lines.push(`  clock of the provider: ${clockOffset >= 0 ? '+' : ''}${clockOffset} s`);
  if (token) {
    const parts = Object.entries({ ...token.header, ...token.claims });
    lines.push(title('Token'), ...parts.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`));
  }
  lines.push(title('Checks'), ...checks.flatMap((check) => checkLines(check, paint)));
  return `${lines.join('\n')}\n`;
}

function keyLine({ kid, kty, size, crv, alg, use, usable, reason }: InspectedKey): string {
  const what = [kty, size && `${size} bits`, crv, alg, use].filter(Boolean).join(' ');
  return `${kid === undefined ? 'no kid' : `"${kid}"`}  ${what}  ${usable ? 'usable' : `not used: it ${reason}`}`;
}

function checkLines(
  { name, result, detail, hint }: InspectCheck,
  paint: (text: string, style: number) => string,
): string[] {
  const [mark, style] = MARKS[result];
  const rest = detail ? `: ${detail}` : '';
  return [`  ${paint(mark.padEnd(6), style)} ${name}${rest}`, ...(hint ? [`         ${hint}`] : [])];
}
