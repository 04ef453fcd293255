import { SITUATIONS } from './situations.mjs';
import { moment, schedule } from './traffic.mjs';

const OURS = 'nestjs-jwks';
/** The rival that ours may fetch twice as often as. */
const FRUGAL = 'jose';
const TIMES = 2;

/**
 * What a run found, a row for each situation and contender, out of the rows of its sheet.
 *
 * @param {{ rows: object[] }} measured
 */
export function chaosRows({ rows }) {
  return rows.map(({ group, contender, title, metrics }) => {
    const figures = Object.entries(metrics).map(([metric, { median }]) => [metric, median]);
    return { situation: group, contender, title, ...Object.fromEntries(figures) };
  });
}

/**
 * Whether ours, in every situation that was measured, rejects no more good tokens than the best
 * rival, accepts no bad token, and fetches at most twice as often as jose.
 */
export function chaosVerdict(rows, situations = SITUATIONS) {
  const compared = situations
    .map((situation) => ({ situation, own: rows.filter((row) => row.situation === situation.title) }))
    .filter(({ own }) => own.length > 0)
    .map(({ situation, own }) => compare(situation, own));
  const failed = compared.filter(({ holds }) => !holds).map(({ id }) => id);
  return { holds: failed.length === 0, failed, situations: compared };
}

function compare(situation, rows) {
  const ours = rows.find(({ contender }) => contender === OURS);
  const frugal = rows.find(({ contender }) => contender === FRUGAL);
  const best = Math.min(...rows.filter((row) => row !== ours).map(({ refused }) => refused));
  const checks = {
    refused: check(ours?.refused, best + tolerated(situation)),
    badAccepted: check(ours?.badAccepted, 0),
    fetched: check(ours?.fetched, frugal && frugal.fetched * TIMES),
  };
  const holds = Object.values(checks).every((each) => each.holds);
  return { id: situation.id, title: situation.title, holds, ...checks };
}

/** What was not measured does not hold. */
function check(ours, limit) {
  return Number.isFinite(limit) ? { ours, limit, holds: ours !== undefined && ours <= limit } : { ours, holds: false };
}

/** How many good tokens come in the grace of a situation, after the uncounted time. */
function tolerated(situation) {
  if (situation.grace === undefined) return 0;
  const from = moment(situation, situation.uncounted[1]);
  const to = from + situation.grace * 1_000;
  return schedule(situation).filter(({ at, counts }) => counts === 'good' && at >= from && at < to).length;
}
