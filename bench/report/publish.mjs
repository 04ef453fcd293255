import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withTable } from './benchmarks-page.mjs';
import { picture } from './picture.mjs';
import { PICTURE, readLatest, writeLatest } from './results.mjs';

const PAGE = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** Results, picture and page: what is committed of a run. */
export function publish(results) {
  writeLatest(results);
  draw();
}

/** The picture and the table of docs/benchmarks.md, from the committed results. */
export function draw() {
  const results = readLatest();
  writeFileSync(PICTURE, picture(results));
  writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), results));
}
