import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** A file of the repository as its text; paths are relative to the repository, with `/`. */
export function readText(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** Every TypeScript file below a folder of the repository. */
export function typeScriptFiles(folder: string): string[] {
  return readdirSync(fileURLToPath(new URL(folder, ROOT)), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => posix.relative(fileURLToPath(ROOT), posix.join(entry.parentPath, entry.name)))
    .sort();
}

// A comment, or a string: the alternation that comes first wins, so a `//` inside a string is no
// comment.
const TOKENS = /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** Source text without its comments. */
export function withoutComments(source: string): string {
  return source.replace(TOKENS, (token) => (token.startsWith('/*') || token.startsWith('//') ? ' ' : token));
}

/**
 * The specifiers of every static, type-only, re-exporting and dynamic import, `import('x')` in
 * types included.
 */
export function importsOf(source: string): string[] {
  const fixed = /^(?:import|export)\b(?:[^;'"()]*\bfrom)?\s*['"]([^'"\s]+)['"]/gm;
  const dynamic = /\bimport\(\s*['"]([^'"\s]+)['"]/g;
  const code = withoutComments(source);
  return [fixed, dynamic].flatMap((form) => [...code.matchAll(form)].map(([, specifier = '']) => specifier));
}

/** The path of the file that a relative specifier names, as its source. */
export function resolveImport(importer: string, specifier: string): string {
  return posix.join(posix.dirname(importer), specifier).replace(/\.js$/, '.ts');
}
