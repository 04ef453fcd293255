import fc from 'fast-check';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { SITUATIONS, type Situation } from '../../bench/chaos/situations.mjs';
import { type Answer, tally } from '../../bench/chaos/tally.mjs';
import { QUICK_SITUATIONS, timetable } from '../../bench/chaos/timetable.mjs';
import { moment, schedule, sign, statesOf } from '../../bench/chaos/traffic.mjs';
import { type ChaosRow, chaosRows, chaosVerdict } from '../../bench/chaos/verdict.mjs';
import { readChaos } from '../../bench/report/chaos-results.mjs';
import { chaosMarkdown, chaosTable, chaosVerdictText, withChaosTable } from '../../bench/report/chaos.mjs';
import { signingKey } from '../../bench/support/keys.mjs';
import { readText } from '../support/source-files.js';

const AUDIENCE = 'orders-api';
const ISSUER = 'https://login.example.com';

function situation(id: string): Situation {
  const found = SITUATIONS.find((each) => each.id === id);
  if (!found) throw new Error(`no situation ${id}`);
  return found;
}

function row(contender: string, more: Partial<ChaosRow> = {}): ChaosRow {
  const figures = { good: 250, refused: 0, blamed: 0, late: 0, badAccepted: 0, slowest: 2.4, behind: 5, fetched: 4 };
  return { situation: situation('status-500').title, contender, title: contender, ...figures, ...more };
}

describe('the situations of the chaos measure', () => {
  it('have ids and titles of their own, and about 250 good tokens each', () => {
    expect(SITUATIONS.length).toBeGreaterThanOrEqual(24);
    expect(new Set(SITUATIONS.map(({ id }) => id)).size).toBe(SITUATIONS.length);
    expect(new Set(SITUATIONS.map(({ title }) => title)).size).toBe(SITUATIONS.length);
    for (const each of SITUATIONS) {
      const good = schedule(each).filter(({ fault }) => fault === undefined);
      expect(good.length, each.id).toBe(250);
    }
  });

  it.each(SITUATIONS)('$id: every change falls between two good tokens', (each) => {
    const good = schedule(each).filter(({ fault }) => fault === undefined);
    for (const [change] of statesOf(each))
      for (const { at } of good) expect(Math.abs(at - change)).toBeGreaterThanOrEqual(each.every / 2);
  });

  it('run all of their states within the time in which tokens come', () => {
    for (const each of SITUATIONS) {
      const times = statesOf(each).map(([at]) => at);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times[0]).toBe(0);
      expect(times.at(-1)).toBeLessThan(each.seconds * 1_000);
    }
  });

  it('are run in turns, short ones of a quick run all at once', () => {
    const begins = timetable(SITUATIONS);
    const end = Math.max(...SITUATIONS.map(({ id, seconds }) => (begins.get(id) ?? Number.NaN) + seconds));
    expect(end).toBeLessThan(120);
    const quick = timetable(QUICK_SITUATIONS);
    expect(QUICK_SITUATIONS).toHaveLength(6);
    for (const { id, seconds } of QUICK_SITUATIONS) expect((quick.get(id) ?? Number.NaN) + seconds).toBeLessThan(25);
  });
});

