import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { commands, type Command, type Use } from './token-cache-commands.js';
import { settings, type Setting } from './token-cache-settings.js';
import { Side, type Observation } from './token-cache-side.js';

/** `TOKEN_CACHE_RUNS=20000` looks for longer, `TOKEN_CACHE_SEED` for the same again. */
const { TOKEN_CACHE_RUNS, TOKEN_CACHE_SEED } = process.env;
const numRuns = Number(TOKEN_CACHE_RUNS ?? 75);
const limits = TOKEN_CACHE_RUNS ? {} : { interruptAfterTimeLimit: 9_000 };
const replay = TOKEN_CACHE_SEED ? { seed: Number(TOKEN_CACHE_SEED) } : {};

afterEach(() => vi.restoreAllMocks());

const AT_THE_END: readonly Use[] = [0, 1, 2, 3].map((token) => ({ token, variant: 'good' }));

/** What has to be among the outcomes: a property over nothing but refusals would say little. */
const TOLD = [
  'good',
  'token_malformed',
  'issuer_untrusted',
  'key_not_found',
  'signature_invalid',
  'token_expired',
  'token_not_active',
  'claim_invalid',
  'token_refused',
  'jwks_unavailable',
  'configuration_invalid',
];

interface Tally {
  /** Signatures that were checked, without and with the cache. */
  without: number;
  with: number;
  readonly outcomes: Map<string, number>;
}

async function compare(setting: Setting, sequence: readonly Command[], tally: Tally): Promise<void> {
  // Jitter and backoff are alike on both sides.
  vi.spyOn(Math, 'random').mockReturnValue(setting.random);
  const sides = [new Side(setting, setting.tokenCache), new Side(setting, false)] as const;
  const [cached, plain] = sides;
  for (const [index, command] of sequence.entries()) {
    const seen = await cached.run(command);
    count(seen, tally);
    const expected = await plain.run(command);
    if (setting.trust === 'tenants') keepSharedStatus(seen, expected);
    compareObservations(seen, expected, `after command ${index}: ${JSON.stringify(command)}`);
  }
  compareObservations(await cached.close(AT_THE_END), await plain.close(AT_THE_END), 'after close()');
  tally.with += cached.checks;
  tally.without += plain.checks;
}

function count({ outcomes }: Observation, tally: Tally): void {
  for (const { value, fault } of outcomes) {
    const kind = value ? 'good' : String((fault as { code?: string }).code);
    tally.outcomes.set(kind, (tally.outcomes.get(kind) ?? 0) + 1);
  }
}

/**
 * A renewal in the background drops an issuer that the resolver no longer knows, which may be a turn
 * of the event loop earlier on one side: the issuers of both sides are compared.
 */
function keepSharedStatus(seen: Observation, expected: Observation): void {
  const shared = (one: Observation, other: Observation) =>
    one.status?.filter(({ issuer }) => other.status?.some((each) => each.issuer === issuer)) ?? [];
  [seen.status, expected.status] = [shared(seen, expected), shared(expected, seen)];
}

function compareObservations(seen: object, expected: object, when: string): void {
  if (!isDeepStrictEqual(seen, expected)) expect(seen, when).toEqual(expected);
}

describe('the cache of verified tokens against none', () => {
  it('H5, H6, H7, H8: is not noticed, whatever happens', async () => {
    const tally: Tally = { without: 0, with: 0, outcomes: new Map() };
    await fc.assert(
      fc.asyncProperty(settings, commands, (setting, sequence) => compare(setting, sequence, tally)),
      { numRuns, ...limits, ...replay },
    );
    expect([...tally.outcomes.keys()]).toEqual(expect.arrayContaining(TOLD));
    expect(tally.with).toBeLessThan(0.9 * tally.without);
  }, 3_600_000);
});
