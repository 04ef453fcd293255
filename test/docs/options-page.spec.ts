import { describe, expect, it } from 'vitest';
import { documentedOptions, optionsPage } from '../../tools/options-page.mjs';
import { readText } from '../support/source-files.js';
import { tableOf } from './pages.js';

describe('docs/options.md', () => {
  it('is what npm run docs:options writes', async () => {
    expect(readText('docs/options.md') === (await optionsPage()), 'npm run docs:options writes it').toBe(true);
  });

  it('has options at the top level and in each group, described and with a default', () => {
    const options = documentedOptions();
    const paths = options.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths).toEqual(
      expect.arrayContaining(['issuer', 'audience', 'issuers', 'jwksUri', 'validate', 'prefetch', 'isGlobal']),
    );
    expect(new Set(paths.map((path) => path.split('.')[1] && path.split('.')[0]).filter(Boolean))).toEqual(
      new Set(['cache', 'refetchLimit', 'http', 'tokenCache', 'dpop', 'mtls']),
    );
    for (const { path, text, required, default: byDefault } of options) {
      expect(text, path).toMatch(/\.$/);
      if (!required) expect(byDefault, path).toBeTruthy();
    }
  });

  it('agrees with the table of the most needed options in the README', () => {
    const declared = new Map(documentedOptions().map((option) => [option.path, option]));
    const rows = tableOf('README.md', 'Options');
    expect(rows).toHaveLength(10);
    for (const [name = '', byDefault] of rows) {
      const option = declared.get(name);
      expect(byDefault, name).toBe(option?.default?.replaceAll('`', '') ?? (option?.required ? 'required' : 'none'));
    }
  });
});
