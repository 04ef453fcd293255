import { SITUATIONS, WARM_UP } from './situations.mjs';

const QUICK = new Set(['status-500', 'hang', 'empty', 'retry-after-rotation', 'reused', 'cold-retry-after']);

/** Those of a quick run. */
export const QUICK_SITUATIONS = SITUATIONS.filter(({ id }) => QUICK.has(id));

/** In seconds. */
const SHORT = 20;
const BETWEEN = 4;
/** So many short situations at a time are light traffic; the long ones run beside them. */
const AT_A_TIME = 6;
/** First fetches of many sets at once would wait for each other. */
const STAGGER = 0.2;

/** When each situation of a run begins, in seconds by its id. */
export function timetable(situations) {
  const short = situations.filter(({ seconds }) => seconds <= SHORT);
  const long = situations.filter(({ seconds }) => seconds > SHORT);
  const turns = Array.from({ length: Math.ceil(short.length / AT_A_TIME) }, (_, turn) =>
    short.slice(turn * AT_A_TIME, (turn + 1) * AT_A_TIME),
  );
  const begins = [...turns.entries(), [0, long]].flatMap(([turn, together]) =>
    together.map(({ id }, index) => [id, WARM_UP.seconds + turn * (SHORT + BETWEEN) + index * STAGGER]),
  );
  return new Map([[WARM_UP.id, 0], ...begins]);
}
