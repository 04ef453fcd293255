/** The middle of some numbers; of an even count the mean of the middle two. */
export function median(numbers) {
  if (numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
}

/** The number that the given part of the others does not exceed: `quantile(numbers, 0.99)`. */
export function quantile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * What the results keep of a metric: its samples in the order of the rounds, so that two contenders
 * can be compared round by round.
 */
export function summarize(samples) {
  const rounded = samples.map(significant);
  return {
    median: significant(median(samples)),
    min: Math.min(...rounded),
    max: Math.max(...rounded),
    samples: rounded,
  };
}

/**
 * How many times `over` is `under`: the median of the ratios of each round, since what slows a
 * machine down for a while slows down both contenders of a round.
 */
export function ratio(over, under) {
  const rounds = Math.min(over.samples.length, under.samples.length);
  return median(Array.from({ length: rounds }, (_, round) => over.samples[round] / under.samples[round]));
}

/** Four digits are more than any of these figures is worth. */
export function significant(number) {
  return Number(number.toPrecision(4));
}
