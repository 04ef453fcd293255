import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const PACKAGES = new URL('../package.json', import.meta.url);

export const LATEST = fileURLToPath(new URL('../results/latest.json', import.meta.url));
export const PICTURE = fileURLToPath(new URL('../results/picture.svg', import.meta.url));

/** What the figures hold for. */
export function machine() {
  const [{ model }] = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GB`;
  return { node: process.version, cores: cpus().length, cpu: model.trim(), memory, system: `${platform()} ${arch()}` };
}

/** The versions that were measured, ours included. */
export function versions() {
  const { dependencies } = JSON.parse(readFileSync(PACKAGES, 'utf8'));
  const own = new URL('../node_modules/nestjs-jwks/package.json', import.meta.url);
  return { 'nestjs-jwks': JSON.parse(readFileSync(own, 'utf8')).version, ...dependencies };
}

export function readLatest() {
  return JSON.parse(readFileSync(LATEST, 'utf8'));
}

export function writeLatest(results) {
  // Samples in one line each: a diff of two runs can be read.
  const text = JSON.stringify(results, undefined, 2).replace(/\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g, (list) =>
    list.replace(/\s+/g, ' '),
  );
  writeFileSync(LATEST, `${text}\n`);
}
