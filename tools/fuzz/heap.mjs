import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// The flag adds `gc` to globals that are made from then on.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const MEBIBYTE = 1024 * 1024;

/** The heap after collections, while nothing else runs. */
export async function heapUsed() {
  for (let round = 0; round < 4; round += 1) {
    await new Promise(setImmediate);
    collect();
  }
  return process.memoryUsage().heapUsed / MEBIBYTE;
}

/** By how much a straight line through the figures rises from one to the next (least squares). */
export function slopeOf(figures) {
  const middle = (figures.length - 1) / 2;
  const mean = figures.reduce((sum, each) => sum + each, 0) / figures.length;
  const [over, under] = figures.reduce(
    ([up, down], each, index) => [up + (index - middle) * (each - mean), down + (index - middle) ** 2],
    [0, 0],
  );
  return over / under;
}
