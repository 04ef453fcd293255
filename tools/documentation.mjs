// The pages of the documentation and their TypeScript examples, for the tests and the smoke test.
// An HTML comment right before an example is invisible to readers. Its first line names the file of
// the example and says how it is tested; further lines are put in front of the code.
//
//   <!-- example: first/app.module.ts -->         type-checked under that name, so that examples can import each other
//   <!-- example: verify.ts run                   run as well
//   const token = await issuer.sign();
//   -->
//   <!-- example: orders.spec.ts test -->         run by vitest as well
import { readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../', import.meta.url);
const FENCE =
  /(?:<!-- example: (?<file>[\w./-]+)(?: (?<how>run|test))?\n?(?<before>(?:(?!-->)[^])*)-->\n+)?^```ts\n(?<code>[^]*?)^```$/gm;

/** The README and everything in docs/, by path. */
export function documentationPages() {
  const docs = readdirSync(new URL('docs', ROOT), { recursive: true })
    .map((path) => `docs/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.md'));
  return ['README.md', ...docs.sort()].map((path) => ({ path, text: readFileSync(new URL(path, ROOT), 'utf8') }));
}

export function documentationExamples(pages = documentationPages()) {
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(FENCE)].map((match, index) => {
      const name = path.replace(/\.md$/, '').replaceAll('/', '-').toLowerCase();
      const { file = `${name}-${index + 1}.ts`, how = 'check', before = '', code } = match.groups;
      return { page: path, file, how, before: before.trim(), code };
    }),
  );
}
