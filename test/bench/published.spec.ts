import { describe, expect, it } from 'vitest';
import { BARS } from '../../bench/report/bars.mjs';
import { evaluate } from '../../bench/report/evaluate.mjs';
import { benchmarksTable, withTable } from '../../bench/report/benchmarks-page.mjs';
import { picture } from '../../bench/report/picture.mjs';
import { readLatest } from '../../bench/report/results.mjs';
import { readText } from '../support/source-files.js';

const results = readLatest();

describe('the results that are published', () => {
  it('come from a full run, evaluated by the current bars', () => {
    expect(results.bars).toEqual(JSON.parse(JSON.stringify(evaluate(results.measured))));
    expect(results.bars.map(({ id }) => id)).toEqual(BARS.map(({ id }) => id));
  });

  it('have no contender that crashed or decided wrongly', () => {
    const faults = Object.values(results.measured).flatMap(({ absent }) => absent.filter(({ fault }) => fault));
    expect(faults).toEqual([]);
  });

  it('are the ones in docs/benchmarks.md', () => {
    const page = readText('docs/benchmarks.md');
    expect(withTable(page, results) === page, 'node bench/picture.mjs writes it').toBe(true);
    for (const { text } of results.bars) expect(page).toContain(text);
  });

  it('are the ones in the picture', () => {
    expect(picture(results) === readText('bench/results/picture.svg'), 'node bench/picture.mjs draws it').toBe(true);
    expect(readText('README.md')).toContain('](bench/results/picture.svg)');
    expect(readText('docs/benchmarks.md')).toContain('](../bench/results/picture.svg)');
  });
});

describe('the picture', () => {
  it('is well-formed, each contender with its figure', () => {
    const drawn = picture(results);
    const opened = [...drawn.matchAll(/<(\w+)\b[^>]*(?<!\/)>/g)].map(([, name]) => name);
    const closed = [...drawn.matchAll(/<\/(\w+)>/g)].map(([, name]) => name);
    expect(opened.sort()).toEqual(closed.sort());
    expect(drawn).toContain('prefers-color-scheme: dark');
    expect(drawn).not.toMatch(/NaN|undefined|<script|href/);
    expect(drawn.match(/class="ours"/g)?.length).toBeGreaterThan(5);
  });

  it('leaves out what was not measured, and takes no title for markup', () => {
    const rows = [
      {
        group: 'RS256',
        contender: 'x',
        title: 'a <b> & c',
        kind: 'ours',
        metrics: { cpu: { median: 2, min: 1, max: 3, samples: [2] } },
      },
    ];
    const measured = { repeated: { title: 'again', seconds: 1, rows, absent: [] } };
    const drawn = picture({ ...results, measured });
    expect(drawn).toContain('a &lt;b&gt; &amp; c');
    expect(drawn.match(/class="panel"/g)).toHaveLength(1);
  });
});

describe('the table of docs/benchmarks.md', () => {
  it('shows what was measured and no bars', () => {
    const [first] = results.bars;
    if (!first) throw new Error('no bars');
    const table = benchmarksTable({ ...results, bars: [{ ...first, holds: false, value: 2 }] });
    expect(table).toContain(`| ${first.text} | 2 |`);
    expect(benchmarksTable({ ...results, bars: [{ ...first, holds: false, value: undefined }] })).toContain(
      'not measured',
    );
    expect(benchmarksTable(results)).not.toMatch(/missed|at least|at most/i);
  });

  it('is written to its place, again and again', () => {
    const once = withTable('before\n<!-- bench: written by npm run bench -->\n<!-- /bench -->\nafter\n', results);
    expect(withTable(once, results)).toBe(once);
    expect(once).toMatch(/^before\n[^]*\nafter\n$/);
    expect(() => withTable('no place', results)).toThrow('no place for the table');
  });
});
