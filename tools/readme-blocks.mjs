// The TypeScript examples of README.md, for the tests and the smoke test. An example may have an
// HTML comment right before it, which readers don't see: its first line names the example's file
// and says how far it is tried, further lines are put before the code.
//
// <!-- example: first/app.module.ts -->         type-checked under that name, so that examples can
// import each other <!-- example: verify.ts run                   run as well const token = await
// issuer.sign(); --> <!-- example: orders.spec.ts test -->         run as well, by vitest
import { readFileSync } from 'node:fs';

const FENCE =
  /(?:<!-- example: (?<file>[\w./-]+)(?: (?<how>run|test))?\n?(?<before>(?:(?!-->)[^])*)-->\n+)?^```ts\n(?<code>[^]*?)^```$/gm;

/** @returns {{ file: string, how: string, before: string, code: string, line: number }[]} */
export function readmeBlocks(url = new URL('../README.md', import.meta.url)) {
  const text = readFileSync(url, 'utf8');
  return [...text.matchAll(FENCE)].map((match, index) => {
    const { file = `example-${index + 1}.ts`, how = 'check', before = '', code } = match.groups;
    return { file, how, before: before.trim(), code, line: text.slice(0, match.index).split('\n').length };
  });
}
