import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentationPages } from '../../tools/documentation.mjs';
import { ExamplesProject } from './examples-project.js';

describe('the examples of the documentation', () => {
  let project: ExamplesProject;
  beforeAll(() => {
    project = new ExamplesProject();
  });
  afterAll(() => project.remove());

  it('are all found, each with a file name of its own', () => {
    const fences = documentationPages().flatMap(({ text }) => text.match(/^```ts$/gm) ?? []);
    expect(project.examples).toHaveLength(fences.length);
    expect(new Set(project.examples.map(({ file }) => file)).size).toBe(fences.length);
    expect(fences.length).toBeGreaterThan(25);
  });

  it('are in no language that is not checked', () => {
    const languages = documentationPages().flatMap(({ path, text }) =>
      [...text.matchAll(/^```(\w*)\n[^]*?^```$/gm)].map(([, language]) => `${path}: ${language}`),
    );
    expect(languages.filter((each) => !/: (ts|sh|json|mermaid|nginx|yaml|)$/.test(each))).toEqual([]);
  });

  it('are valid where they are JSON', () => {
    for (const { text } of documentationPages())
      for (const [, json = ''] of text.matchAll(/^```json\n([^]*?)^```$/gm))
        expect(() => JSON.parse(json) as unknown).not.toThrow();
  });

  it('compile', () => {
    expect(project.typeCheck()).toBe('');
  }, 60_000);

  it('pass where they are tests', () => {
    const specs = project.examples.filter(({ how }) => how === 'test');
    const tests = specs.flatMap(({ code }) => code.match(/^it\(/gm) ?? []).length;
    expect(tests).toBeGreaterThan(2);
    const { status, output } = project.runSpecs();
    expect(output).toContain(`${tests} passed (${tests})`);
    expect(status).toBe(0);
  }, 60_000);

  it('run where they are programs', async () => {
    const programs = project.examples.filter(({ how }) => how === 'run');
    expect(programs.length).toBeGreaterThan(0);
    for (const { file } of programs)
      await import(
        /* @vite-ignore */ project.variant(file, {
          "'https://id.example.com/jwks'": 'issuer.jwksUri',
          "'https://id.example.com/'": 'issuer.issuer',
        })
      );
  }, 30_000);
});