describe('the traffic of the chaos measure', () => {
  it('moves a change to the middle between two tokens, by half their distance at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 1_000 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (every, second) => {
          const at = moment({ every }, second);
          expect(at % every).toBe(0);
          expect(Math.abs(at - second * 1_000)).toBeLessThanOrEqual(every / 2 + 1e-6);
        },
      ),
    );
  });

  it('signs with the keys of the moment, several of them in turn', () => {
    const good = schedule(situation('edges')).filter(({ counts }) => counts === 'good');
    expect(new Set(good.filter(({ at }) => at < 31_000).map(({ key }) => key))).toEqual(new Set(['key-1']));
    const later = good.filter(({ at }) => at > 31_300).map(({ key }) => key);
    expect(new Set(later.slice(0, 2))).toEqual(new Set(['key-1', 'key-2']));
    expect(later[0]).toBe(later[2]);
  });

  it('does not count good tokens while the provider publishes an empty set', () => {
    const empty = situation('empty');
    const [from, to] = [moment(empty, 4), moment(empty, 9)];
    const good = schedule(empty).filter(({ fault }) => fault === undefined);
    for (const { at, counts } of good) expect(counts).toBe(at > from && at < to ? 'uncounted' : 'good');
    expect(good.filter(({ counts }) => counts === 'uncounted')).toHaveLength((to - from) / empty.every);
  });

  it('counts tokens of a removed key as bad when every lifetime is over', () => {
    const retired = schedule(situation('removed')).filter(({ fault }) => fault === 'retired');
    expect(retired).toHaveLength(12);
    for (const { at, counts, key } of retired) {
      expect({ counts, key }).toEqual({ counts: 'bad', key: 'key-1' });
      expect(at).toBeGreaterThanOrEqual(8_000);
    }
  });

  it('has bad tokens that a verifier with the right keys rejects, and good ones that it accepts', async () => {
    const keys = new Map([['key-1', await signingKey('ES256', 'key-1')]]);
    const stranger = await signingKey('ES256');
    const plan: Situation = { ...situation('flood'), states: { 0: { kind: 'serves' } }, signedWith: { 0: ['key-1'] } };
    const tokens = schedule(plan);
    expect(new Set(tokens.map(({ fault }) => fault))).toEqual(
      new Set([undefined, 'forged', 'expired', 'elsewhere', 'unsigned', 'confused', 'made-up']),
    );
    const set = createLocalJWKSet({ keys: [...keys.values()].map(({ jwk }) => jwk) });
    for (const { counts, token } of sign(tokens, { issuer: ISSUER, keys, stranger })) {
      const accepted = await jwtVerify(token, set, { issuer: ISSUER, audience: AUDIENCE }).then(
        () => true,
        () => false,
      );
      expect(accepted).toBe(counts === 'good');
    }
  });

  it('makes up another kid for each made-up token', async () => {
    const keys = new Map([['key-1', await signingKey('ES256', 'key-1')]]);
    const tokens = Array.from({ length: 5 }, (_, at) => ({
      at,
      counts: 'bad' as const,
      key: 'key-1',
      fault: 'made-up',
    }));
    const signed = sign(tokens, { issuer: ISSUER, keys, stranger: await signingKey('ES256') });
    expect(new Set(signed.map(({ token }) => decodeProtectedHeader(token).kid)).size).toBe(5);
  });
});

describe('the tally of a situation', () => {
  const answers: Answer[] = [
    { counts: 'good', outcome: 'accepted', took: 3, behind: 1 },
    { counts: 'good', outcome: 'accepted', took: 7, behind: 0 },
    { counts: 'good', outcome: 'blamed', took: 100, behind: 2 },
    { counts: 'good', outcome: 'unavailable', took: 200, behind: 0 },
    { counts: 'good', outcome: 'late', took: 8_000, behind: 0 },
    { counts: 'bad', outcome: 'blamed', took: 1, behind: 40 },
    { counts: 'bad', outcome: 'accepted', took: 900, behind: 0 },
    { counts: 'uncounted', outcome: 'blamed', took: 1, behind: 0 },
    { counts: 'uncounted', outcome: 'accepted', took: 900, behind: 0 },
  ];

  it('counts rejections of good tokens by their reason, and bad ones that were accepted', () => {
    const counted = { good: 5, refused: 3, blamed: 1, late: 1, badAccepted: 1 };
    expect(tally(answers)).toEqual({ ...counted, slowest: 7, behind: 40 });
  });

  it('has a slowest answer of 0 where no good token was accepted', () => {
    expect(tally([]).slowest).toBe(0);
  });
});

