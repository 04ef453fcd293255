import { BOUNDARIES } from './instruments.js';

/** Counts durations in buckets. @internal */
export class DurationHistogram {
  sum = 0;
  count = 0;
  private readonly counts = [...BOUNDARIES, 0].map(() => 0);

  add(seconds: number, count: number): void {
    this.sum += seconds * count;
    this.count += count;
    let index = 0;
    // Nearly all are in the first bucket.
    while (index < BOUNDARIES.length && seconds > (BOUNDARIES[index] as number)) index += 1;
    this.counts[index] = (this.counts[index] as number) + count;
  }

  addAll(other: DurationHistogram): void {
    this.sum += other.sum;
    this.count += other.count;
    other.counts.forEach((count, index) => (this.counts[index] = (this.counts[index] as number) + count));
  }

  /** The upper bound of each bucket with the count of everything up to it, as Prometheus has it. */
  cumulative(): [bound: number, count: number][] {
    let total = 0;
    return this.counts.map((count, index) => [BOUNDARIES[index] ?? Number.POSITIVE_INFINITY, (total += count)]);
  }
}
