import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const lib = (path: string) => fileURLToPath(new URL(`./lib/${path}`, import.meta.url));

/**
 * These replace modules, patch node:http (nock does so when it is loaded), look at the heap of the whole process, or
 * at what Node's own server answers. The others share two processes: loading Nest anew for each file took half of the
 * time.
 */
const IN_A_PROCESS_OF_THEIR_OWN = [
  'test/auth/response/message-refusal.spec.ts',
  'test/client/token-cache.spec.ts',
  'test/e2e/http-surface.spec.ts',
  'test/e2e/rotation-outage-flood.spec.ts',
  'test/keys/ml-dsa.spec.ts',
  'test/sources/http-dispatcher-lazy.spec.ts',
  'test/sources/http-source.spec.ts',
];

export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      { find: /^nestjs-jwks\/endpoint$/, replacement: lib('endpoint/index.ts') },
      { find: /^nestjs-jwks\/resource-metadata$/, replacement: lib('resource-metadata/index.ts') },
      { find: /^nestjs-jwks\/testing$/, replacement: lib('testing/index.ts') },
      { find: /^nestjs-jwks\/terminus$/, replacement: lib('terminus/index.ts') },
      { find: /^nestjs-jwks\/prometheus$/, replacement: lib('prometheus.ts') },
      { find: /^nestjs-jwks\/inspect$/, replacement: lib('inspect.ts') },
      { find: /^nestjs-jwks$/, replacement: lib('index.ts') },
    ],
  },
  test: {
    reporters: ['default', './tools/summary-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.spec.ts'],
          exclude: IN_A_PROCESS_OF_THEIR_OWN,
          isolate: false,
        },
      },
      { extends: true, test: { name: 'own', include: IN_A_PROCESS_OF_THEIR_OWN } },
    ],
    setupFiles: [fileURLToPath(new URL('./test/support/watch-logs.ts', import.meta.url))],
    pool: 'forks',
    // Two, also on two cores, where vitest's default is one: the longest files wait for clocks and processes most of the time.
    maxWorkers: 2,
    // Far more than any test takes: a busy machine must not turn a slow test into a failed one.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    sequence: { hooks: 'stack' },
    coverage: { provider: 'v8', include: ['lib/**/*.ts'], reporter: ['text', 'lcov'] },
  },
});
