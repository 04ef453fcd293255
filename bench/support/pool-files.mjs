import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withChildren } from './child.mjs';

/** Signs a pool of different tokens on both cores and returns its file. */
export async function makePool(folder, name, { key, issuers, count }) {
  const half = Math.ceil(count / 2);
  const parts = [
    { file: join(folder, `${name}-1`), from: 0, to: half },
    { file: join(folder, `${name}-2`), from: half, to: count },
  ];
  await withChildren((start) =>
    Promise.all(parts.map(async (part) => (await start('signing')).call('writeTokens', { ...part, key, issuers }))),
  );
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat(parts.map((part) => readFileSync(part.file))));
  return file;
}
