import type { Summary } from '../report/results.mjs';

export function median(numbers: readonly number[]): number;
export function quantile(numbers: readonly number[], part: number): number;
export function summarize(samples: readonly number[]): Summary;
export function ratio(over: Pick<Summary, 'samples'>, under: Pick<Summary, 'samples'>): number;
export function significant(number: number): number;