describe('the verdict on chaos', () => {
  const rivals = [row('jose', { refused: 9, fetched: 5 }), row('get-jwks', { refused: 2, fetched: 1, badAccepted: 8 })];

  it.each<[string, Partial<ChaosRow>, boolean]>([
    ['as many good tokens refused as by the best rival', { refused: 2 }, true],
    ['one more', { refused: 3 }, false],
    ['a bad token accepted', { badAccepted: 1 }, false],
    ['twice the fetches of jose', { fetched: 10 }, true],
    ['more than twice the fetches of jose', { fetched: 11 }, false],
  ])('%s', (_, figures, holds) => {
    const verdict = chaosVerdict([row('nestjs-jwks', figures), ...rivals]);
    expect(verdict.holds).toBe(holds);
    expect(verdict.failed).toEqual(holds ? [] : ['status-500']);
    expect(verdict.situations).toMatchObject([
      { id: 'status-500', refused: { limit: 2 }, badAccepted: { limit: 0 }, fetched: { limit: 10 } },
    ]);
  });

  it('does not hold where ours, jose or every rival was not measured', () => {
    expect(chaosVerdict(rivals).holds).toBe(false);
    expect(chaosVerdict([row('nestjs-jwks'), row('get-jwks')]).holds).toBe(false);
    expect(chaosVerdict([row('nestjs-jwks')]).holds).toBe(false);
    expect(chaosVerdict([row('nestjs-jwks'), row('jose')]).holds).toBe(true);
  });

  it('gives 2 s for the return from an empty set', () => {
    const { title, every } = situation('empty');
    const rows = (refused: number) => [row('nestjs-jwks', { refused }), row('jose', { refused: 1 })];
    const verdictFor = (refused: number) =>
      chaosVerdict(rows(refused).map((each) => ({ ...each, situation: title }))).situations[0]?.refused;
    const limit = 1 + 2_000 / every;
    expect(verdictFor(limit)).toEqual({ ours: limit, limit, holds: true });
    expect(verdictFor(limit + 1)?.holds).toBe(false);
  });

  it('says nothing of situations that were not run', () => {
    expect(chaosVerdict([])).toEqual({ holds: true, failed: [], situations: [] });
  });

  it('is made of the rows of a sheet', () => {
    const metrics = { refused: { median: 3, min: 3, max: 3, samples: [3] } };
    const rows = [{ group: 'a situation', contender: 'jose', title: 'jose', kind: 'rival', metrics }];
    expect(chaosRows({ rows })).toEqual([{ situation: 'a situation', contender: 'jose', title: 'jose', refused: 3 }]);
  });

  it('names what failed and by how much', () => {
    const verdict = chaosVerdict([row('nestjs-jwks', { refused: 3, fetched: 11 }), ...rivals]);
    expect(chaosVerdictText(verdict)).toContain('status-500: good refused 3, at most 2, fetches 11, at most 10');
    expect(chaosVerdictText(chaosVerdict([row('nestjs-jwks'), ...rivals]))).toContain('keeps up in all 1');
    expect(chaosVerdictText(chaosVerdict(rivals))).toContain('not measured');
  });
});

describe('the table of the chaos measure', () => {
  const rows = [
    row('nestjs-jwks', { slowest: 2.4 }),
    row('jose', { refused: 96, blamed: 90, slowest: 1_234, fetched: 80 }),
    row('get-jwks', { badAccepted: 12 }),
    row('nestjs-jwks', { situation: 'another', refused: 250 }),
  ];

  it('has a line for each situation and a column for each contender', () => {
    const lines = chaosMarkdown({ ...readChaos(), rows }).split('\n');
    expect(lines).toContain('| situation | nestjs-jwks | jose | get-jwks |');
    expect(lines).toContain(
      '| 500 for 10 s | 0 · 3 ms · 4 | 96 (90) · 1,234 ms · 80 | 0 · 3 ms · 4 · **accepted 12 bad** |',
    );
    expect(lines).toContain('| another | 250 · - · 4 | not measured | not measured |');
  });

  it('warns of tokens that came late', () => {
    const late = [row('nestjs-jwks'), row('jose', { behind: 2_345 })];
    const text = chaosTable({ title: 'Chaos', rows: late, faults: [] });
    expect(text.match(/^!.*/gm)).toEqual(['! jose: tokens came up to 2,345 ms late, the machine was too busy']);
  });

  it('names contenders that crashed on a terminal', () => {
    const text = chaosTable({ title: 'Chaos', rows, faults: [{ contender: 'aws-jwt-verify', why: 'it ended' }] });
    expect(text).toContain('! aws-jwt-verify: not measured: it ended');
    expect(text).toContain('96 (90) · 1,234 ms · 80');
  });

  it('has a place that it is written to, again and again', () => {
    const once = withChaosTable(
      'before\n<!-- chaos: written by npm run bench -->\n<!-- /chaos -->\nafter\n',
      readChaos(),
    );
    expect(withChaosTable(once, readChaos())).toBe(once);
    expect(once).toMatch(/^before\n[^]*\nafter\n$/);
    expect(() => withChaosTable('no place', readChaos())).toThrow('no place for the table');
  });
});

describe('the published results of the chaos measure', () => {
  const results = readChaos();

  it('are of every situation and every contender, with the verdict that follows from them', () => {
    expect(results.faults).toEqual([]);
    expect(new Set(results.rows.map((each) => each.situation))).toEqual(new Set(SITUATIONS.map(({ title }) => title)));
    expect(new Set(results.rows.map(({ contender }) => contender)).size).toBe(6);
    expect(results.rows).toHaveLength(6 * SITUATIONS.length);
    expect(results.verdict).toEqual(JSON.parse(JSON.stringify(chaosVerdict(results.rows))));
  });

  it('have no bad token that nestjs-jwks accepted', () => {
    for (const { contender, badAccepted } of results.rows) if (contender === 'nestjs-jwks') expect(badAccepted).toBe(0);
  });

  it('are what docs/benchmarks.md says', () => {
    const document = readText('docs/benchmarks.md');
    expect(withChaosTable(document, results) === document, 'node bench/picture.mjs writes it').toBe(true);
  });
});
