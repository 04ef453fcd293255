import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { picture } from './picture.mjs';
import { withTable } from './readme.mjs';
import { PICTURE, readLatest, writeLatest } from './results.mjs';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));

/** Results, picture and README: what is committed of a run. */
export function publish(results) {
  writeLatest(results);
  draw();
}

/** The picture and the README's table, from the committed results. */
export function draw() {
  const results = readLatest();
  writeFileSync(PICTURE, picture(results));
  writeFileSync(README, withTable(readFileSync(README, 'utf8'), results));
}
