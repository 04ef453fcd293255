import { summarize } from './statistics.mjs';

/** What a measure found: a row for each contender in each group, and who is missing and why. */
export class Sheet {
  rows = [];
  absent = [];

  /**
   * @param {Record<string, number[]>} metrics samples by the name of a metric of report/metrics.mjs
   */
  add(group, contender, metrics) {
    const summaries = Object.entries(metrics).map(([metric, samples]) => [metric, summarize(samples)]);
    this.rows.push({ group, ...describe(contender), metrics: Object.fromEntries(summaries) });
  }

  /** The samples of a round as `{ metric: number }`, in the order of the rounds. */
  addRounds(group, contender, rounds) {
    const metrics = Object.keys(rounds[0]).map((metric) => [metric, rounds.map((round) => round[metric])]);
    this.add(group, contender, Object.fromEntries(metrics));
  }

  /**
   * A fault is a contender that crashed or decided wrongly; anything else is something that it or
   * this machine does not have.
   */
  miss(group, contender, error, { fault = true } = {}) {
    const why = error instanceof Error ? error.message : error;
    this.absent.push({ group, ...describe(contender), why, fault });
  }
}

function describe({ name, title, kind }) {
  return { contender: name, title, kind };
}
