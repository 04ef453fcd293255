import { documentationPages } from '../../tools/documentation.mjs';

export const pages = documentationPages();

/** The text of a page without code and comments, which may contain what looks like a heading, a table or a link. */
function proseOf(path: string): string {
  const page = pages.find((each) => each.path === path);
  if (!page) throw new Error(`The documentation has no page ${path}`);
  return withoutCode(page.text);
}

export function withoutCode(text: string): string {
  return text.replace(/^```[^]*?^```$/gm, '').replace(/<!--[^]*?-->\n?/g, '');
}

/** The rows of the first table under a heading, as plain text. */
export function tableOf(path: string, heading: string): string[][] {
  const [, section] = proseOf(path).split(new RegExp(`^#+ ${heading}$`, 'm'));
  const [table] = section?.match(/(?:^\|.*\|$\n?)+/m) ?? [];
  if (!table) throw new Error(`${path} has no table under "${heading}"`);
  const [, , ...rows] = table.trim().split('\n');
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').replace(/\s+/g, ' ').trim()),
  );
}

/** The anchors of the headings of a text, as GitHub makes them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = withoutCode(text).matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}
