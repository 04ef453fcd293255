import { basename, dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import base from '../../vitest.config.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/**
 * What stands on a layer beside the layer's own specs: a fault that none of these notices is not
 * tested.
 */
const ABOVE = ['client/**', 'security/{http,keys-and-issuers}', 'e2e/!(fleet|oidc|redis|rotation)*'];

/**
 * A mutant is done with its first failing test, so the specs of its file and layer go first, and
 * small ones before large ones.
 */
class NearestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const [mutated = ''] = this.ctx.config.related ?? [];
    const layer = basename(dirname(mutated));
    const distance = ({ moduleId }: TestSpecification): number => {
      const path = relative(root, moduleId);
      if (path.startsWith(`test/${layer}/${basename(mutated, '.ts')}`)) return 0;
      return path.startsWith(`test/${layer}/`) ? 1 : 2;
    };
    const largestFirst = await super.sort(files);
    return largestFirst.toReversed().toSorted((a, b) => distance(a) - distance(b));
  }
}

export default defineConfig({
  ...base,
  root,
  test: {
    ...base.test,
    projects: undefined,
    include: ['{tokens,keys,auth}/**', ...ABOVE].map((path) => `test/${path}.spec.ts`),
    setupFiles: [fileURLToPath(new URL('setup.mjs', import.meta.url))],
    sequence: { ...base.test?.sequence, sequencer: NearestFirst },
  },
});
