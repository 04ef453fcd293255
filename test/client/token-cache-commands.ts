import fc from 'fast-check';
import { ISSUERS, KEY_NAMES, VARIANT_NAMES, type KeyName, type Variant } from './token-cache-tokens.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** One token that is verified in one way. */
export interface Use {
  /** Which of the tokens of the setting. */
  readonly token: number;
  readonly variant: Variant;
  /** Which of the options of the setting; absent: none are given. */
  readonly options?: number | undefined;
  /** By the client of this issuer, in place of the service. */
  readonly client?: string | undefined;
}

export type Mode = 'up' | 'down' | 'garbage' | 'empty' | 'hangs';

export type Command =
  | { readonly do: 'pass' | 'jump'; readonly to: number }
  /**
   * Uses a token about the moment from or to which it is good: one millisecond before, then, and
   * one after, or the other way round.
   */
  | {
      readonly do: 'edge';
      readonly use: Use;
      readonly claim: 'exp' | 'nbf' | 'iat';
      /** How far from what the claim says: the tolerance, the greatest age. */
      readonly off: number;
      readonly deltas: readonly number[];
    }
  | {
      readonly do: 'publish';
      readonly issuer: number;
      readonly keys: readonly KeyName[];
      /** Whether the application asks for it at once. */
      readonly refresh: boolean;
      readonly maxAge?: number;
    }
  | { readonly do: 'become'; readonly issuer: number; readonly mode: Mode; readonly latency: number }
  | {
      readonly do: 'verify';
      readonly uses: readonly Use[];
      /** Whose set is refreshed while signatures are checked. */
      readonly beside?: number | undefined;
      /** What every object has meanwhile. */
      readonly inherited?: string | undefined;
    }
  | { readonly do: 'refresh' | 'find'; readonly issuer: number }
  /** What a resolver function knows of an issuer from now on. */
  | { readonly do: 'resolve'; readonly issuer: number; readonly as: 'known' | 'unknown' | 'broken' }
  /** Changes an object of options that was handed in before. */
  | { readonly do: 'remix'; readonly to: number }
  /** Tries to change everything that `verify` has answered with. */
  | { readonly do: 'mutate' };

/** Made anew for each use, but for the last one, which is `remixed` again and again. */
export const VERIFY_OPTIONS: readonly (() => unknown)[] = [
  () => ({}),
  () => ({ issuer: ISSUERS[0] }),
  () => ({ issuer: [ISSUERS[1], ISSUERS[0]] }),
  () => ({ issuer: ISSUERS[1] }),
  () => ({ audience: 'billing' }),
  () => ({ audience: ['shipping', 'billing'] }),
  () => ({ audience: ['shipping,billing'] }),
  () => ({ audience: false }),
  () => ({ issuer: ISSUERS[0], audience: false }),
  () => ({ algorithms: ['ES256'] }),
  () => ({ algorithms: ['RS256', 'PS256', 'EdDSA'] }),
  () => ({ tokenType: 'at+jwt' }),
  () => ({ tokenType: 'JWT' }),
  () => ({ clockTolerance: 0 }),
  () => ({ clockTolerance: '1m' }),
  () => ({ maxTokenAge: '15m' }),
  () => ({ maxTokenAge: '1m', clockTolerance: 0 }),
  () => ({ requiredClaims: ['exp', 'jti'] }),
  () => ({ requiredClaims: ['exp', 'sub'] }),
  () => ({ requiredClaims: [] }),
  () => ({ audiance: 'billing' }),
  () => ({ clockTolerance: -1 }),
  () => null,
];

/** How many tokens and options an application meets: few, so that they are seen again. */
export const SEEN = { tokens: 4, options: 4 };

/** The first is that of most tokens. */
const issuer = fc.constantFrom(0, 0, 0, 1, 2);

const use: fc.Arbitrary<Use> = fc.record({
  token: fc.nat(SEEN.tokens - 1),
  variant: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Variant>('good') },
    { weight: 1, arbitrary: fc.constantFrom(...VARIANT_NAMES) },
  ),
  options: fc.option(fc.nat(SEEN.options - 1), { nil: undefined, freq: 2 }),
  client: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...ISSUERS) },
  ),
});

