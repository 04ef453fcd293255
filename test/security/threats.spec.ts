import { describe, expect, it } from 'vitest';
import { readText, typeScriptFiles } from '../support/source-files.js';

/** How many rows each part of the threat matrix has. */
const PARTS = { A: 14, B: 14, C: 16, D: 14, E: 18, F: 12, G: 11, H: 12, I: 19, M: 8, P: 23, R: 40 };
const ROWS = Object.entries(PARTS).flatMap(([part, count]) =>
  Array.from({ length: count }, (_, index) => `${part}${index + 1}`),
);

/** By file: the rows that titles of its tests begin with, such as `it('A7, A8: …')`. */
const named = new Map(
  typeScriptFiles('test')
    .filter((path) => path.endsWith('.spec.ts'))
    .map((path) => [path, rowsIn(readText(path))]),
);
const reported = tableOf(readText('SECURITY.md'));

function rowsIn(source: string): ReadonlySet<string> {
  const titles = source.matchAll(/['"`]((?:[A-IMPR]\d{1,2}(?:, )?)+): /g);
  return new Set([...titles].flatMap(([, rows = '']) => rows.split(', ')));
}

function tableOf(text: string): ReadonlyMap<string, { files: readonly string[]; reason: string }> {
  const lines = text.matchAll(/^\| ([A-IMPR]\d+) +\| [^|]+ \| ([^|]+) \|$/gm);
  return new Map(
    [...lines].map(([, row = '', last = '']) => {
      const files = [...last.matchAll(/`(test\/[^`]+)`/g)].map(([, file = '']) => file);
      return [row, { files, reason: files.length > 0 ? '' : last.trim() }];
    }),
  );
}

describe('SECURITY.md', () => {
  it('lists every row of the threat matrix once, and no other', () => {
    expect([...reported.keys()]).toEqual(ROWS);
  });

  it.each(ROWS)('names the tests of %s, or the reason why there are none', (row) => {
    const { files = [], reason = '' } = reported.get(row) ?? {};
    const holding = [...named].filter(([, rows]) => rows.has(row)).map(([path]) => path);
    expect(files.filter((file) => !holding.includes(file))).toEqual([]);
    if (holding.length > 0) expect(files.length).toBeGreaterThan(0);
    else expect(reason.length).toBeGreaterThan(20);
  });
});
