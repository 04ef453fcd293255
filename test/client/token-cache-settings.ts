import fc from 'fast-check';
import { SEEN, VERIFY_OPTIONS } from './token-cache-commands.js';
import { TOKEN_COUNT } from './token-cache-tokens.js';

/** How the application is made. */
export interface Setting {
  readonly trust: 'one' | 'any' | 'list' | 'tenants' | 'client';
  /** Of the side that has a cache. */
  readonly tokenCache: object | undefined;
  readonly rules: object;
  /** Few, so that they are seen again. */
  readonly tokens: readonly number[];
  /** Which of `VERIFY_OPTIONS`. */
  readonly options: readonly number[];
  readonly validates: boolean;
  readonly listens: boolean;
  readonly keeps: boolean;
  readonly etags: boolean;
  readonly retries: number;
  /** In place of chance. */
  readonly random: number;
}

/** The usual tokens, those that time makes good or bad, and all of them. */
const token = fc.oneof(fc.nat(4), fc.constantFrom(10, 11, 12, 13, 14, 15, 16, 17), fc.nat(TOKEN_COUNT - 1));

/** Options that refuse many a good token, those that say how long it is good, and all of them. */
const option = fc.oneof(
  fc.constantFrom(4, 9, 10, 11, 17),
  fc.constantFrom(13, 14, 15, 16),
  fc.nat(VERIFY_OPTIONS.length),
);

const often = <T>(defaultRules: T, ...others: T[]) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(defaultRules) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

export const settings: fc.Arbitrary<Setting> = fc.record({
  trust: fc.constantFrom<Setting['trust']>('one', 'one', 'any', 'any', 'list', 'list', 'tenants', 'tenants', 'client'),
  tokenCache: fc.constantFrom(undefined, {}, { max: 10_000 }, { max: 3 }, { max: 2 }, { max: 1 }),
  rules: often<object>({}, { maxTokenAge: '12m' }, { maxTokenAge: '12m' }, { clockTolerance: 0, requiredClaims: [] }),
  tokens: fc.array(token, { minLength: SEEN.tokens, maxLength: SEEN.tokens }),
  options: fc.array(option, { minLength: SEEN.options, maxLength: SEEN.options }),
  validates: fc.boolean(),
  listens: fc.boolean(),
  keeps: often(true, false),
  etags: fc.boolean(),
  retries: fc.constantFrom(0, 2),
  random: fc.constantFrom(0, 0.5, 0.99),
});
