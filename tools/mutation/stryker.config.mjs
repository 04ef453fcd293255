// Mutation testing of the layers that decide whether a token is good: npm run test:mutation Narrow
// it by `-- --mutate lib/tokens/claims.ts`; `-- --incremental` tries only what has changed since
// the last run. A mutant that no test can tell from the original gets a comment beside the code:
// `// Stryker disable next-line ConditionalExpression: the reason`.

export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'tools/mutation/vitest.config.ts' },
  mutate: ['lib/{tokens,keys,auth}/**/*.ts'],
  // Messages and names, sums of lengths and times, results of functions: much noise, and few checks
  // among them.
  mutator: { excludedMutations: ['StringLiteral', 'ArithmeticOperator', 'ObjectLiteral'] },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // A machine that is busy must not kill a mutant.
  timeoutMS: 20_000,
  reporters: ['clear-text', 'html', 'progress'],
  clearTextReporter: { reportTests: false, logTests: false },
  ignorePatterns: ['bench', 'coverage', 'dist', 'sample'],
  // Stryker rewrites a tsconfig.json by the compiler's JavaScript API, which TypeScript 7 does not
  // have.
  tsconfigFile: 'none.json',
  tempDirName: '.stryker-tmp',
};