const uses = fc.oneof(
  { weight: 3, arbitrary: use.map((each) => [each]) },
  // The same again, or in another way.
  { weight: 2, arbitrary: use.map((each) => [each, each]) },
  { weight: 2, arbitrary: fc.tuple(use, use).map(([one, { options }]) => [one, { ...one, options }]) },
  { weight: 2, arbitrary: fc.tuple(use, use).map(([one, { variant }]) => [one, { ...one, variant }]) },
  { weight: 2, arbitrary: fc.array(use, { minLength: 2, maxLength: 5 }) },
);

const keys = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom<KeyName[]>(['a1', 'b1', 'e1'], ['a1', 'b1'], ['a2', 'b1', 'e1'], ['a1', 'b2'], ['a2']),
  },
  { weight: 1, arbitrary: fc.shuffledSubarray(KEY_NAMES, { minLength: 1 }) },
);

const verify = fc.record({
  do: fc.constant('verify' as const),
  uses,
  beside: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: issuer }),
  inherited: fc.oneof(
    { weight: 30, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('exp', 'aud', 'typ', 'max') },
  ),
});

const pass = fc.record({
  do: fc.constant('pass' as const),
  to: fc.oneof(
    fc.integer({ min: 1, max: 2 * MINUTE }),
    fc.constantFrom(SECOND, 30 * SECOND, MINUTE, 8.5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 50 * MINUTE, 3 * HOUR),
  ),
});

const jump = fc.record({
  do: fc.constant('jump' as const),
  to: fc.constantFrom(-HOUR, -10 * MINUTE, -SECOND, SECOND, 10 * MINUTE),
});

const tolerance = fc.constantFrom(0, 5 * SECOND, 5 * SECOND, MINUTE);
const age = fc.constantFrom(0, MINUTE, 12 * MINUTE, 15 * MINUTE);

const moment = fc.oneof(
  tolerance.map((off) => ({ claim: 'exp' as const, off })),
  tolerance.map((off) => ({ claim: 'nbf' as const, off: -off })),
  fc.tuple(tolerance, age).map(([off, most]) => ({ claim: 'iat' as const, off: most > 0 ? most + off : -off })),
);

const edge = fc
  .tuple(use, moment, fc.constantFrom([-1, 0, 1], [1, 0, -1]))
  .map(([each, at, deltas]) => ({ do: 'edge' as const, use: { ...each, variant: 'good' as const }, ...at, deltas }));

const publish = fc.record(
  {
    do: fc.constant('publish' as const),
    issuer,
    keys,
    refresh: fc.boolean(),
    maxAge: fc.constantFrom(0, 5 * MINUTE, HOUR),
  },
  { requiredKeys: ['do', 'issuer', 'keys', 'refresh'] },
);

const become = fc.record({
  do: fc.constant('become' as const),
  issuer,
  mode: fc.constantFrom<Mode>('up', 'up', 'up', 'up', 'up', 'up', 'down', 'garbage', 'empty', 'hangs'),
  latency: fc.constantFrom(0, 0, 0, 300, 3_000),
});

const ask = fc.record({ do: fc.constantFrom('refresh' as const, 'refresh' as const, 'find' as const), issuer });

const resolve = fc.record({
  do: fc.constant('resolve' as const),
  issuer,
  as: fc.constantFrom('known' as const, 'unknown' as const, 'broken' as const),
});

const remix = fc.record({ do: fc.constant('remix' as const), to: fc.nat(VERIFY_OPTIONS.length - 1) });

export const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof(
    { weight: 24, arbitrary: verify },
    { weight: 4, arbitrary: pass },
    { weight: 2, arbitrary: jump },
    { weight: 6, arbitrary: edge },
    { weight: 6, arbitrary: publish },
    { weight: 4, arbitrary: become },
    { weight: 5, arbitrary: ask },
    { weight: 1, arbitrary: resolve },
    { weight: 2, arbitrary: remix },
    { weight: 2, arbitrary: fc.constant({ do: 'mutate' as const }) },
  ),
  { minLength: 1, maxLength: 80, size: 'max' },
);
